"""Checks the URL, the secret and the names of a channel.

The database checks them when a specification is submitted. The daemon checks them again before it uses them, because
only the daemon knows the values of environment variables. The daemon imports this module, so it imports nothing else
of the package. No message repeats a value, because a value may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

#: Shown in place of a secret; submitted again, it keeps the stored secret.
REDACTED = "********"

#: Only variables with this prefix are looked up, because users who define channels must not read the rest of the
#: environment. The prefix is followed by the stakeholder in upper case, "__", and a name without "__". So the last "__"
#: ends the stakeholder, and two stakeholders, such as a and a_b, never share a variable.
ENVIRONMENT_PREFIX = "INTEGRATEDB_SECRET_"
ENVIRONMENT_FORM = f"{ENVIRONMENT_PREFIX}STAKEHOLDER__NAME"

_SCHEMES = {"WEBHOOK": ("http", "https"), "REDIS": ("redis", "rediss")}
_ENVIRONMENT = re.compile(
    rf"env:{ENVIRONMENT_PREFIX}(?P<stakeholder>[A-Z_][A-Z0-9_]{{0,31}})__(?=.{{1,100}}\Z)[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*"
)
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PRINTABLE = re.compile(r"[!-~]+")
#: Control characters of ASCII and Latin-1, and the separators of lines and paragraphs.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def is_environment(text: str) -> bool:
    """Whether a text stands for the value of a variable of the daemon's environment."""
    return text.startswith("env:")


def variables_of(stakeholder: str) -> str:
    """Return the prefix of the variables that the channels of a stakeholder may name."""
    return f"{ENVIRONMENT_PREFIX}{stakeholder.upper()}__"


def channel_problems(channel: dict[str, Any], stakeholder: str | None) -> list[tuple[str, str]]:
    """Return the faults of a channel that has the right keys: the key and the reason, without repeating a value.

    stakeholder: the owner of the channel; None: unknown, so only the form of variables is checked.
    """
    asked = {
        "url": lambda text: url_problem(text, channel["type"], stakeholder),
        "secret": lambda text: secret_problem(text, stakeholder),
        "stream": name_problem,
        "topic": name_problem,
    }
    found = [(key, problem(channel[key])) for key, problem in asked.items() if key in channel]
    return [(key, problem) for key, problem in found if problem is not None]


def url_problem(url: str, channel_type: str, stakeholder: str | None) -> str | None:
    """Return the fault of a URL, or None."""
    from urllib.parse import urlsplit  # slower to import than the rest of this module

    if is_environment(url):
        return environment_problem(url, stakeholder)
    schemes = _SCHEMES[channel_type]
    expected = f"a URL of a {channel_type} begins with {schemes[0]}:// or {schemes[1]}://"
    if REDACTED in url:
        return "its password is redacted, and no channel is stored with this name and URL; write the whole URL"
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        return "a URL has no spaces, backslashes or letters outside ASCII; write them percent-encoded"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"it is not a URL; {expected}"
    if parts.scheme not in schemes or not url.startswith(f"{parts.scheme}://"):
        return expected
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or port == 0:
        return "the URL names no host, or no possible port"
    if parts.netloc.count("@") > 1:
        return "an '@' in the user or password of a URL is written %40"
    if "#" in url:
        return "a URL that is called has no fragment (#)"
    if (problem := _userinfo_problem(parts.netloc.rpartition("@")[0])) is not None:
        return problem
    if channel_type == "REDIS" and ("?" in url or not re.fullmatch(r"/?|/[0-9]{1,5}", parts.path)):
        return "after the host of a Redis URL only a database number may follow, such as /0"
    return None


def secret_problem(secret: str, stakeholder: str | None) -> str | None:
    """Return the fault of a signing secret, or None."""
    if is_environment(secret):
        return environment_problem(secret, stakeholder)
    if secret == REDACTED:
        return (
            "the secret is redacted, and no channel of this name, type and URL has one stored; "
            "write it anew, also when only the URL changes"
        )
    encoded = secret.removeprefix("whsec_")
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if encoded == secret or not 24 <= len(decoded) <= 64 or base64.b64encode(decoded).decode() != encoded:
        return f"a secret is 'whsec_' and the base64 of 24 to 64 bytes, or 'env:{ENVIRONMENT_FORM}'"
    return None


def name_problem(name: str) -> str | None:
    """Return the fault of the name of a stream or topic, or None."""
    return "the name has control characters" if _CONTROL.search(name) else None


def environment_problem(text: str, stakeholder: str | None) -> str | None:
    """Return the fault of a text that begins with "env:", or None."""
    found = _ENVIRONMENT.fullmatch(text)
    if stakeholder is not None and (found is None or found["stakeholder"] != stakeholder.upper()):
        return (
            f"after 'env:' comes the name of an environment variable of {stakeholder}: {variables_of(stakeholder)}, "
            "and then letters and digits, with single '_' between them"
        )
    if found is None:
        return (
            f"after 'env:' comes the name of an environment variable: {ENVIRONMENT_PREFIX}, the stakeholder in "
            "capitals, '__', and then letters and digits, with single '_' between them"
        )
    return None


def _userinfo_problem(userinfo: str) -> str | None:
    """Return the fault of user and password, which a client decodes before it sends them, or None."""
    from urllib.parse import unquote_to_bytes

    try:
        decoded = unquote_to_bytes(userinfo).decode()
    except UnicodeDecodeError:
        return "the user or password of the URL is not UTF-8"
    return "the user or password of the URL has control characters" if _CONTROL.search(decoded) else None

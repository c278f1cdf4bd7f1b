"""The channels of a notifications document: what their texts may be, their defaults, and how secrets stay secret."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any

from .document import pointer, show
from .model import Refusal

Channel = dict[str, Any]

TYPES = ("SOCKET", "WEBHOOK", "REDIS")

#: What is shown in place of a secret; handed in again, it keeps the stored one.
REDACTED = "********"

_QUEUE = {"max_queue_bytes": 1073741824, "max_queue_age": 604800}
DEFAULTS: dict[str, dict[str, object]] = {
    "SOCKET": {"mode": "queue", **_QUEUE},
    "WEBHOOK": {"timeout": 10, "batch": 1, "concurrency": 1, **_QUEUE},
    "REDIS": dict(_QUEUE),
}

_SCHEMES = {"WEBHOOK": ("http", "https"), "REDIS": ("redis", "rediss")}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_ENVIRONMENT = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PRINTABLE = re.compile(r"[!-~]+")
_USERINFO = re.compile(r"(?P<before>[a-z]+://(?:[^/?#@:]*:)?)(?P<secret>[^/?#@]+)(?=@)")


def channel_name(channel: Channel) -> str:
    name: str = channel["name"] if "name" in channel else channel["type"]
    return name


def fill(channel: Channel) -> Channel:
    """The channel with its name and every default; a stream left out stays so: its default names the stakeholder."""
    return {"name": channel["type"], **DEFAULTS[channel["type"]], **channel}


def shorten_channel(channel: Channel) -> Channel:
    """The channel without what filling it would put back."""
    defaults = {"name": channel["type"], **DEFAULTS[channel["type"]]}
    return {key: value for key, value in channel.items() if key not in defaults or defaults[key] != value}


def redact(channel: Channel) -> Channel:
    """The channel as it may be shown: no signing secret, no password in the URL; ``env:NAME`` is no secret."""
    shown = dict(channel)
    if "secret" in shown and not _ENVIRONMENT.fullmatch(shown["secret"]):
        shown["secret"] = REDACTED
    if "url" in shown:
        shown["url"] = _redact_url(shown["url"])
    return shown


def restore(channel: Channel, stored: Sequence[Channel]) -> Channel:
    """The channel with redacted secrets replaced by those of the stored channel of its name and type, if any."""
    for earlier in stored:
        if channel_name(earlier) == channel_name(channel) and earlier["type"] == channel["type"]:
            restored = dict(channel)
            if restored.get("secret") == REDACTED:
                restored["secret"] = earlier["secret"]
            # Only the very same URL: a password never goes to a host it was not written for.
            if "url" in earlier and restored.get("url") == _redact_url(earlier["url"]):
                restored["url"] = earlier["url"]
            return restored
    return channel


def check_channels(channels: Sequence[Channel]) -> Iterator[Refusal]:
    """What the JSON Schema cannot say about channels; secrets have been restored."""
    seen: set[str] = set()
    for index, channel in enumerate(channels):
        steps = ("channels", index)
        name = channel_name(channel)
        place = pointer([*steps, "name"] if "name" in channel else steps)
        if name in seen:
            yield Refusal(f"there is another channel {show(name)}; every channel has a name of its own", place)
        seen.add(name)
        if not _NAME.fullmatch(name):
            yield Refusal(f"{show(name)} is not a channel name of letters, digits, _ and -", place)
        if name in TYPES and name != channel["type"]:
            yield Refusal(f"{name} stands for all channels of that type, so no {channel['type']} is called so", place)
        if "url" in channel and (problem := _url_problem(channel["url"], channel["type"])) is not None:
            yield Refusal(problem, pointer([*steps, "url"]))
        if "secret" in channel and (problem := _secret_problem(channel["secret"])) is not None:
            yield Refusal(problem, pointer([*steps, "secret"]))
        if "topic" in channel:
            for other in ("stream", "maxlen"):
                if other in channel:
                    yield Refusal(f'"{other}" cannot stand beside "topic"', pointer([*steps, other]))


def _redact_url(url: str) -> str:
    return _USERINFO.sub(lambda found: found["before"] + REDACTED, url, count=1)


def _url_problem(url: str, channel_type: str) -> str | None:
    """What is wrong with a URL, without repeating it: it may hold a password."""
    from urllib.parse import urlsplit

    if url.startswith("env:"):
        return _environment_problem(url)
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
        return 'an "@" in the user or password of a URL is written %40'
    if "#" in url:
        return "a URL that is called has no fragment (#)"
    if channel_type == "REDIS" and ("?" in url or not re.fullmatch(r"/?|/[0-9]{1,5}", parts.path)):
        return "after the host of a Redis URL only a database number may follow, such as /0"
    return None


def _secret_problem(secret: str) -> str | None:
    """What is wrong with a secret, without repeating it."""
    if secret.startswith("env:"):
        return _environment_problem(secret)
    if secret == REDACTED:
        return "the secret is redacted, and no channel of this name and type has one stored; write it anew"
    encoded = secret.removeprefix("whsec_")
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if encoded == secret or not 24 <= len(decoded) <= 64 or base64.b64encode(decoded).decode() != encoded:
        return 'a secret is "whsec_" and the base64 of 24 to 64 bytes, or "env:NAME"'
    return None


def _environment_problem(text: str) -> str | None:
    if _ENVIRONMENT.fullmatch(text):
        return None
    return 'after "env:" comes the name of an environment variable: letters, digits and "_"'

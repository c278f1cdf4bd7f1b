"""Handles the channels of a notifications document: validates them, fills defaults, and hides and restores secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from .channel_rules import REDACTED, channel_problems, is_environment
from .document import show

Channel = dict[str, Any]

TYPES = ("SOCKET", "WEBHOOK", "REDIS")

_QUEUE = {"max_queue_bytes": 1073741824, "max_queue_age": 604800}
DEFAULTS: dict[str, dict[str, object]] = {
    "SOCKET": {"mode": "queue", **_QUEUE},
    "WEBHOOK": {"timeout": 10, "batch": 1, "concurrency": 1, **_QUEUE},
    "REDIS": dict(_QUEUE),
}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_USERINFO = re.compile(r"(?P<before>[a-z]+://(?:[^/?#@:]*:)?)(?P<secret>[^/?#@]+)(?=@)")


def channel_name(channel: Channel) -> str:
    name: str = channel["name"] if "name" in channel else channel["type"]
    return name


def fill(channel: Channel) -> Channel:
    """Return the channel with its name and every default; an omitted stream stays omitted."""
    return {"name": channel["type"], **DEFAULTS[channel["type"]], **channel}


def shorten_channel(channel: Channel) -> Channel:
    """Return the channel without what fill() would add."""
    defaults = {"name": channel["type"], **DEFAULTS[channel["type"]]}
    return {key: value for key, value in channel.items() if key not in defaults or defaults[key] != value}


def redact(channel: Channel) -> Channel:
    """Return the channel without signing secret and without password in the URL; ``env:NAME`` is not a secret."""
    shown = dict(channel)
    if "secret" in shown and not is_environment(shown["secret"]):
        shown["secret"] = REDACTED
    if "url" in shown:
        shown["url"] = _redact_url(shown["url"])
    return shown


def restore(channel: Channel, stored: Sequence[Channel]) -> Channel:
    """Return the channel with redacted secrets replaced by those of the stored channel of its name and type."""
    for earlier in stored:
        if channel_name(earlier) == channel_name(channel) and earlier["type"] == channel["type"]:
            restored = dict(channel)
            # Only for the same URL, so that a password or a signature is never sent to another receiver.
            if "url" in earlier and restored.get("url") in (earlier["url"], _redact_url(earlier["url"])):
                restored["url"] = earlier["url"]
                if restored.get("secret") == REDACTED:
                    restored["secret"] = earlier.get("secret", REDACTED)
            return restored
    return channel


def check_channels(channels: Sequence[Channel], stakeholder: str | None) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """What is refused that the JSON Schema cannot say, and where; secrets have been restored."""
    seen: set[str] = set()
    for index, channel in enumerate(channels):
        steps: tuple[str | int, ...] = ("channels", index)
        name = channel_name(channel)
        place = (*steps, "name") if "name" in channel else steps
        if name in seen:
            yield f"there is another channel {show(name)}; every channel has a name of its own", place
        seen.add(name)
        if not _NAME.fullmatch(name):
            yield f"{show(name)} is not a channel name of letters, digits, _ and -", place
        if name in TYPES and name != channel["type"]:
            yield f"{name} stands for all channels of that type, so no {channel['type']} is called so", place
        for key, problem in channel_problems(channel, stakeholder):
            yield problem, (*steps, key)
        if "topic" in channel:
            for other in ("stream", "maxlen"):
                if other in channel:
                    yield f"{show(other)} cannot stand beside 'topic'", (*steps, other)


def _redact_url(url: str) -> str:
    return _USERINFO.sub(lambda found: found["before"] + REDACTED, url, count=1)

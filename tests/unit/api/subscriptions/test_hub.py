"""Which groups get which changes, and that what is missing is reported to all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from integratedb_companion.api.subscriptions import hub as hubs
from integratedb_companion.api.subscriptions.feed import Feed, Told, feed_url
from integratedb_companion.api.subscriptions.groups import GroupError
from integratedb_companion.api.subscriptions.hub import Hub
from integratedb_companion.api.subscriptions.shares import Shares


class Group:
    """What a hub calls of a group."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def changed(self, kind: str, key: Any) -> None:
        self.calls.append((kind, key))

    def resync(self) -> None:
        self.calls.append("resync")

    def look(self) -> None:
        self.calls.append("look")


def passed_on(*frames: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Return what two groups get of what the daemon sends, and which commits were waited for."""
    waited: list[Any] = []
    first, other = Group(), Group()

    async def wait(xids: Sequence[int], lsn: int) -> None:
        waited.append((sorted(xids), lsn))

    async def follow() -> None:
        hub: Any = Hub.__new__(Hub)
        hub._feed = Feed("ws://127.0.0.1:1", lambda: None)
        hub._visibility = SimpleNamespace(wait=wait)
        hub._watch_of = {first: 1, other: 2}
        hub._by_number = {1: SimpleNamespace(groups={first: None}), 2: SimpleNamespace(groups={other: None})}
        for frame in frames:
            hub._feed._told.put_nowait(Told(frame, 1))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await hub._follow()

    asyncio.run(follow())
    return first.calls, other.calls, waited


def test_a_change_is_passed_on_to_who_watches_the_table_when_it_is_visible() -> None:
    first, other, waited = passed_on(
        [[1, "I", ["5"], 731, 100], [2, "D", ["6"], 732, 110]], [[1, "T", None, 733, 120], [3, "I", ["7"], 733, 120]]
    )
    assert first == [("I", ("5",)), ("T", None)]
    assert other == [("D", ("6",))]
    assert waited == [([731, 732, 733], 120)]


def test_missing_changes_are_reported_to_all_and_marks_to_nobody() -> None:
    assert passed_on(None, [[9, "M", [731], 100]]) == (["resync"], ["resync"], [])


def test_a_changed_state_lets_all_look_at_their_surface() -> None:
    assert passed_on([[0, "S"]]) == (["look"], ["look"], [])


class Named(SimpleNamespace):
    """Something that stands for a group, of which the hub makes sets."""

    def __hash__(self) -> int:  # type: ignore[override]  # a namespace has no hash
        return id(self)


class Ended(Named):
    """A group that has failed."""


def test_a_group_that_failed_without_subscribers_is_no_longer_counted() -> None:
    async def counted() -> tuple[int, int]:
        hub: Any = Hub.__new__(Hub)
        ended = Ended(key="same", role="web", is_ended=True, members={}, end=lambda: None)
        hub._groups, hub._group_shares, hub._starting, hub._watch_of = {"same": ended}, Shares(), {}, {}
        hub._group_shares.add(ended, "web", ())
        hub._shared = SimpleNamespace(groups=1)

        async def start(key: str, subject: Any) -> Any:
            hub._groups[key] = group = object()
            hub._group_shares.add(group, subject.caller.role, ())

        hub._start = start
        await hub._group(SimpleNamespace(key="same", caller=SimpleNamespace(role="web")))
        hub._drop_unless_used(ended)
        return len(hub._groups), len(hub._group_shares)

    assert asyncio.run(counted()) == (1, 1)


def test_the_daemon_may_be_named_by_http_and_below_a_path() -> None:
    assert feed_url("http://127.0.0.1:4400") == "ws://127.0.0.1:4400/v1/feed"
    assert feed_url("wss://db.example/daemon/") == "wss://db.example/daemon/v1/feed"
    assert feed_url("ws://db:4400/v1/feed") == "ws://db:4400/v1/feed"


def test_where_all_groups_are_taken_who_has_most_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "MOST_GROUPS", 3)

    class Live(Named):
        """A group that is live."""

        def fail(self, errors: Any) -> None:
            self.errors = errors

        def end(self) -> None:
            self.is_ended = True

    async def asked() -> tuple[list[Any], bool]:
        hub: Any = Hub.__new__(Hub)
        hub._groups, hub._group_shares, hub._starting, hub._watch_of = {}, Shares(), {}, {}
        hub._shared = SimpleNamespace(groups=3)

        async def start(key: str, subject: Any) -> Any:
            group = Live(key=key, is_live=True, is_ended=False, members={}, errors=None)
            hub._groups[key] = group
            hub._group_shares.add(group, subject.caller.role, subject.caller.settings)
            return group

        hub._start = start

        async def ask(role: str, key: str) -> Any:
            return await hub._group(SimpleNamespace(key=key, caller=SimpleNamespace(role=role, settings=())))

        greedy = [await ask("greedy", str(number)) for number in range(3)]
        await ask("modest", "one")
        with pytest.raises(GroupError):
            await ask("greedy", "another")
        return [group.errors and group.errors[0]["extensions"]["code"] for group in greedy], greedy[-1].is_ended

    assert asyncio.run(asked()) == ([None, None, "PGRSTX02"], True)

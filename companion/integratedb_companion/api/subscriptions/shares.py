"""Shares what is limited between roles, and between the callers of a role. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Shares(Generic[Item]):
    """Who holds which items."""

    def __init__(self) -> None:
        self._held: dict[str, dict[Hashable, dict[Item, None]]] = {}
        self._holders: dict[Item, tuple[str, Hashable]] = {}

    def add(self, item: Item, role: str, caller: Hashable) -> None:
        """Note who holds an item."""
        self._holders[item] = role, caller
        self._held.setdefault(role, {}).setdefault(caller, {})[item] = None

    def remove(self, item: Item) -> None:
        """Note that nobody holds an item any more."""
        if item not in self._holders:
            return
        role, caller = self._holders.pop(item)
        callers = self._held[role]
        del callers[caller][item]
        if not callers[caller]:
            del callers[caller]
        if not callers:
            del self._held[role]

    def __len__(self) -> int:
        return len(self._holders)

    def to_end(self, role: str, caller: Hashable, may_end: Callable[[Item], bool]) -> Item | None:
        """Return the item to end for a caller who wants one where all are taken; None: the caller has a fair share.

        Whoever holds most gives way to who holds less: a role to another one, and a caller to another one of the role.
        """
        most = max(self._held, key=self._of_role, default=role)
        if self._of_role(most) <= self._of_role(role) + 1:
            most = role
        callers = self._held.get(most, {})
        first = max(callers, key=lambda each: len(callers[each]), default=caller)
        if most == role and len(callers.get(first, ())) <= len(callers.get(caller, ())) + 1:
            return None
        return next((item for item in reversed(callers.get(first, {})) if may_end(item)), None)

    def _of_role(self, role: str) -> int:
        return sum(map(len, self._held.get(role, {}).values()))

"""What a user is restricted to; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scopes:
    """The stakeholders a user may manage, and the schemas it may have them depend on; None: all."""

    stakeholders: frozenset[str] | None = None
    schemas: frozenset[str] | None = None

    @classmethod
    def read(cls, stored: Mapping[str, Sequence[str] | None] | None) -> Scopes:
        """Read them as the database has them."""

        def names(key: str) -> frozenset[str] | None:
            given = (stored or {}).get(key)
            return None if given is None else frozenset(given)

        return cls(names("stakeholders"), names("schemas"))

    @property
    def is_everything(self) -> bool:
        """Whether there is no restriction."""
        return self.stakeholders is None and self.schemas is None

    def has_stakeholder(self, name: str) -> bool:
        """Whether the user may manage this one."""
        return self.stakeholders is None or name in self.stakeholders

    def outside(self, schemas: Iterable[str], private: Iterable[str]) -> list[str]:
        """Which of these schemas the user may not name.

        Where schemas are listed, all others. Else those private ones, or that may become so, which are not of a
        stakeholder that the user manages.
        """
        if self.schemas is not None:
            return sorted(set(schemas) - self.schemas)
        return sorted(name for name in set(schemas) & set(private) if not self.has_stakeholder(name))


#: Of a user without restrictions, and of nobody in particular.
EVERYTHING = Scopes()

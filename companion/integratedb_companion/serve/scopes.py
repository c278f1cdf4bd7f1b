"""Defines the restrictions of users; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scopes:
    """The stakeholders that a user may manage, and the schemas that they may depend on; None: all."""

    stakeholders: frozenset[str] | None = None
    schemas: frozenset[str] | None = None

    @classmethod
    def read(cls, stored: Mapping[str, Sequence[str] | None] | None) -> Scopes:
        """Read scopes as the database stores them."""

        def names(key: str) -> frozenset[str] | None:
            given = (stored or {}).get(key)
            return None if given is None else frozenset(given)

        return cls(names("stakeholders"), names("schemas"))

    @property
    def is_everything(self) -> bool:
        """Whether there is no restriction."""
        return self.stakeholders is None and self.schemas is None

    def has_stakeholder(self, name: str) -> bool:
        """Whether the user may manage this stakeholder."""
        return self.stakeholders is None or name in self.stakeholders

    def outside(self, schemas: Iterable[str], private: Iterable[str]) -> list[str]:
        """Return the schemas that the user may not name.

        If schemas are listed, these are all others. Otherwise they are the private schemas, now or possibly later, of
        stakeholders that the user does not manage.
        """
        if self.schemas is not None:
            return sorted(set(schemas) - self.schemas)
        return sorted(name for name in set(schemas) & set(private) if not self.has_stakeholder(name))


#: No restrictions: for unrestricted users, and for requests without login.
EVERYTHING = Scopes()

"""Reads the Prefer header, and says which preferences an answer has applied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_CHOICES = {
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "missing": ("default", "null"),
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    "tx": ("commit", "rollback"),
    "handling": ("strict", "lenient"),
}
_NUMBER = re.compile(r"\s*-?[0-9]{1,18}\s*")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a client prefers; None: it says nothing."""

    resolution: str | None = None  #: merge-duplicates, ignore-duplicates
    missing: str | None = None  #: default, null
    returned: str | None = None  #: representation, minimal, headers-only
    count: str | None = None  #: exact, planned, estimated
    transaction: str | None = None  #: commit, rollback
    handling: str | None = None  #: strict, lenient
    timezone: str | None = None
    max_affected: int | None = None
    #: Preferences that are none of PostgREST's.
    invalid: tuple[str, ...] = ()

    @property
    def strict(self) -> bool:
        return self.handling == "strict"

    @property
    def affected_limit(self) -> int | None:
        """How many rows a write may change: ``max-affected`` counts with ``handling=strict`` only."""
        return self.max_affected if self.strict else None

    def applied(self, kind: str, has_conflict_target: bool = True) -> str | None:
        """The value of Preference-Applied for an answer of this kind; None: there is no such header.

        ``has_conflict_target``: the relation has a primary key, or the request has on_conflict.
        """
        writes = kind in {"insert", "upsert one", "update", "delete"}
        wanted = (
            ("resolution", self.resolution if kind == "insert" and has_conflict_target else None),
            ("missing", self.missing if kind in {"insert", "update"} else None),
            ("return", self.returned if writes else None),
            ("count", self.count),
            ("tx", self.transaction),
            ("handling", self.handling),
            ("timezone", self.timezone),
            ("max-affected", self.affected_limit if kind in {"update", "delete", "call"} else None),
        )
        found = [f"{name}={value}" for name, value in wanted if value is not None]
        return ", ".join(found) or None


@lru_cache(maxsize=128)
def parse_preferences(header: str, transaction_override: bool) -> Preferences:
    """The preferences of a header; where one is given several times, the first counts."""
    chosen: dict[str, str] = {}
    timezone: str | None = None
    max_affected: str | None = None
    invalid: list[str] = []
    for text in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = text.partition("=")
        if value in _CHOICES.get(name, ()):
            chosen.setdefault(name, value)
        elif text.startswith("timezone="):
            timezone = value if timezone is None else timezone
        elif text.startswith("max-affected="):
            max_affected = value if max_affected is None else max_affected
        else:
            invalid.append(text)
    return Preferences(
        chosen.get("resolution"),
        chosen.get("missing"),
        chosen.get("return"),
        chosen.get("count"),
        chosen.get("tx") if transaction_override else None,
        chosen.get("handling"),
        timezone,
        int(max_affected) if max_affected and _NUMBER.fullmatch(max_affected) else None,
        tuple(invalid),
    )

"""What the catalog says at one moment, read by queries of the tests' own: all that the model knows of Postgres."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import Session

#: The precision of numbers as information_schema.columns.numeric_precision has it.
PRECISION = {"smallint": 16, "integer": 32, "bigint": 64, "real": 24, "double precision": 53}
UNLIMITED = 2**31 - 1


@dataclass(frozen=True)
class Column:
    """A column; `type` is its name without modifier, under an empty search path; `base` that of the type in a domain.

    `readers` may SELECT it, and everybody where it is `public`; `granted` are in its access list.
    """

    name: str
    number: int
    type: str
    type_kind: str
    base: str
    length: int
    not_null: bool
    generated: bool
    public: bool
    readers: frozenset[str]
    granted: frozenset[str]


@dataclass(frozen=True)
class Policy:
    """A policy of row level security; `roles` is empty for PUBLIC."""

    permissive: bool
    command: str
    roles: frozenset[str]


@dataclass(frozen=True)
class Relation:
    """A table, view, materialised view, foreign table or partitioned table.

    `reads`: of a view, the columns (object identifier and number, 0 for none) that its query names. `invoker`: whether
    these are read with the rights of who asks. `unique`, `primary` and `references` are its keys, by the numbers of
    columns: a reference has the object identifier of the other relation, and pairs.
    """

    oid: int
    schema: str
    name: str
    kind: str
    is_partition: bool
    permanent: bool
    identified: bool
    row_security: bool
    invoker: bool
    reads: frozenset[tuple[int, int]]
    columns: dict[str, Column]
    policies: tuple[Policy, ...]
    leaves: frozenset[int]
    granted: frozenset[str]
    publications: frozenset[str]
    unique: frozenset[frozenset[int]]
    primary: tuple[int, ...]
    references: frozenset[tuple[int, frozenset[tuple[int, int]]]]

    @property
    def key(self) -> tuple[str, str]:
        """Its name."""
        return (self.schema, self.name)

    @property
    def publishable(self) -> bool:
        """Whether it may be notified of."""
        return self.kind in "rp" and self.permanent and not self.is_partition


@dataclass(frozen=True)
class Schema:
    """A schema; `users` have USAGE, `granted` in its access list."""

    oid: int
    name: str
    users: frozenset[str]
    granted: frozenset[str]


@dataclass(frozen=True)
class Catalog:
    """The schemas of one owner, and what is in them."""

    schemas: dict[str, Schema] = field(default_factory=dict)
    relations: dict[tuple[str, str], Relation] = field(default_factory=dict)
    types: tuple[tuple[str, str, str], ...] = ()

    @property
    def by_oid(self) -> dict[int, Relation]:
        """The relations by object identifier."""
        return {relation.oid: relation for relation in self.relations.values()}

    def columns(self) -> Iterator[tuple[Relation, Column]]:
        """All columns."""
        for relation in self.relations.values():
            for column in relation.columns.values():
                yield relation, column


QUERY = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")


def read(session: Session, owner: str, roles: tuple[str, ...]) -> Catalog:
    """Read what `owner` has in schemas of its own, and what these roles may read of it."""
    found = session.execute(QUERY, {"owner": owner, "roles": list(roles)}).fetchone()
    assert found is not None
    content: dict[str, Any] = found[0]
    schemas = [Schema(s["oid"], s["name"], frozenset(s["users"]), frozenset(s["granted"])) for s in content["schemas"]]
    relations = [_relation(relation) for relation in content["relations"]]
    return Catalog(
        {schema.name: schema for schema in schemas},
        {relation.key: relation for relation in relations},
        tuple((schema, name, kind) for schema, name, kind in content["types"]),
    )


def _relation(found: dict[str, Any]) -> Relation:
    columns = {column["name"]: _column(column) for column in found.pop("columns")}
    policies = tuple(Policy(p["permissive"], p["command"], frozenset(p["roles"])) for p in found.pop("policies"))
    sets: dict[str, Any] = {name: frozenset(found.pop(name)) for name in ("leaves", "granted", "publications")}
    reads = frozenset((oid, number) for oid, number in found.pop("reads"))
    unique = frozenset(frozenset(key) for key in found.pop("unique"))
    primary = tuple(found.pop("primary") or ())
    references = frozenset(
        (other, frozenset(zip(own, its, strict=True))) for other, own, its in found.pop("references")
    )
    sets |= {"unique": unique, "primary": primary, "references": references}
    return Relation(**found, reads=reads, **sets, columns=columns, policies=policies)


def _column(found: dict[str, Any]) -> Column:
    base, _, modifier = found["base"].partition("(")
    length = int(re.match(r"\d+", modifier)[0]) if modifier else PRECISION.get(base, UNLIMITED)  # type: ignore[index]  # a number
    # A modifier stands before the brackets of an array.
    found["base"] = base + ("[]" if modifier.endswith("[]") else "")
    sets: dict[str, Any] = {name: frozenset(found.pop(name)) for name in ("readers", "granted")}
    return Column(**found, **sets, length=length)

"""The contract in a few lines: what claims mean, when a transaction is refused, and what may be read and is published.

Written from the documents, not from the engine: it knows a specification, the catalog at each moment that counts, and
what it said before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.sql.fuzz.catalog import UNLIMITED, Catalog, Column, Relation, Schema

#: What a specification may call a type, by the name that format_type has for it.
SPELLINGS = {
    "smallint": ("smallint", "int2"),
    "integer": ("integer", "int", "int4", "pg_catalog.int4"),
    "bigint": ("bigint", "int8"),
    "text": ("text", "pg_catalog.text"),
    "character varying": ("varchar", "character varying"),
    "numeric": ("numeric", "decimal"),
    "boolean": ("boolean", "bool"),
    "timestamp with time zone": ("timestamptz", "timestamp with time zone"),
    "jsonb": ("jsonb",),
    "integer[]": ("integer[]", "int4[]"),
    "text[]": ("text[]", "text ARRAY"),
    "character varying[]": ("varchar[]",),
}

Event = str
EVENTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


@dataclass(frozen=True)
class Wanted:
    """A field alternative as expanded: `exactly` is a type by its own name, `type` one as a specification calls it."""

    name: str
    type: str | None = None
    exactly: str | None = None
    length: int | None = None
    not_null: bool = False
    number: int | None = None


@dataclass(frozen=True)
class Field:
    """A required column, or one of several."""

    optional: bool
    choices: tuple[Wanted, ...]


@dataclass(frozen=True)
class Key:
    """A unique key, or a reference `to` a relation; without `to_fields`, to its primary key."""

    fields: tuple[str, ...]
    to: tuple[str, str] | None = None
    to_fields: tuple[str, ...] | None = None
    #: The relation and columns that it referenced when it was expanded.
    to_oid: int | None = field(default=None, compare=False)
    to_numbers: tuple[int | None, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Table:
    """A relation as expanded; `oid` is the one that had the name then."""

    key: tuple[str, str]
    oid: int | None
    fields: tuple[Field, ...]
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A match as expanded; each alternative is one table, or all those of a schema."""

    stakeholder: str
    kind: str
    path: str
    optional: bool
    schema: str | None
    alternatives: tuple[tuple[Table, ...], ...]
    events: frozenset[Event]
    has_wildcard: bool
    #: Of `schema.*`: what the stakeholder cannot read, and never could.
    left_out: frozenset[int]
    source: dict[str, Any] = field(hash=False, compare=False)
    #: The saved query that it is derived from: two may read the same.
    query: str | None = None
    #: The day up to which a deprecation that comes later lets nobody remove it.
    until: str | None = None

    @property
    def name(self) -> tuple[str, str, str]:
        """As integratedb_unmet_claims() lists it."""
        return (self.stakeholder, self.kind, self.path)

    def tables(self) -> Iterator[Table]:
        """All tables of all alternatives."""
        for alternative in self.alternatives:
            yield from alternative


def split_path(path: str) -> tuple[str, str]:
    """The schema and the relation of a path."""
    first, second = re.findall(r'"(?:[^"]|"")*"|[^".]+', path)
    return _unquoted(first), _unquoted(second)


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def quoted(part: str) -> str:
    """A part of a path with quotes where it needs them."""
    return part if re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]{0,62}", part) else '"' + part.replace('"', '""') + '"'


def expand(stakeholder: str, kind: str, match: dict[str, Any], catalog: Catalog) -> Claim:
    """What a match means in this catalog."""
    written = match.get("alternatives", [match])
    schema, first = split_path(written[0]["path"])
    whole_schema = schema if first == "*" else None
    if whole_schema is not None:
        alternatives = [
            tuple(
                Table(relation.key, relation.oid, tuple(_every_column(relation)))
                for relation in catalog.relations.values()
                if relation.schema == schema and not relation.is_partition
            )
        ]
    else:
        alternatives = [(_table(alternative, catalog),) for alternative in written]
    events = match.get("events", ["*"])
    return Claim(
        stakeholder,
        kind,
        f"{quoted(schema)}.{first if first == '*' else quoted(first)}",
        match.get("optional", False),
        whole_schema,
        tuple(alternatives),
        frozenset(EVENTS if "*" in events else events),
        any("*" in (alternative.get("fields") or []) for alternative in written),
        frozenset(),
        match,
        match.get("query"),
        match.get("until"),
    )


def _table(alternative: dict[str, Any], catalog: Catalog) -> Table:
    key = split_path(alternative["path"])
    relation = catalog.relations.get(key)
    fields = alternative.get("fields") or []
    oid, keys = relation.oid if relation else None, _keys(alternative, catalog)
    if fields == ["*"]:
        return Table(key, oid, tuple(_every_column(relation)) if relation else (), keys)
    return Table(key, oid, tuple(_field(given, relation) for given in fields), keys)


def _keys(alternative: dict[str, Any], catalog: Catalog) -> tuple[Key, ...]:
    unique = [Key(tuple(names)) for names in alternative.get("unique", ())]
    references = []
    for given in alternative.get("references", ()):
        to = split_path(given["to"])
        other = catalog.relations.get(to)
        to_fields = tuple(given["to_fields"]) if "to_fields" in given else None
        columns = other.columns if other else {}
        numbers = tuple(columns[name].number if name in columns else None for name in to_fields or ())
        references.append(Key(tuple(given["fields"]), to, to_fields, other.oid if other else None, numbers))
    return (*unique, *references)


def _every_column(relation: Relation) -> Iterator[Field]:
    for column in relation.columns.values():
        yield Field(False, (_filled({"name": column.name}, column),))


def _field(given: str | dict[str, Any], relation: Relation | None) -> Field:
    written = {"name": given} if isinstance(given, str) else given
    choices = [{"name": c} if isinstance(c, str) else c for c in written.get("alternatives", [written])]
    columns = relation.columns if relation else {}
    return Field(
        bool(written.get("optional", False)), tuple(_filled(choice, columns.get(choice["name"])) for choice in choices)
    )


def _filled(choice: dict[str, Any], column: Column | None) -> Wanted:
    """What is left out is taken from the column, where there is one."""
    length = choice.get("min_length")
    nullable = choice.get("is_nullable")
    if isinstance(nullable, str):
        nullable = nullable == "true"
    return Wanted(
        choice["name"],
        choice.get("type"),
        column.type if column and "type" not in choice else None,
        UNLIMITED if length == "unlimited" else length if length is not None else column.length if column else None,
        not nullable if nullable is not None else bool(column and column.not_null),
        column.number if column else None,
    )


def is_type(column: Column, spelling: str) -> bool:
    """Whether a specification may call the column's type so."""
    if column.type_kind == "b":
        return spelling in SPELLINGS[column.type] or (spelling == "ARRAY" and column.type.endswith("[]"))
    bare = column.type.rpartition(".")[2]
    own = spelling in (column.type, bare)
    return own or (spelling == "USER-DEFINED" if column.type_kind == "e" else spelling in SPELLINGS[column.base])


def is_met(claim: Claim, catalog: Catalog) -> bool:
    """Whether the catalog satisfies a claim as expanded."""
    if claim.optional:
        return True
    if claim.schema is not None and claim.schema not in catalog.schemas:
        return False
    return any(
        all(_is_table_met(table, claim.stakeholder, catalog) for table in alternative)
        for alternative in claim.alternatives
    )


def _is_table_met(table: Table, role: str, catalog: Catalog) -> bool:
    relation = catalog.relations.get(table.key)
    if relation is None:
        return False
    # A privilege counts where it was given: what was recreated gets it at the COMMIT.
    asked = relation.oid == table.oid
    if asked and role not in catalog.schemas[relation.schema].users:
        return False
    if not _shows_rows(relation, role) or (asked and not may_read_below(relation, role, catalog)):
        return False
    return all(
        wanted.optional
        or any(_is_column_met(c, relation.columns.get(c.name), role if asked else None) for c in wanted.choices)
        for wanted in table.fields
    ) and all(_is_key_met(key, table, relation, catalog) for key in table.keys)


def _is_key_met(key: Key, table: Table, relation: Relation, catalog: Catalog) -> bool:
    """Whether the columns that serve the fields are such a key; what is no table needs none."""
    fields = {wanted.choices[0].name: wanted for wanted in table.fields}
    if any(name in fields and fields[name].optional for name in key.fields):
        return True
    own = [_serving(fields[name], relation) if name in fields else None for name in key.fields]
    if None in own:
        return False
    if key.to is None:
        return relation.kind not in "rp" or frozenset(own) in relation.unique
    other = catalog.relations.get(key.to)
    if other is None:
        return False
    if key.to_fields is None:
        its = list(other.primary)
    else:
        its = [other.columns[name].number for name in key.to_fields if name in other.columns]
    if len(its) != len(own):
        return False
    if relation.kind not in "rp" or other.kind not in "rp":
        return True
    return (other.oid, frozenset(zip(own, its, strict=True))) in relation.references


def _serving(wanted: Field, relation: Relation) -> int | None:
    for choice in wanted.choices:
        column = relation.columns.get(choice.name)
        if column is not None and (len(wanted.choices) == 1 or _is_column_met(choice, column, None)):
            return column.number
    return None


def _shows_rows(relation: Relation, role: str) -> bool:
    return not relation.row_security or any(
        p.permissive and p.command in "r*" and (not p.roles or role in p.roles) for p in relation.policies
    )


def may_read_below(view: Relation, role: str, catalog: Catalog) -> bool:
    """Whether a SELECT from the view may read what its query names, all of it, whichever columns are asked for.

    A view has the rights of its owner there, who owns everything; or those of who asks, also below a view of the other
    kind. The schemas below do not count: names were looked up when the view was made.
    """
    below: dict[int, set[int]] = {}
    for oid, number in view.reads:
        below.setdefault(oid, set()).add(number)
    for oid, numbers in below.items():
        relation = catalog.by_oid.get(oid)
        if relation is None:
            continue
        if view.invoker:
            columns = [column for column in relation.columns.values() if column.number in numbers]
            # A query that names no column asks for a privilege on any.
            readable = all(role in column.readers for column in columns) and (
                bool(columns) or any(role in column.readers for column in relation.columns.values())
            )
            if not readable or not _shows_rows(relation, role):
                return False
        if not may_read_below(relation, role, catalog):
            return False
    return True


def _is_column_met(wanted: Wanted, column: Column | None, role: str | None) -> bool:
    return (
        column is not None
        and (wanted.exactly is None or wanted.exactly == column.type)
        and (wanted.type is None or is_type(column, wanted.type))
        and (wanted.length is None or wanted.length <= column.length)
        and (column.not_null or not wanted.not_null)
        and (role is None or column.number != wanted.number or role in column.readers)
    )


def is_untold(claim: Claim, catalog: Catalog) -> bool:
    """Whether any table that it asks to be notified of cannot be told: such a specification is not stored."""
    return any(_is_table_untold(claim, table, catalog) for table in claim.tables())


def is_untellable(claim: Claim, catalog: Catalog) -> bool:
    """Whether nothing that would satisfy it can be told: a transaction that leaves it so is refused."""
    return (
        not claim.optional
        and is_untold(claim, catalog)
        and not any(
            all(
                _is_table_met(table, claim.stakeholder, catalog) and not _is_table_untold(claim, table, catalog)
                for table in alternative
            )
            for alternative in claim.alternatives
        )
    )


def _is_table_untold(claim: Claim, table: Table, catalog: Catalog) -> bool:
    relation = catalog.relations.get(table.key)
    if claim.kind != "notifications" or relation is None or relation.oid != table.oid:
        return False
    named = claim.schema is None
    if named and not relation.publishable:
        return True
    if (
        relation.publishable
        and claim.events & {"UPDATE", "DELETE"}
        and not is_identified(relation, catalog)
        and (named or "integratedb" in relation.publications)
    ):
        return True
    generated = {column.number for column in relation.columns.values() if column.generated}
    return not claim.has_wildcard and any(c.number in generated for f in table.fields for c in f.choices)


def is_identified(relation: Relation, catalog: Catalog) -> bool:
    """Whether every table that holds its rows has a replica identity."""
    leaves = [catalog.by_oid[leaf] for leaf in relation.leaves if leaf in catalog.by_oid]
    return all(leaf.identified for leaf in ([relation] if relation.kind == "r" else leaves) if leaf.kind == "r")


Place = tuple[str, int, int]


@dataclass(frozen=True)
class State:
    """What the model remembers: specifications, their expansions, who is let off, and which grants are the engine's."""

    claims: tuple[Claim, ...] = ()
    excused: frozenset[Claim] = frozenset()
    granted: frozenset[Place] = frozenset()
    used: frozenset[tuple[str, int]] = frozenset()
    overridden: bool = False
    #: Whose specifications an owner submitted, who may replace those and no others.
    by_owner: frozenset[tuple[str, str]] = frozenset()
    #: Those of the excused whose rest is still enforced: a deprecation or a waiver let them off.
    allowed: frozenset[Claim] = frozenset()
    #: What is deprecated, binding and due: a relation (number 0) or a column. And what was removed because of it.
    due: frozenset[tuple[int, int]] = frozenset()
    gone: frozenset[tuple[int, int]] = frozenset()
    #: Whom a deprecated thing was promised to.
    promised: frozenset[tuple[str, int, int]] = frozenset()
    #: A stakeholder, a path and a field; None: all of the table, or of the schema.
    waived: frozenset[tuple[str, str, str | None]] = frozenset()

    def unmet(self, catalog: Catalog) -> list[Claim]:
        """The claims that the catalog does not satisfy."""
        return [claim for claim in self.claims if not is_met(claim, catalog)]

    def listed(self, catalog: Catalog) -> Counter[tuple[str, str, str]]:
        """What integratedb_unmet_claims() lists."""
        return Counter(c.name for c in self.claims if not is_met(c, catalog) or is_untellable(c, catalog))


@dataclass(frozen=True)
class Verdict:
    """Whether it is refused and on whose account; else the state after it.

    `maybe`: what stays left out, unless it changed in a way that the catalog does not tell.
    """

    refused: Counter[tuple[str, str]]
    state: State
    maybe: dict[int, frozenset[Table]] = field(default_factory=dict)


def _names(claims: list[Claim]) -> Counter[tuple[str, str]]:
    return Counter((claim.stakeholder, claim.kind) for claim in claims)


def can_be_read(table: Table, role: str, catalog: Catalog) -> bool:
    """Whether a SELECT of all its columns works, for what `schema.*` gets."""
    relation = catalog.relations[table.key]
    return (
        role in catalog.schemas[relation.schema].users
        and _shows_rows(relation, role)
        and may_read_below(relation, role, catalog)
        # As many columns as it may read: of those that it may not, each is left out.
        and (not relation.columns or any(role in column.readers for column in relation.columns.values()))
    )


def without_unreadable(claim: Claim, before: Claim | None, catalog: Catalog) -> Claim:
    """`schema.*` without what the stakeholder cannot read, unless it was part of the claim before.

    What could be read and cannot be any more stays: somebody took it away.
    """
    if claim.schema is None:
        return claim
    known = {table.oid for table in before.tables()} if before else set()
    names = {table.key for table in before.tables()} if before else set()
    tables = list(claim.tables())
    left_out = frozenset(
        table.oid
        for table in tables
        if table.oid is not None
        and table.oid not in known
        and table.key not in names
        and not can_be_read(table, claim.stakeholder, catalog)
    )
    return _only(claim, left_out)


def _only(claim: Claim, left_out: frozenset[int]) -> Claim:
    tables = tuple(table for table in claim.tables() if table.oid not in left_out)
    return replace(claim, alternatives=(tables,), left_out=claim.left_out | left_out)


def depends(claim: Claim, place: tuple[int, int]) -> bool:
    """Whether a claim names this relation or column, as it was expanded."""
    oid, number = place
    return any(
        (table.oid == oid and (not number or any(c.number == number for f in table.fields for c in f.choices)))
        or any(key.to_oid == oid and (not number or number in key.to_numbers) for key in table.keys)
        for table in claim.tables()
    )


def is_allowed(claim: Claim, state: State, catalog: Catalog, *, waived: bool = True) -> bool:
    """Whether in one alternative all that fails may go, or is waived (if that counts)."""
    may_go = state.due | (state.gone if claim in state.allowed else frozenset())
    if claim.until is not None:
        may_go -= {(oid, number) for who, oid, number in state.promised if who == claim.stakeholder}
    waivers = frozenset((path, name) for who, path, name in state.waived if who == claim.stakeholder and waived)
    if (claim.path, None) in waivers and claim.schema is not None:
        return True
    if claim.schema is not None and claim.schema not in catalog.schemas:
        return False
    return any(
        all(_may_fail(claim, table, catalog, may_go, waivers) for table in alternative)
        for alternative in claim.alternatives
    )


def _may_fail(
    claim: Claim,
    table: Table,
    catalog: Catalog,
    may_go: frozenset[tuple[int, int]],
    waivers: frozenset[tuple[str, str | None]],
) -> bool:
    path = ".".join(map(quoted, table.key))
    relation = catalog.relations.get(table.key)
    whole = table.oid is not None and (table.oid, 0) in may_go
    if (path, None) in waivers:
        return True
    if relation is None:
        return whole
    asked = relation.oid == table.oid
    role = claim.stakeholder
    if asked and role not in catalog.schemas[relation.schema].users:
        return False
    if not _shows_rows(relation, role) or _is_table_untold(claim, table, catalog):
        return False
    is_blocked = asked and not may_read_below(relation, role, catalog)
    required = [wanted for wanted in table.fields if not wanted.optional]
    if is_blocked and not required:
        return False
    for wanted in required:
        columns = [(c, relation.columns.get(c.name)) for c in wanted.choices]
        if not is_blocked and any(_is_column_met(c, column, role if asked else None) for c, column in columns):
            continue
        went = any(
            column is None and (whole or (table.oid is not None and c.number and (table.oid, c.number) in may_go))
            for c, column in columns
        )
        if not went and not any((path, c.name) in waivers for c, _ in columns):
            return False
    return all(
        _is_key_met(key, table, relation, catalog)
        or any((path, name) in waivers for name in key.fields)
        or _may_key_go(key, table, relation, catalog, may_go)
        for key in table.keys
    )


def _may_key_go(
    key: Key, table: Table, relation: Relation, catalog: Catalog, may_go: frozenset[tuple[int, int]]
) -> bool:
    other = catalog.relations.get(key.to) if key.to is not None else None
    if key.to is not None and other is None and (key.to_oid or 0, 0) in may_go:
        return True
    for name, number in zip(key.to_fields or (), key.to_numbers, strict=True):
        if (key.to_oid or 0, number or -1) in may_go and (other is None or name not in other.columns):
            return True
    return any(
        c.name not in relation.columns and ((table.oid or 0, 0) in may_go or (table.oid or 0, c.number or -1) in may_go)
        for wanted in table.fields
        if wanted.choices[0].name in key.fields
        for c in wanted.choices
    )


def _is_gone(claim: Claim, place: tuple[int, int], catalog: Catalog) -> bool:
    """Whether what the claim names there does not exist under that name any more."""
    oid, number = place
    for table in claim.tables():
        relation = catalog.relations.get(table.key)
        if table.oid == oid and relation is None:
            return True
        if table.oid == oid and relation is not None and number:
            names = [c.name for f in table.fields for c in f.choices if c.number == number]
            if any(name not in relation.columns for name in names):
                return True
        for key in table.keys:
            other = catalog.relations.get(key.to) if key.to else None
            if key.to_oid == oid and other is None and (not number or number in key.to_numbers):
                return True
            for name, its in zip(key.to_fields or (), key.to_numbers, strict=True):
                if key.to_oid == oid and its == number and other is not None and name not in other.columns:
                    return True
    return False


def _accept(state: State, claims: list[Claim], catalog: Catalog) -> State:
    """The state after these claims were let off."""
    by_removal = [claim for claim in claims if is_allowed(claim, state, catalog, waived=False)]
    gone = {place for place in state.due for c in by_removal if depends(c, place) and _is_gone(c, place, catalog)}
    return replace(
        state, allowed=state.allowed | frozenset(claims), due=state.due - gone, gone=state.gone | frozenset(gone)
    )


def commit(state: State, catalog: Catalog) -> Verdict:
    """What COMMIT makes of it."""
    overruled: set[Claim] = set()
    unmet = state.unmet(catalog)
    fresh = _judged(state, unmet, catalog)
    state = _accept(state, _let_off(state, unmet, catalog), catalog)
    if fresh and not state.overridden:
        return Verdict(_names(fresh), state)
    overruled |= set(fresh)
    after = [claim if claim in unmet else _again(claim, catalog) for claim in state.claims]
    now = with_grants(replace(state, claims=tuple(after)), catalog, giving_back=False)
    maybe: dict[int, frozenset[Table]] = {}
    for place, old in enumerate(state.claims):
        if old in unmet or old.schema is None:
            continue
        after[place] = without_unreadable(after[place], old, now)
        maybe[place] = frozenset(table for table in after[place].tables() if table.oid in old.left_out)
        after[place] = _only(
            _again(old, catalog), after[place].left_out | {t.oid for t in maybe[place] if t.oid is not None}
        )
    now = with_grants(replace(state, claims=tuple(after)), catalog, giving_back=False)
    excused = {new for old, new in zip(state.claims, after, strict=True) if old in state.excused}
    late = [claim for claim in after if claim not in unmet and not is_met(claim, now)]
    later = replace(state, excused=frozenset(excused))
    fresh = _judged(later, late, now)
    state = _accept(state, _let_off(later, late, now), now)
    if fresh and not state.overridden:
        return Verdict(_names(fresh), state)
    overruled |= set(fresh)
    silent = [claim for claim in after if is_untellable(claim, now)]
    later = replace(state, excused=frozenset(excused))
    fresh = _judged(later, silent, now)
    state = _accept(state, _let_off(later, silent, now), now)
    if fresh and not state.overridden:
        return Verdict(_names(fresh), state)
    overruled |= set(fresh)
    bad = frozenset(unmet) | frozenset(late) | frozenset(silent)
    after_it = replace(
        state, claims=tuple(after), excused=bad, allowed=state.allowed & bad - overruled, overridden=False
    )
    return Verdict(Counter(), _granted(after_it, catalog), maybe)


def _is_enforced(state: State, claim: Claim) -> bool:
    return claim not in state.excused or claim in state.allowed


def _judged(state: State, claims: list[Claim], catalog: Catalog) -> list[Claim]:
    """Those of these claims, unmet or untellable, that refuse the transaction."""
    return [c for c in claims if _is_enforced(state, c) and not is_allowed(c, state, catalog)]


def _let_off(state: State, claims: list[Claim], catalog: Catalog) -> list[Claim]:
    return [c for c in claims if _is_enforced(state, c) and is_allowed(c, state, catalog)]


def has_changed(oid: int | None, before: Catalog, now: Catalog) -> bool:
    """Whether a table was altered, as far as the catalog tells: what was left out of a claim is tried again then."""

    def facts(catalog: Catalog) -> Any:
        relation = catalog.by_oid.get(oid or 0)
        return relation and (
            relation.key,
            relation.row_security,
            relation.invoker,
            relation.policies,
            [(column.name, column.number, column.type, column.not_null) for column in relation.columns.values()],
        )

    return bool(facts(before) != facts(now))


def with_tried_again(state: State, place: int, tables: frozenset[Table], catalog: Catalog) -> State:
    """The state in which these tables are part of the claim at this place again."""
    if not tables:
        return state
    old = state.claims[place]
    new = _only(_again(old, catalog), old.left_out - {table.oid for table in tables if table.oid is not None})
    claims = (*state.claims[:place], new, *state.claims[place + 1 :])
    excused = frozenset(new if claim == old else claim for claim in state.excused)
    return _granted(replace(state, claims=claims, excused=excused), catalog)


def sync(state: State, catalog: Catalog) -> State:
    """Let the claims follow where that makes them met; privileges come back."""
    unmet = state.unmet(catalog)
    after = [claim if claim in unmet else _again(claim, catalog) for claim in state.claims]
    now = with_grants(replace(state, claims=tuple(after)), catalog, giving_back=True)
    for place, old in enumerate(state.claims):
        if old not in unmet:
            after[place] = without_unreadable(after[place], old, now)
    # Then those that are unmet, each for itself: it follows where it is met, or that makes it met.
    for place, old in enumerate(state.claims):
        if old in unmet:
            again = _again(old, catalog)
            tried = [*after[:place], again, *after[place + 1 :]]
            now = with_grants(replace(state, claims=tuple(tried)), catalog, giving_back=True)
            again = without_unreadable(again, old, now)
            after[place] = again if is_met(again, now) else old
    now = with_grants(replace(state, claims=tuple(after)), catalog, giving_back=True)
    excused = {new for old, new in zip(state.claims, after, strict=True) if old in state.excused}
    bad = {claim for claim in after if not is_met(claim, now) or is_untellable(claim, now)}
    kept = frozenset(excused & bad)
    return _granted(replace(state, claims=tuple(after), excused=kept, allowed=state.allowed & kept), catalog)


def with_grants(
    state: State, catalog: Catalog, *, giving_back: bool, only: tuple[str, frozenset[int]] | None = None
) -> Catalog:
    """The catalog when the grants follow the claims; `giving_back`: also what somebody revoked.

    `only`: those to this role on these relations.
    """
    wanted, needed = claimed(state, catalog), entered(state, catalog)

    def column(relation: Relation, column: Column) -> Column:
        readers = set(column.readers)
        for who in {place[0] for place in wanted | state.granted}:
            place = (who, relation.oid, column.number)
            if only is not None and (who != only[0] or relation.oid not in only[1]):
                continue
            is_ours = place in state.granted
            if place in wanted and (giving_back or not is_ours):
                readers.add(who)
            elif place not in wanted and is_ours and not column.public and who not in relation.granted:
                readers.discard(who)
        return replace(column, readers=frozenset(readers))

    def users(schema: Schema) -> frozenset[str]:
        given = {who for who, oid in needed if oid == schema.oid and (giving_back or (who, oid) not in state.used)}
        taken = {who for who, oid in state.used - needed if oid == schema.oid}
        concerned = given | taken if only is None else {only[0]}
        return schema.users - (taken & concerned) | (given & concerned)

    return replace(
        catalog,
        schemas={name: replace(schema, users=users(schema)) for name, schema in catalog.schemas.items()},
        relations={
            key: replace(relation, columns={name: column(relation, c) for name, c in relation.columns.items()})
            for key, relation in catalog.relations.items()
        },
    )


def validate(state: State, catalog: Catalog) -> State | None:
    """What integratedb_validate_migration() leaves; None when it refuses."""
    bad = [claim for claim in state.claims if not is_met(claim, catalog) or is_untellable(claim, catalog)]
    passing = [claim for claim in bad if is_allowed(claim, state, catalog)]
    rest = frozenset(bad) - frozenset(passing)
    if rest and not state.overridden:
        return None
    state = _accept(state, passing, catalog)
    return sync(replace(state, excused=state.excused | frozenset(bad), allowed=state.allowed - rest), catalog)


def may_submit(state: State, stakeholder: str, kind: str, document: dict[str, Any], catalog: Catalog) -> bool:
    """Whether somebody who owns all there is, and is no admin, may submit this.

    Each relation that the old specification or the new one names must be there, to be granted; and whatever an admin
    submitted is an admin's to replace.
    """
    old = [claim.source for claim in state.claims if (claim.stakeholder, claim.kind) == (stakeholder, kind)]
    if old and (stakeholder, kind) not in state.by_owner:
        return False
    tables = [one for match in [*old, *document["match"]] for one in match.get("alternatives", [match])]
    keys = [split_path(one["path"]) for one in tables]
    keys += [split_path(reference["to"]) for one in tables for reference in one.get("references", ())]
    return bool(keys) and all(key in catalog.relations for key in keys)


def has_stake(state: State, catalog: Catalog) -> bool:
    """Whether anything that is claimed belongs to the owner of all there is."""
    tables = {table.key for claim in state.claims for table in claim.tables()}
    schemas = {claim.schema for claim in state.claims if claim.schema is not None}
    return bool(tables & set(catalog.relations) or schemas & set(catalog.schemas))


def submit(
    state: State, stakeholder: str, kind: str, document: dict[str, Any], catalog: Catalog, query: str | None = None
) -> State | None:
    """The state with this specification instead of the earlier one; None when it is refused.

    With `query`, the document has what this saved query reads, and the claims of the others stay as they are.
    """
    new = [expand(stakeholder, kind, match, catalog) for match in document["match"]]
    old = [
        claim
        for claim in state.claims
        if (claim.stakeholder, claim.kind) == (stakeholder, kind) and query in (None, claim.query)
    ]
    others = tuple(claim for claim in state.claims if claim not in old)
    oids = frozenset(t.oid for claim in old + new for t in claim.tables() if t.oid is not None)
    for _ in range(2):
        # What is left out is revoked again.
        trial = replace(state, claims=(*others, *new))
        now = with_grants(trial, catalog, giving_back=True, only=(stakeholder, oids))
        new = [without_unreadable(claim, None, now) for claim in new]
    if any(not is_met(claim, now) or is_untold(claim, catalog) for claim in new):
        return None
    # Grants given back may have mended what was unmet, which then follows.
    kept = []
    for claim in others:
        mended = claim.stakeholder == stakeholder and claim in state.excused and is_met(claim, now)
        kept.append(without_unreadable(_again(claim, catalog), claim, now) if mended else claim)
    claims = [*kept, *new]
    after = replace(state, claims=tuple(claims), excused=state.excused & frozenset(claims) - frozenset(new))
    oids |= {t.oid for claim in kept if claim not in others for t in claim.tables() if t.oid is not None}
    granted = _granted(after, catalog)
    return replace(
        after,
        granted=frozenset(p for p in state.granted if p[0] != stakeholder or p[1] not in oids)
        | frozenset(p for p in granted.granted if p[0] == stakeholder and p[1] in oids),
        used=frozenset(p for p in state.used if p[0] != stakeholder)
        | frozenset(p for p in granted.used if p[0] == stakeholder),
    )


def _again(claim: Claim, catalog: Catalog) -> Claim:
    return expand(claim.stakeholder, claim.kind, claim.source, catalog)


def claimed(state: State, catalog: Catalog) -> frozenset[Place]:
    """The columns that any claim names and that are those of its expansion."""
    places = set()
    for claim in state.claims:
        for table in claim.tables():
            relation = catalog.relations.get(table.key)
            if relation is None or relation.oid != table.oid:
                continue
            for wanted in (choice for one in table.fields for choice in one.choices):
                column = relation.columns.get(wanted.name)
                if column and column.number == wanted.number:
                    places.add((claim.stakeholder, relation.oid, column.number))
    return frozenset(places)


def entered(state: State, catalog: Catalog) -> frozenset[tuple[str, int]]:
    """The schemas that somebody needs for what it claims."""
    here = {(relation.key, relation.oid) for relation in catalog.relations.values()}
    named = {(c.stakeholder, t.key[0]) for c in state.claims for t in c.tables() if (t.key, t.oid) in here}
    named |= {(c.stakeholder, c.schema) for c in state.claims if c.schema is not None}
    return frozenset((who, catalog.schemas[schema].oid) for who, schema in named if schema in catalog.schemas)


def _granted(state: State, catalog: Catalog) -> State:
    """What the engine has granted then: what is claimed and was not granted by somebody else."""
    others = {(who, r.oid, c.number) for r, c in catalog.columns() for who in c.granted} - state.granted
    users = {(who, schema.oid) for schema in catalog.schemas.values() for who in schema.granted} - state.used
    return replace(state, granted=claimed(state, catalog) - others, used=entered(state, catalog) - users)


def publications(state: State, catalog: Catalog) -> dict[tuple[str, str], frozenset[str]]:
    """In which publication each table belongs."""
    wanted: dict[tuple[str, str], set[Event]] = {}
    for claim in state.claims:
        for table in claim.tables() if claim.kind == "notifications" else ():
            relation = catalog.relations.get(table.key)
            if relation and relation.oid == table.oid and relation.publishable:
                wanted.setdefault(relation.key, set()).update(claim.events)
    return {
        key: frozenset(
            {
                "integratedb"
                if events & {"UPDATE", "DELETE"} and is_identified(catalog.relations[key], catalog)
                else "integratedb_append"
            }
        )
        for key, events in wanted.items()
    }

"""Makes a surface of the rows of integratedb.surface(), which are JSON objects with one key each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, TypeAlias

from .surface import Aggregate, Argument, Column, Function, Junction, Relation, Relationship, Surface, Type

Row: TypeAlias = Mapping[str, Any]

#: What requests may set for themselves, as functions can: a function's value holds for its whole transaction.
HOISTED = ("statement_timeout", "default_transaction_isolation", "plan_filter.statement_cost_limit")


def read(rows: Iterable[Row]) -> Surface:
    """Give the surface that these rows describe."""
    by_key: dict[str, list[Row]] = {}
    for row in rows:
        for key, value in row.items():
            by_key.setdefault(key, []).append(value)

    head = by_key["surface"][0]
    types = {row["oid"]: _type(row) for row in by_key.get("type", ())}
    row_types = {row["oid"]: row["relation"] for row in by_key.get("type", ()) if "relation" in row}
    lengths = {row["oid"]: row["max_length"] for row in by_key.get("type", ()) if "max_length" in row}
    found = {row["oid"]: _Found(row, types, lengths) for row in by_key.get("relation", ())}
    functions = [_function(row, types, row_types, found) for row in by_key.get("function", ())]

    claimed = by_key.get("claimed_key", ())
    for row in claimed:
        if row["target"] is None and row["source"] in found:
            found[row["source"]].add_key(row["columns"])
    keys = [key for row in by_key.get("foreign_key", ()) for key in _foreign_key(row, found)]
    keys += _declared(claimed, found, {(key.source, key.target, key.pairs) for key in keys})
    relationships: dict[int, list[Relationship]] = {}
    for relationship in (*_by_foreign_keys(keys), *_by_junctions(keys, found)):
        relationships.setdefault(relationship.source, []).append(relationship)

    computed: dict[int, dict[str, Function]] = {}
    for row, function in zip(by_key.get("function", ()), functions, strict=True):
        source = row_types.get(function.arguments[0].type.oid) if len(function.arguments) == 1 else None
        if source is None or source not in found or function.is_void:
            continue
        if function.relation is not None:
            relationships.setdefault(source, []).append(_computed(function, source, one_row=row["one_row"]))
        elif not function.returns_set and not function.columns:
            computed.setdefault(source, {})[function.name] = function

    aggregates = _aggregates(by_key.get("aggregate", ()), types, row_types)
    relations = {
        oid: replace(
            each.relation,
            computed=computed.get(oid, {}),
            has_computed_relationships=any(r.kind == "computed" for r in relationships.get(oid, ())),
            has_aggregates=oid in aggregates,
        )
        for oid, each in found.items()
    }
    overloads: dict[tuple[str, str], tuple[Function, ...]] = {}
    for function in functions:
        overloads[function.schema, function.name] = (*overloads.get((function.schema, function.name), ()), function)

    return Surface(
        role=head["role"],
        schemas=tuple(head["schemas"]),
        version=head["version"],
        relations={(each.schema, each.name): each for each in relations.values()},
        relationships={source: tuple(those) for source, those in relationships.items()},
        functions=overloads,
        by_oid=relations,
        types=_castable(by_key.get("type", ()), types),
        comments=head["comments"],
        further=tuple(head["further"]),
        aggregates=aggregates,
        geojson=head.get("geojson"),
        saved={row["name"]: row for row in by_key.get("saved_query", ())},
    )


def _aggregates(
    rows: Iterable[Row], types: Mapping[int, Type], row_types: Mapping[int, int]
) -> dict[int | None, dict[str, Aggregate]]:
    aggregates: dict[int | None, dict[str, Aggregate]] = {}
    for row in rows:
        relation = row_types.get(row["argument"])
        taken = types[row["argument"]].sql if relation is not None else None
        made = Aggregate(row["sql"], row["media_type"], types[row["returns"]], taken)
        aggregates.setdefault(relation, {}).setdefault(made.media_type, made)
    return aggregates


def _type(row: Row) -> Type:
    return Type(
        oid=row["oid"],
        name=row["name"],
        sql=row["sql"],
        base=row["base"],
        category=row["category"],
        kind=row["kind"],
        is_json=row.get("is_json", False),
        is_array=row.get("is_array", False),
        is_domain=row.get("is_domain", False),
        element=row.get("element"),
        operators=row.get("operators", "pg_catalog"),
        labels=tuple(row.get("labels", ())),
        to_json=row.get("to_json"),
        from_json=row.get("from_json"),
        from_text=row.get("from_text"),
    )


def _castable(rows: Sequence[Row], types: Mapping[int, Type]) -> dict[str, Type]:
    """By whole names first: a short name never hides one, and of two types with one short name the first has it."""
    rows = [row for row in rows if row.get("castable")]
    castable = {row["name"]: types[row["oid"]] for row in rows}
    for row in rows:
        if "short" in row:
            castable.setdefault(row["short"], types[row["oid"]])
    return castable


class _Found:
    """A relation, with the names of its columns by their numbers."""

    def __init__(self, row: Row, types: Mapping[int, Type], lengths: Mapping[int, int]) -> None:
        self.names: dict[int, str] = {each["number"]: each["name"] for each in row["columns"]}
        readable = {each["number"] for each in row["columns"] if each.get("can_select")}
        self.joinable = {number: name for number, name in self.names.items() if number in readable}
        keys = [(key["primary"], names) for key in row["keys"] if (names := _names(key["columns"], self.names))]
        self.relation = Relation(
            oid=row["oid"],
            schema=row["schema"],
            name=row["name"],
            sql=row["sql"],
            kind=row["kind"],
            columns={each["name"]: _column(each, types, lengths) for each in row["columns"]},
            primary_key=next((names for primary, names in keys if primary), ()),
            keys=tuple(dict.fromkeys(names for _, names in keys)),
            can_select=row["can_select"],
            can_insert=row["can_insert"],
            can_update=row["can_update"],
            can_delete=row["can_delete"],
            row_security=row["row_security"],
            is_plain=row["is_plain"],
            comment=row["comment"],
            has_row_version=row["has_row_version"],
        )

    def add_key(self, numbers: Sequence[int]) -> None:
        """Add a unique key that a claim declares."""
        columns = _names(numbers, self.names)
        if columns and not any({*key} == {*columns} for key in self.relation.keys):
            self.relation = replace(self.relation, keys=(*self.relation.keys, columns))


def _names(numbers: Sequence[int], names: Mapping[int, str]) -> tuple[str, ...]:
    """The names of all these columns, or nothing if one has none."""
    known = tuple(names[number] for number in numbers if number in names)
    return known if len(known) == len(numbers) else ()


def _column(row: Row, types: Mapping[int, Type], lengths: Mapping[int, int]) -> Column:
    type_ = types[row["type"]]
    return Column(
        name=row["name"],
        sql=row["sql"],
        type=type_,
        declared=row.get("modified", type_.sql),
        declared_name=row.get("modified", type_.name),
        nullable=not row.get("not_null", False),
        default=row.get("default"),
        generated=row.get("generated", False),
        identity=row.get("identity", False),
        max_length=row.get("max_length", lengths.get(type_.oid)),
        comment=row.get("comment"),
        can_select=row.get("can_select", False),
        can_insert=row.get("can_insert", False),
        can_update=row.get("can_update", False),
    )


def _function(
    row: Row, types: Mapping[int, Type], row_types: Mapping[int, int], found: Mapping[int, _Found]
) -> Function:
    returns = types[row["returns"]]
    relation = row_types.get(returns.oid)
    relation = relation if relation in found else None
    settings = dict(each.split("=", 1) for each in row["settings"] or ())
    return Function(
        oid=row["oid"],
        schema=row["schema"],
        name=row["name"],
        sql=row["sql"],
        arguments=tuple(
            Argument(each["name"], each["sql"], types[each["type"]], each["has_default"], each["variadic"])
            for each in row["arguments"]
        ),
        returns=returns,
        returns_set=row["returns_set"],
        is_void=returns.sql == "pg_catalog.void",
        relation=relation,
        columns={}
        if relation is not None
        else {each["name"]: _column({"can_select": True, **each}, types, {}) for each in row["columns"]},
        volatility=row["volatility"],
        comment=row["comment"],
        settings={name: settings[name] for name in HOISTED if name in settings},
    )


class _ForeignKey:
    """A foreign key by which rows of two relations of the surface can be joined."""

    def __init__(self, row: Row, columns: tuple[str, ...], target_columns: tuple[str, ...], one: bool) -> None:
        self.name: str = row["name"]
        self.source: int = row["source"]
        self.target: int = row["target"]
        self.columns = columns
        self.target_columns = target_columns
        self.pairs = frozenset(zip(columns, target_columns, strict=True))
        #: Whether at most one row refers to a row.
        self.one = one


def _foreign_key(row: Row, found: Mapping[int, _Found]) -> Iterator[_ForeignKey]:
    source, target = found.get(row["source"]), found.get(row["target"])
    if source is None or target is None:
        return
    columns = _names(row["columns"], source.joinable)
    target_columns = _names(row["target_columns"], target.joinable)
    if columns and target_columns:
        one = any(set(key) <= set(columns) for key in source.relation.keys)
        yield _ForeignKey(row, columns, target_columns, one)


def _declared(
    rows: Iterable[Row], found: Mapping[int, _Found], known: set[tuple[int, int, frozenset[tuple[str, str]]]]
) -> Iterator[_ForeignKey]:
    """The references that claims declare, without those that the catalog has; named as Postgres would name them."""
    for row in rows:
        if row["target"] is None or row["source"] not in found:
            continue
        source = found[row["source"]]
        columns = "_".join(_names(row["columns"], source.names))
        for key in _foreign_key({**row, "name": f"{source.relation.name}_{columns}_fkey"}, found):
            if (key.source, key.target, key.pairs) not in known:
                yield key


def _by_foreign_keys(keys: Iterable[_ForeignKey]) -> Iterator[Relationship]:
    for key in keys:
        pairs = tuple(zip(key.columns, key.target_columns, strict=True))
        back = tuple(zip(key.target_columns, key.columns, strict=True))
        yield Relationship(key.name, key.source, key.target, True, pairs, "o2o" if key.one else "m2o", references=True)
        yield Relationship(key.name, key.target, key.source, key.one, back, "o2o" if key.one else "o2m")


def _by_junctions(keys: Iterable[_ForeignKey], found: Mapping[int, _Found]) -> Iterator[Relationship]:
    """Through each relation with a unique key that has the columns of two foreign keys."""
    by_source: dict[int, list[_ForeignKey]] = {}
    for key in keys:
        by_source.setdefault(key.source, []).append(key)
    for through, those in by_source.items():
        unique = [set(columns) for columns in found[through].relation.keys]
        for first, second in permutations(those, 2):
            both = {*first.columns, *second.columns}
            # A foreign key has one name for a table and the views of it.
            if first.name != second.name and any(both <= columns for columns in unique):
                junction = Junction(
                    through,
                    first.name,
                    second.name,
                    tuple(zip(first.target_columns, first.columns, strict=True)),
                    tuple(zip(second.columns, second.target_columns, strict=True)),
                )
                yield Relationship(
                    f"{first.name}.{second.name}", first.target, second.target, False, (), "m2m", junction=junction
                )


def _computed(function: Function, source: int, *, one_row: bool) -> Relationship:
    assert function.relation is not None
    to_one = not function.returns_set or one_row
    return Relationship(function.name, source, function.relation, to_one, (), "computed", function=function)

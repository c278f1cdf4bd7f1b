"""Makes the queries of POST, PUT, PATCH and DELETE."""

from __future__ import annotations

from collections.abc import Sequence

from ...request import (
    Conflict,
    Delete,
    Expression,
    Insert,
    Logic,
    Operation,
    Rows,
    Select,
    Table,
    Update,
    Value,
)
from . import errors
from .bodies import RowsBody, read_rows
from .media import Form
from .parameters import Pair
from .preferences import Preferences
from .reading import Reading, parse_columns
from .settings import Body
from .tree import conjunction


def insert(
    table: Table, pairs: Sequence[Pair], reading: Reading, body: Body | None, form: Form, preferences: Preferences
) -> Insert:
    """POST. Filters without a path have no meaning here, as in PostgREST."""
    columns = parse_columns(pairs, "columns")
    target = parse_columns(pairs, "on_conflict")
    conflict = None
    if preferences.resolution:
        conflict = Conflict("merge" if preferences.resolution == "merge-duplicates" else "ignore", target)
    return Insert(
        table,
        _rows(read_rows(body, form, columns), preferences.missing == "default", 0),
        conflict,
        _returning(reading, preferences),
    )


def upsert_one(
    table: Table, reading: Reading, body: Body | None, form: Form, preferences: Preferences
) -> tuple[Insert, tuple[str, ...]]:
    """PUT, with the columns that its filters name: they must be the primary key, which the caller compares."""
    if reading.window.range.limit is not None or reading.window.range.offset:
        raise errors.limit_of_upsert()
    rows = read_rows(body, form, None)
    names = [name for name, condition in reading.filters if _is_equality(condition)]
    if reading.has_logic or not names or len(names) != len(reading.filters) or len(set(names)) != len(names):
        raise errors.invalid_key_filters()
    if rows.count != 1:
        raise errors.key_mismatch()
    query = Insert(
        table,
        _rows(rows, False, 0),
        Conflict("merge"),
        _returning(reading, preferences),
        must=conjunction(reading.where),
    )
    return query, tuple(names)


def check_key(columns: tuple[str, ...], primary_key: Sequence[str]) -> None:
    """Refuses a PUT whose filters are not exactly those of the primary key."""
    if not primary_key or set(columns) != set(primary_key):
        raise errors.invalid_key_filters()


def update(
    table: Table, pairs: Sequence[Pair], reading: Reading, body: Body | None, form: Form, preferences: Preferences
) -> Update:
    """PATCH. An array gives each row its own values, by the primary key in them."""
    rows = read_rows(body, form, parse_columns(pairs, "columns"), by_key=True)
    return Update(
        table,
        _rows(rows, preferences.missing == "default", sum(pair.hole is not None for pair in pairs)),
        conjunction(reading.where),
        _returning(reading, preferences),
        by_key=rows.is_array,
    )


def delete(table: Table, reading: Reading, preferences: Preferences) -> Delete:
    return Delete(table, conjunction(reading.where), _returning(reading, preferences))


def _rows(body: RowsBody, missing_default: bool, hole: int) -> Rows:
    return Rows(Value(body.json, hole), body.keys, body.is_array, missing_default, body.uniform)


def _returning(reading: Reading, preferences: Preferences) -> Select | None:
    return reading.root.select() if preferences.returned == "representation" else None


def _is_equality(condition: Expression) -> bool:
    if isinstance(condition, Logic) or not isinstance(condition, Operation):
        return False
    return condition.operator == "eq" and condition.quantifier is None

"""Table paths, from text to parts and back, and the schemas that nobody may claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.specification.identifiers import PathError, format_path, name_problem, parse_path, schema_problem
from integratedb.specification.model import Path
from tests.unit.core.documents import names, table_paths

possible_names = names | st.just("*")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("shop.orders", Path("shop", "orders")),
        ("Shop.Orders", Path("Shop", "Orders")),
        ("_1.x9", Path("_1", "x9")),
        ('shop."Order Items"', Path("shop", "Order Items")),
        ('"my shop".orders', Path("my shop", "orders")),
        ('"a""b"."c.d"', Path('a"b', "c.d")),
        ('"ünï"."日本"', Path("ünï", "日本")),
        ("shop.*", Path("shop", None)),
        ('"my shop".*', Path("my shop", None)),
        ('shop."*"', Path("shop", "*")),
        ("a" * 63 + "." + "b" * 63, Path("a" * 63, "b" * 63)),
        ('shop."' + "ü" * 31 + 'x"', Path("shop", "ü" * 31 + "x")),
    ],
)
def test_a_path_is_taken_apart(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the schema is empty"),
        ("orders", "the schema is missing"),
        (".orders", "the schema is empty"),
        ("shop.", "the table is empty"),
        ("db.shop.orders", "more than two parts"),
        ("shop.*.id", "double-quoted"),
        ("*.orders", "double-quoted"),
        ("*.*", "double-quoted"),
        ("shop.order items", "double-quoted"),
        ("shop.orders\n", "double-quoted"),
        (" shop.orders", "double-quoted"),
        ("shop.1st", "double-quoted"),
        ("shop.größe", "double-quoted"),
        ("shop.orders; DROP TABLE x", "double-quoted"),
        ('shop."orders', "not closed"),
        ('shop."orders"x', "something follows"),
        ('shop.or"ders"', "something follows"),
        ('"shop"x.orders', "only a dot"),
        ('shop.""', "cannot be empty"),
        ('""."x"', "cannot be empty"),
        ("shop." + "x" * 64, "63 bytes"),
        ('shop."' + "ü" * 32 + '"', "63 bytes"),
        ('shop."a\0b"', "NUL"),
        ("shop.a\0b", "NUL"),
    ],
)
def test_what_is_no_path_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(PathError, match=message):
        parse_path(text)


@given(st.builds(Path, possible_names, possible_names | st.none()))
def test_a_formatted_path_means_the_path(path: Path) -> None:
    assert parse_path(format_path(path)) == path


@given(table_paths)
def test_formatting_is_canonical(text: str) -> None:
    canonical = format_path(parse_path(text))
    assert format_path(parse_path(canonical)) == canonical
    assert len(canonical) <= len(text)


@given(st.text() | st.text('ab."*', max_size=12))
def test_any_text_is_a_path_or_a_path_error(text: str) -> None:
    try:
        path = parse_path(text)
    except PathError:
        pass
    else:
        assert name_problem(path.schema) is None
        assert path.relation is None or name_problem(path.relation) is None


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("integratedb", "the extension's own"),
        ("pg_catalog", "system schema"),
        ("information_schema", "system schema"),
        ("pg_toast", "system schema"),
        ("pg_anything", "system schema"),
        ("pg_temp", "temporary"),
        ("pg_temp_3", "temporary"),
        ("pg_toast_temp_3", "temporary"),
    ],
)
def test_system_temporary_and_own_schemas_are_refused(schema: str, reason: str) -> None:
    assert reason in (schema_problem(schema) or "")


@pytest.mark.parametrize("schema", ["public", "shop", "pgx", "PG_CATALOG", "integratedb_", "Information_Schema"])
def test_other_schemas_are_not(schema: str) -> None:
    assert schema_problem(schema) is None

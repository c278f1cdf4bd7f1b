"""The type of a field, from the text that somebody wrote to a name that Postgres can look up."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.specification.type_names import TypeName, TypeNameError, parse_type_name
from integratedb.specification.type_spellings import written_type
from tests.unit.core.documents import type_names


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("text", "text"),
        (" int8 ", "int8"),
        ("INTEGER", "INTEGER"),
        ("_text", "_text"),
        ("double \n  precision", "double precision"),
        ("Character  Varying", "Character Varying"),
        ("timestamp with time zone", "timestamp with time zone"),
        ("text[]", "text[]"),
        ("text[3]", "text[]"),
        ("text [ 3 ] [4]", "text[]"),
        ("text ARRAY", "text[]"),
        ("text array[4]", "text[]"),
        ("text ARRAY [ 4 ] ", "text[]"),
        ("text[ ][]\n[ 12 ]", "text[]"),
        ('"a[]"', '"a[]"'),
        ("double precision[]", "double precision[]"),
        ("time with time zone ARRAY", "time with time zone[]"),
        ("shop.order_status", "shop.order_status"),
        ("shop . order_status []", "shop.order_status[]"),
        ('"Order Status"', '"Order Status"'),
        ('"my shop"."a""b"[]', '"my shop"."a""b"[]'),
        ('"char"', '"char"'),
        ('"varchar(40)"', '"varchar(40)"'),
        ("array", "ARRAY"),
        ("user-defined", "USER-DEFINED"),
        ("größe", "größe"),
    ],
)
def test_a_type_is_normalised(text: str, normal: str) -> None:
    assert parse_type_name(text).text == normal


@pytest.mark.parametrize(
    ("text", "normal", "key", "length"),
    [
        ("varchar(40)", "varchar(40)", "pg_catalog.varchar", 40),
        ("character  varying ( 40 ) [3]", "character varying(40)[]", "pg_catalog.varchar[]", 40),
        ("pg_catalog.varchar(40)", "pg_catalog.varchar(40)", "pg_catalog.varchar", 40),
        ('"varchar"(40)', '"varchar"(40)', "pg_catalog.varchar", 40),
        ("CHAR(3) ARRAY", "CHAR(3)[]", "pg_catalog.bpchar[]", 3),
        ("bit (8)", "bit(8)", "pg_catalog.bit", 8),
        ("dec(10, 0)", "dec(10)", "pg_catalog.numeric", 10),
    ],
)
def test_a_length_is_taken_apart(text: str, normal: str, key: str, length: int) -> None:
    name = parse_type_name(text)
    assert (name.text, name.key, name.length) == (normal, key, length)
    assert parse_type_name(name.without_length).key == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("varchar(0)", "1 to 10485760"),
        ("varchar(10485761)", "1 to 10485760"),
        ("numeric(1001)", "1 to 1000"),
        ("numeric(10,2)", r"numeric\(10\)"),
        ("numeric(10, -2)", r"numeric\(10\)"),
        ("varchar(10,2)", "scale"),
    ],
)
def test_a_length_that_postgres_would_not_take_is_refused(text: str, message: str) -> None:
    with pytest.raises(TypeNameError, match=message):
        parse_type_name(text)


@pytest.mark.parametrize(
    ("spellings", "key"),
    [
        ('int8 | bigint | BIGINT | pg_catalog.int8 | "int8" | PG_CATALOG.INT8', "pg_catalog.int8"),
        ("int4[] | integer[] | int array | _int4 | pg_catalog._int4 | pg_catalog.int4[]", "pg_catalog.int4[]"),
        ("timestamptz | timestamp with time zone | TIMESTAMP  WITH TIME ZONE", "pg_catalog.timestamptz"),
        ('"char" | pg_catalog.char | pg_catalog."char"', "pg_catalog.char"),
        ("char | character | bpchar", "pg_catalog.bpchar"),
        ('shop.email | SHOP.Email | shop."email"', "shop.email"),
        ('shop."Email"', 'shop."Email"'),
        ("order_status", "order_status"),
        ('"integer"', "integer"),
        ("pg_catalog.integer", "pg_catalog.integer"),
        ("shop._status", "shop._status"),
        ("ARRAY | array", "ARRAY"),
        ('"ARRAY"', '"ARRAY"'),
    ],
)
def test_all_spellings_of_a_type_have_one_key(spellings: str, key: str) -> None:
    assert {parse_type_name(spelling).key for spelling in spellings.split(" | ")} == {key}


@pytest.mark.parametrize(
    ("exact", "written"),
    [
        ("pg_catalog.int8", "bigint"),
        ("pg_catalog.int4[]", "integer[]"),
        ("pg_catalog.char", '"char"'),
        ("pg_catalog.text", "text"),
        ("shop.int8", "shop.int8"),
        ('shop."Order Status"[]', 'shop."Order Status"[]'),
        ("order_status", "order_status"),
        ("USER-DEFINED", "USER-DEFINED"),
    ],
)
def test_a_type_is_written_as_people_do(exact: str, written: str) -> None:
    assert written_type(exact) == written


def test_a_type_is_taken_apart() -> None:
    assert parse_type_name('Shop."Order Status"[2]') == TypeName(
        schema="Shop", name="Order Status", array=True, quoted=True, schema_quoted=False
    )
    assert parse_type_name('Shop."Order Status"[2]').text == 'Shop."Order Status"[]'


def test_a_built_in_type_has_no_schema_and_no_quotes() -> None:
    assert parse_type_name("double precision[]") == TypeName(
        schema=None, name="double precision", array=True, quoted=False, schema_quoted=False
    )


def test_what_is_not_quoted_folds_to_lower_case_in_the_catalog() -> None:
    folded = parse_type_name("Shop.Order_Status")
    assert (folded.catalog_schema, folded.catalog_name) == ("shop", "order_status")
    kept = parse_type_name('"Shop"."Order_Status"')
    assert (kept.catalog_schema, kept.catalog_name) == ("Shop", "Order_Status")
    assert parse_type_name("text").catalog_schema is None


@pytest.mark.parametrize(
    "text",
    [
        "timestamp(3) with time zone",
        "timestamp(3)",
        'shop."a"(3)',
        "varchar()",
        "varchar(x)",
        "varchar(-1)",
        "shop.varchar(3)",
        '"char"(3)',
        "pg_catalog.char(3)",
        "int(4)",
        "varchar(4)(4)",
        "varchar(\u0664)",
        "text(9)",
        "float(24)",
    ],
)
def test_a_modifier_is_refused_with_a_hint_to_min_length(text: str) -> None:
    with pytest.raises(TypeNameError, match=r"modifier.*min_length"):
        parse_type_name(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a type name"),
        ("[]", "not a type name"),
        ("1st", "not a type name"),
        ("shop.", "not a type name"),
        ('"open', "not a type name"),
        ("order status", "double-quoted"),
        ("text; DROP TABLE x", "double-quoted"),
        ("setof text", "double-quoted"),
        ("text array[3][4]", "double-quoted"),
        ("text[1 2]", "double-quoted"),
        ("text]", "double-quoted"),
        ("textarray[", "double-quoted"),
        ("orders.id%TYPE", "double-quoted"),
        ("interval year to month", "double-quoted"),
        ("pg_catalog.double precision", "double-quoted"),
        ("db.shop.status", "two parts"),
        ('""', "empty"),
        ("x" * 64, "63 bytes"),
        ('"a\0"', "NUL"),
    ],
)
def test_what_is_no_type_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(TypeNameError, match=message):
        parse_type_name(text)


@given(type_names)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = parse_type_name(text)
    assert parse_type_name(once.text) == once


@given(st.text() | st.text('aA1_."[]() ', max_size=12))
def test_any_text_is_a_type_name_or_a_type_name_error(text: str) -> None:
    try:
        once = parse_type_name(text)
    except TypeNameError:
        pass
    else:
        assert parse_type_name(once.text) == once


@pytest.mark.parametrize(
    "text",
    [
        "x" + "[ ]" * 99 + "y",
        "x" + " [ ] " * 59 + "y",
        "x" + "[0 ]" * 74 + "y",
        "x" + " " * 298 + "y",
        "x" + " array" * 49,
        "x" + "[" * 299,
        "x" + "[]" * 149 + "]",
        '"' * 299,
        '""' * 149 + "(",
        "a . " * 75,
        "(" * 300,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """The longest that the schema lets through: some took years."""
    started = time.process_time()
    with pytest.raises(TypeNameError):
        parse_type_name(text)
    assert time.process_time() - started < 1

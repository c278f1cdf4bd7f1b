"""The select parameter, with the examples of PostgREST's documentation and specification tests."""

from __future__ import annotations

import pytest

from integratedb.query.faces.url import UrlError
from integratedb.query.faces.url.select import parse_select
from integratedb.query.problems import ProblemError
from integratedb.query.request import Call, Cast, Column, Embed, Expression, Group, Item, Path, Select, Star

NAME = Column("name")


def items(text: str) -> tuple[Star | Item | Embed | Group, ...]:
    return parse_select(text, 10).select().items


def embed(relation: str, *inside: Star | Item | Embed, alias: str | None = None, **more: object) -> Embed:
    return Embed(relation, Select(items=inside), alias, **more)  # type: ignore[arg-type]  # each value has the type of its name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", Star()),
        (" * ", Star()),
        ("name", Item(NAME)),
        (" no leading or trailing spaces ", Item(Column("no leading or trailing spaces"))),
        ("identifier-with-dashes", Item(Column("identifier-with-dashes"))),
        ("$", Item(Column("$"))),
        ("ünïcode", Item(Column("ünïcode"))),
        ('":"', Item(Column(":"))),
        ('" a \\"b\\\\ "', Item(Column(' a "b\\ '))),
        ("alias:name", Item(NAME, "alias")),
        ('"an alias":name', Item(NAME, "an alias")),
        ("name::text", Item(Cast(NAME, "text"))),
        ("name::character varying", Item(Cast(NAME, "character varying"))),
        ("alias:name::text", Item(Cast(NAME, "text"), "alias")),
        ("count()", Item(Call("count", star=True))),
        ("n:count()::text", Item(Cast(Call("count", star=True), "text"), "n")),
        ("name.sum()", Item(Call("sum", (NAME,)))),
        ("name.count()", Item(Call("count", (NAME,)))),
        ("total:name.avg()::int", Item(Cast(Call("avg", (NAME,)), "int"), "total")),
        ("name::numeric.max()::int", Item(Cast(Call("max", (Cast(NAME, "numeric"),)), "int"))),
        ("name->a->>b.min()", Item(Call("min", (Path(NAME, ("a", "b"), True),)))),
    ],
)
def test_an_item(text: str, expected: Star | Item) -> None:
    assert items(text) == (expected,)


@pytest.mark.parametrize(
    ("path", "expected", "alias"),
    [
        ("->a", Path(NAME, ("a",), False), None),
        ("->>a", Path(NAME, ("a",), True), None),
        ("->!@#$%^&*_a", Path(NAME, ("!@#$%^&*_a",), False), None),
        ('->"a.b"->>"c\\"d"', Path(NAME, ("a.b", 'c"d'), True), None),
        ("->1", Path(NAME, (1,), False), "name"),
        ("->-1", Path(NAME, (-1,), False), "name"),
        ("->1->mycol->>2", Path(NAME, (1, "mycol", 2), True), "mycol"),
        ("->1abc", Path(NAME, ("1abc",), False), None),
        ("->a-b", Path(NAME, ("a-b",), False), None),
        ("->>a->b", Path(Path(NAME, ("a",), True), ("b",), False), None),
    ],
)
def test_a_json_path(path: str, expected: Expression, alias: str | None) -> None:
    assert items(f"name{path}") == (Item(expected, alias),)
    assert items(f"t(name{path})") == (embed("t", Item(expected, alias)),)
    assert items(f"x:name{path}::text") == (Item(Cast(expected, "text"), "x"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t(*)", embed("t", Star())),
        ("t()", embed("t")),
        ("a:t(*)", embed("t", Star(), alias="a")),
        ("t!fk(*)", embed("t", Star(), hint="fk")),
        ("t!inner(*)", embed("t", Star(), inner=True)),
        ("t!left(*)", embed("t", Star())),
        ("t!leftover(*)", embed("t", Star(), hint="leftover")),
        ("t!fk!inner(*)", embed("t", Star(), hint="fk", inner=True)),
        ("a:t!inner!fk(*)", embed("t", Star(), alias="a", hint="fk", inner=True)),
        ('a:"my t"!"my fk"(*)', embed("my t", Star(), alias="a", hint="my fk")),
        ("...t(name)", embed("t", Item(NAME), spread=True)),
        ("...t!fk!inner(x:name)", embed("t", Item(NAME, "x"), spread=True, hint="fk", inner=True)),
        ("t( name , u(*) )", embed("t", Item(NAME), embed("u", Star()))),
        ("t{name,u{*}}", embed("t", Item(NAME), embed("u", Star()))),
        ("t{name->a}", embed("t", Item(Path(NAME, ("a",), False)))),
        ("t(count())", embed("t", Item(Call("count", star=True)))),
    ],
)
def test_an_embed(text: str, expected: Embed) -> None:
    assert items(text) == (expected,)
    assert items(f"name,{text},*") == (Item(NAME), expected, Star())


def test_nothing_is_selected_by_an_empty_text() -> None:
    assert items("") == ()


@pytest.mark.parametrize(
    ("text", "column", "details"),
    [
        (
            "id,clients(name[])",
            16,
            'unexpected \'[\' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input',
        ),
        ("data->>-78xy", 11, 'unexpected \'x\' expecting digit, "->", "::", ".", "," or end of input'),
        ("data->>--34", 9, 'unexpected "-" expecting digit'),
        ("data->>-xy-4", 9, 'unexpected "x" expecting digit'),
        (
            "data->(!@#$%^&*_d->>!@#$%^&*_e::integer",
            7,
            'unexpected "(" expecting "-", digit or any non reserved character different from: .,>()',
        ),
        (
            "name!hint",
            5,
            'unexpected \'!\' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input',
        ),
        ("name::", 7, "unexpected end of input expecting letter or digit"),
        (":", 1, 'unexpected ":" expecting field name (* or [a..z0..9_$])'),
        ("id,", 4, "unexpected end of input expecting field name (* or [a..z0..9_$])"),
    ],
)
def test_an_error_is_worded_as_in_postgrest(text: str, column: int, details: str) -> None:
    with pytest.raises(UrlError) as raised:
        parse_select(text, 10)
    assert raised.value.body == {
        "code": "PGRST100",
        "message": f'"failed to parse select parameter ({text})" (line 1, column {column})',
        "details": details,
        "hint": None,
    }
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "text",
    ["t(*", "t(*}", "t{*)", "t(*))", "id)", "t(*)x", "alias:...t(*)", "count(*)", "a..b", "'", "t!(*)", "->a", '"a'],
)
def test_what_is_no_selection_is_refused(text: str) -> None:
    with pytest.raises(UrlError) as raised:
        parse_select(text, 10)
    assert raised.value.code == "PGRST100"


def test_embeds_are_nested_up_to_the_limit() -> None:
    parse_select("a(" * 9 + "*" + ")" * 9, 10)
    with pytest.raises(ProblemError) as raised:
        parse_select("a(" * 10 + "*" + ")" * 10, 10)
    assert raised.value.kind == "too deep"

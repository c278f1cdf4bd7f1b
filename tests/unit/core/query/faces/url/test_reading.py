"""GET requests: filters, trees of conditions, orders and limits, at the top and on embeds."""

from __future__ import annotations

import pytest

from integratedb.query.faces.url import UrlError, UrlSettings, parse, word
from integratedb.query.faces.url.select import COUNT
from integratedb.query.problems import ProblemError
from integratedb.query.request import (
    Call,
    Cast,
    Column,
    Embed,
    Embedded,
    Expression,
    Item,
    Logic,
    Not,
    Operation,
    Operator,
    Order,
    Path,
    Select,
    Table,
    Value,
)

SETTINGS = UrlSettings(max_depth=6)
ID, NAME = Column("id"), Column("name")


def select(query: str) -> Select:
    found = parse("GET", "/projects", query, {}, None, SETTINGS).query
    assert isinstance(found, Select)
    return found


def embed(query: str, *path: str) -> Select:
    found = select(query)
    for name in path:
        found = next(item.query for item in found.items if isinstance(item, Embed) and item.name == name)
    return found


def is_(operator: Operator, value: object, column: Expression = ID, hole: int | None = None) -> Operation:
    return Operation(operator, (column, Value(value, hole)))


def where(query: str) -> Expression | None:
    return select(query).where


def problem(query: str) -> tuple[str, str, str | None]:
    with pytest.raises((UrlError, ProblemError)) as raised:
        select(query)
    error = word(raised.value) if isinstance(raised.value, ProblemError) else raised.value
    assert isinstance(error, UrlError)
    return error.code, error.message, error.details


def test_the_source_is_the_relation_of_the_path() -> None:
    assert select("") == Select(source=(Table("projects"),))
    assert parse("GET", "/my%20table+", "", {}, None, SETTINGS).query == Select(source=(Table("my table+"),))


def test_filters_are_all_to_be_met() -> None:
    assert where("") is None
    assert where("id=eq.1") == is_("eq", "1", hole=0)
    assert where("id=gt.1&name=eq.a&id=lt.5") == Logic(
        "and", (is_("gt", "1", hole=0), is_("eq", "a", NAME, 1), is_("lt", "5", hole=2))
    )


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("data->a->>b", Path(Column("data"), ("a", "b"), True)),
        ("data->-1", Path(Column("data"), (-1,), False)),
        ("data->>a", Path(Column("data"), ("a",), True)),
        ('"a.b"', Column("a.b")),
        ("a-b", Column("a-b")),
        ("a%20b", Column("a b")),
        ("having", Column("having")),
    ],
)
def test_what_a_filter_names(name: str, column: Expression) -> None:
    found = where(f"{name}=eq.1")
    assert isinstance(found, Operation)
    assert found.operands[0] == column


def test_parameters_without_a_value_are_ignored() -> None:
    assert select("id&&select&order") == select("")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("or=(id.eq.1,id.eq.2)", Logic("or", (is_("eq", "1"), is_("eq", "2")))),
        ("and=(id.eq.1)", is_("eq", "1")),
        ("not.or=(id.eq.1,id.eq.2)", Not(Logic("or", (is_("eq", "1"), is_("eq", "2"))))),
        ("not.and=(id.eq.1)", Not(is_("eq", "1"))),
        (
            "or=(and(id.eq.1,id.neq.2),not.and(id.eq.3,id.not.eq.4))",
            Logic(
                "or",
                (
                    Logic("and", (is_("eq", "1"), is_("neq", "2"))),
                    Not(Logic("and", (is_("eq", "3"), Not(is_("eq", "4"))))),
                ),
            ),
        ),
        ("and=(id.eq.1,id.neq.2))", Logic("and", (is_("eq", "1"), is_("neq", "2")))),
        (
            "and=( and ( id.in.( 1, 2, 3 ) , id.eq.3 ) , or ( id.eq.2 , id.eq.3 ) )",
            Logic(
                "and",
                (
                    Logic("and", (is_("in", ["1", " 2", " 3 "]), is_("eq", "3 "))),
                    Logic("or", (is_("eq", "2 "), is_("eq", "3 "))),
                ),
            ),
        ),
        ('or=(name.eq."(a,b)",name.like."*x,y*")', Logic("or", (is_("eq", "(a,b)", NAME), is_("like", "%x,y%", NAME)))),
        ('or=(name.eq."a"b,id.is.null)', Logic("or", (is_("eq", '"a"b', NAME), is_("is", None)))),
        ("or=(id.cs.{1,2,3},id.cd.{1})", Logic("or", (is_("cs", "{1,2,3}"), is_("cd", "{1}")))),
        ("or=(id.ov.[1,id.eq.2)", Logic("or", (is_("ov", "[1"), is_("eq", "2")))),
        ("or=(not.eq.1,and.eq.2)", Logic("or", (is_("eq", "1", Column("not")), is_("eq", "2", Column("and"))))),
        ("or=(and_x.eq.1,or_x.eq.2)", Logic("or", (is_("eq", "1", Column("and_x")), is_("eq", "2", Column("or_x"))))),
        (
            "or=(data->a.eq.1,data->>b.is.true)",
            Logic(
                "or",
                (
                    is_("eq", "1", Path(Column("data"), ("a",), False)),
                    is_("is", True, Path(Column("data"), ("b",), True)),
                ),
            ),
        ),
        (
            "or=(name.plfts(german).Art Spass,name.not.wfts.b)",
            Logic("or", (Operation("plfts", (NAME, Value("Art Spass")), None, "german"), Not(is_("wfts", "b", NAME)))),
        ),
        (
            "or=(id.eq(any).{1,2},id.eq.3)",
            Logic("or", (Operation("eq", (ID, Value(["1", "2"])), "any"), is_("eq", "3"))),
        ),
    ],
)
def test_a_tree_of_conditions(query: str, expected: Expression) -> None:
    assert where(query) == expected


@pytest.mark.parametrize(
    ("tree", "column", "details"),
    [
        (
            "or=()",
            4,
            'unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) '
            "or logic operator (and, or)",
        ),
        ("or=(id.in.1,2,id.eq.3)", 10, 'unexpected "1" expecting "("'),
        ("or=)(", 3, 'unexpected ")" expecting "("'),
        ("and=(ord(id.eq.1,id.eq.1),id.eq.2)", 7, 'unexpected "d" expecting "("'),
        ("or=(id.eq.1,not.xor(id.eq.2,id.eq.3))", 16, 'unexpected "x" expecting logic operator (and, or)'),
        ("or=(id.eq.1", 11, 'unexpected end of input expecting "," or ")"'),
        ("or=(id.eq.1)x", 12, "unexpected 'x' expecting end of input"),
    ],
)
def test_an_error_in_a_tree_is_worded_as_in_postgrest(tree: str, column: int, details: str) -> None:
    text = tree.partition("=")[2]
    message = f'"failed to parse logic tree ({text})" (line 1, column {column})'
    assert problem(tree) == ("PGRST100", message, details)


def test_conditions_are_nested_up_to_the_limit() -> None:
    assert where("or=(" + "and(" * 5 + "id.eq.1" + ")" * 6) == is_("eq", "1")
    with pytest.raises(ProblemError) as raised:
        where("or=(" + "and(" * 6 + "id.eq.1" + ")" * 7)
    assert raised.value.kind == "too deep"
    assert raised.value.facts == {"limit": 6}


EMBEDS = "select=*,clients(*,tasks:todo(*)),x:owners(*)"


def test_parameters_of_embeds() -> None:
    query = EMBEDS + (
        "&clients.id=eq.1&clients.tasks.name=eq.a&clients.order=id.desc&clients.limit=3&clients.tasks.offset=1"
        "&clients.or=(id.eq.2,id.eq.3)&clients.tasks.not.and=(id.eq.4)&x.data->a=eq.5"
    )
    clients, tasks = embed(query, "clients"), embed(query, "clients", "tasks")
    assert clients.where == Logic("and", (is_("eq", "1", hole=0), Logic("or", (is_("eq", "2"), is_("eq", "3")))))
    assert clients.order == (Order(ID, True),)
    assert clients.limit == Value(3, 2)
    assert tasks.where == Logic("and", (is_("eq", "a", NAME, 1), Not(is_("eq", "4"))))
    assert tasks.offset == Value(1, 3)
    assert embed(query, "x").where == is_("eq", "5", Path(Column("data"), ("a",), False))
    assert select(query).where is None


@pytest.mark.parametrize(
    "parameter", ["nope.id=eq.1", "nope.order=id", "nope.limit=1", "nope.or=(id.eq.1)", "order=nope(id)"]
)
def test_an_embed_that_is_not_selected(parameter: str) -> None:
    message = "'nope' is not an embedded resource in this request"
    assert problem(f"{EMBEDS}&{parameter}") == ("PGRST108", message, None)


def test_an_embed_with_an_alias_is_called_by_it() -> None:
    details = "Target names are not allowed in filters if they have an alias"
    assert problem(f"{EMBEDS}&owners.id=eq.1")[2] == details


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("clients=is.null", Not(Embedded("clients"))),
        ("clients=not.is.null", Embedded("clients")),
        ("clients=is.not_null", Embedded("clients")),
        ("x=is.NULL", Not(Embedded("x"))),
        ("owners=is.null", is_("is", None, Column("owners"))),
        ("clients=is.true", is_("is", True, Column("clients"))),
        ("clients=eq.1", is_("eq", "1", Column("clients"), 0)),
        ("clients->a=is.null", is_("is", None, Path(Column("clients"), ("a",), False))),
        (
            "or=(clients.not.is.null,and(x.is.null,id.eq.1))",
            Logic("or", (Embedded("clients"), Logic("and", (Not(Embedded("x")), is_("eq", "1"))))),
        ),
        ("not.and=(clients.is.null,id.eq.1)", Not(Logic("and", (Not(Embedded("clients")), is_("eq", "1"))))),
    ],
)
def test_a_null_test_of_an_embed_asks_for_its_rows(filters: str, expected: Expression) -> None:
    assert where(f"{EMBEDS}&{filters}") == expected


def test_a_null_test_of_an_embed_of_an_embed() -> None:
    assert embed(f"{EMBEDS}&clients.tasks=not.is.null", "clients").where == Embedded("tasks")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id", Order(ID)),
        ("id.asc", Order(ID)),
        ("id.desc", Order(ID, True)),
        ("id.nullsfirst", Order(ID, nulls="first")),
        ("id.desc.nullslast", Order(ID, True, "last")),
        ("data->a->>0.desc", Order(Path(Column("data"), ("a", 0), True), True)),
        ("data->!@#$%^&*_a.asc.nullslast", None),
        ("clients(name)", Order(NAME, embed="clients")),
        ("clients(data->k).desc.nullsfirst", Order(Path(Column("data"), ("k",), False), True, "first", "clients")),
        ('"a.b".desc', Order(Column("a.b"), True)),
    ],
)
def test_an_order(text: str, expected: Order | None) -> None:
    quoted = text.replace("%", "%25").replace("&", "%26").replace("#", "%23")
    orders = select(f"{EMBEDS}&order={quoted}, id").order
    expected = expected or Order(Path(Column("data"), ("!@#$%^&*_a",), False), False, "last")
    assert orders == (expected, Order(ID))


@pytest.mark.parametrize(
    ("text", "column", "details"),
    [
        ("id.ac", 4, 'unexpected "c" expecting "asc", "desc", "nullsfirst" or "nullslast"'),
        ("id.descc", 8, "unexpected 'c' expecting delimiter (.), \",\" or end of input"),
        ("id.nulsfist", 4, 'unexpected "n" expecting "asc", "desc", "nullsfirst" or "nullslast"'),
        ("id.nullslasttt", 13, "unexpected 't' expecting \",\" or end of input"),
        ("id.smth34", 4, 'unexpected "s" expecting "asc", "desc", "nullsfirst" or "nullslast"'),
        ("id.asc.nlsfst", 8, 'unexpected "l" expecting "nullsfirst" or "nullslast"'),
        ("id.asc.nullslasttt", 17, "unexpected 't' expecting \",\" or end of input"),
        ("id.asc.smth34", 8, 'unexpected "s" expecting "nullsfirst" or "nullslast"'),
        (
            "clients(name,id)",
            8,
            'unexpected \'(\' expecting letter, digit, "-", "->>", "->", delimiter (.), "," or end of input',
        ),
    ],
)
def test_an_error_in_an_order_is_worded_as_in_postgrest(text: str, column: int, details: str) -> None:
    message = f'"failed to parse order ({text})" (line 1, column {column})'
    assert problem(f"{EMBEDS}&order={text}") == ("PGRST100", message, details)


def test_the_first_order_counts() -> None:
    assert select("order=id&order=name").order == (Order(ID),)


SUM = Call("sum", (Column("amount"),))
AGGREGATES = "select=name,total:amount.sum(),n:count()::int,count()"


def test_an_order_by_an_aggregate() -> None:
    orders = select(f"{AGGREGATES}&order=total.desc,name,n,count").order
    count = Call("count", star=True)
    assert orders == (Order(SUM, True), Order(NAME), Order(Cast(count, "int")), Order(count))


def test_count_without_parentheses_is_a_column_where_there_is_one() -> None:
    assert select("select=count,n:count::int").items == (Item(COUNT), Item(Cast(COUNT, "int"), "n"))
    assert COUNT.unless_column


def test_a_column_with_the_name_of_a_function_is_the_column() -> None:
    assert select("select=count,x:id.count(),id.count()&order=count").order == (Order(Column("count")),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(total.gt.3)", is_("gt", "3", SUM)),
        ("(total.gt.3,name.neq.a)", Logic("and", (is_("gt", "3", SUM), is_("neq", "a", NAME)))),
        ("or(total.gt.3,total.lt.1)", Logic("or", (is_("gt", "3", SUM), is_("lt", "1", SUM)))),
        ("and(total.not.is.null)", Not(is_("is", None, SUM))),
        ("not.or(total.gt.3)", Not(is_("gt", "3", SUM))),
    ],
)
def test_a_condition_on_aggregates(text: str, expected: Expression) -> None:
    assert select(f"{AGGREGATES}&having={text}").having == expected
    assert embed(f"select=t({AGGREGATES[7:]})&t.having={text}", "t").having == expected
    assert select(f"{AGGREGATES}&having={text}").where is None


def test_columns_and_on_conflict_are_no_filters() -> None:
    assert where("columns=a&on_conflict=b") is None

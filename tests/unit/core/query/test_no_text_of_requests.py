"""The text of a statement has names of the surface, fixed words and numbers of parameters: nothing of a request."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path as File
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from integratedb.query.problems import ProblemError
from integratedb.query.request import (
    Call,
    Cast,
    Column,
    Conflict,
    Delete,
    Embed,
    Embedded,
    Expression,
    Insert,
    Item,
    Logic,
    Not,
    Operation,
    Order,
    Path,
    Query,
    Routine,
    Rows,
    Select,
    Star,
    Table,
    Update,
    Value,
)
from integratedb.query.statement import Options, Statement, compile_query
from tests.unit.core.query.surfaces import SHOP

TOKEN = re.compile(
    r"""\s+|(?P<name>"(?:[^"]|"")*")|(?P<literal>E?'(?:[^']|'')*')|(?P<parameter>\$[1-9][0-9]*)"""
    r"""|(?P<word>[A-Za-z_][A-Za-z_0-9]*)|(?P<number>[0-9]+)|(?P<sign>::|[][().,*]|[-+<>=~!@%|&?/^]+)"""
)
ALIAS = re.compile(r"(?:[a-z]_[0-9]+|c[0-9]+|[a-z]|r_*|n_*|found|is_new_*)")
SOURCES = File(__file__).parents[4] / "plpython" / "integratedb" / "query"
#: The words and literals of the compiler's own text.
GRAMMAR = "\n".join(
    file.read_text()
    for file in [SOURCES / "statement.py", *(SOURCES / "sql").glob("*.py"), *(SOURCES / "plan").glob("*.py")]
)
WORDS = {*re.findall(r"[A-Za-z_][A-Za-z_0-9]*", GRAMMAR)}
SURFACE_SQL = " ".join(
    [
        *(relation.sql for relation in SHOP.relations.values()),
        *(column.sql for relation in SHOP.relations.values() for column in relation.columns.values()),
        *(
            f"{column.type.sql} {column.type.base} {column.declared}"
            for r in SHOP.relations.values()
            for column in r.columns.values()
        ),
        *(
            f"{column.type.to_json} {column.type.from_json} {column.type.from_text}"
            for r in SHOP.relations.values()
            for column in r.columns.values()
        ),
        *(
            argument.sql
            for functions in SHOP.functions.values()
            for function in functions
            for argument in function.arguments
        ),
        *(function.sql for functions in SHOP.functions.values() for function in functions),
        *(computed.sql for relation in SHOP.relations.values() for computed in relation.computed.values()),
        *(of.sql for of in SHOP.types.values()),
    ]
)
SURFACE_WORDS = {*re.findall(r"[A-Za-z_][A-Za-z_0-9]*", SURFACE_SQL)}

#: A setting of the service, which is in the text. No request has this number.
MOST_ROWS = 98_765

#: Every hostile text has this mark, which neither the surface nor the compiler has.
MARK = "zq9"
hostile = st.sampled_from(
    [
        MARK,
        f'{MARK}"; DROP TABLE x; --',
        f"{MARK}' OR '1'='1",
        f"{MARK}\0",
        f"{MARK}$1",
        f"{MARK})",
        f"a.{MARK}",
        f"{MARK}\\'",
        f"/*{MARK}",
        f"{MARK}\ud800",
    ]
)


def either(*names: str) -> st.SearchStrategy[str]:
    """Most names must be right, else nearly every request is refused."""
    return st.integers(0, 30).flatmap(lambda n: hostile if n == 30 else st.sampled_from(names))


columns = either("id", "id", "id", "name", "name", "name", "client_id", "data", "tags", "title", "label", "email")
relations = either("clients", "projects", "tasks", "users", "members", "people")
values = st.builds(Value, hostile | st.integers() | st.none() | st.booleans() | st.lists(hostile, max_size=3))
aliases = st.none() | hostile | st.sampled_from(["name", "id"])
simple = st.builds(Column, columns) | st.builds(
    Path,
    st.builds(Column, columns),
    st.lists(hostile | st.integers(-3, 3), min_size=1, max_size=3).map(tuple),
    st.booleans(),
)
operators = either("eq", "like", "in", "is", "isdistinct", "fts", "cs", "ov", "match", "adj", "concat")


def operation(operator: str, left: Expression, right: Expression, quantifier: Any, language: str | None) -> Operation:
    return Operation(operator, (left, right), quantifier, language)  # type: ignore[arg-type]  # the operator may be none, which is the test


operations = st.builds(operation, operators, simple, values, st.sampled_from([None, "any", "all"]), st.none() | hostile)
conditions = st.recursive(
    operations | operations | operations | st.builds(Embedded, either("clients", "tasks", "users")),
    lambda inner: (
        st.builds(Not, inner) | st.builds(Logic, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=4,
)
aggregates = st.builds(Call, either("count", "sum", "max"), st.lists(simple, max_size=1).map(tuple))
items = st.builds(Item, simple | aggregates | st.builds(Cast, simple | aggregates, either("text", "integer")), aliases)
orders = st.builds(
    Order, simple, st.booleans(), st.sampled_from([None, "first", "last"]), st.none() | either("clients", "users")
)


def selects(embeds: st.SearchStrategy[Any], source: st.SearchStrategy[Any]) -> st.SearchStrategy[Select]:
    return st.builds(
        Select,
        items=st.lists(st.just(Star()) | items | embeds, max_size=4).map(tuple),
        source=source,
        where=st.none() | conditions,
        order=st.lists(orders, max_size=2).map(tuple),
        limit=st.none() | values,
        offset=st.none() | values,
    )


def embeds(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Embed]:
    return st.builds(
        Embed,
        relations,
        selects(inner, st.just(())),
        aliases,
        st.none() | either("client_id", "members"),
        st.booleans(),
        st.booleans(),
    )


nested = embeds(embeds(st.nothing()))
tables = st.builds(Table, relations)
routines = st.builds(
    Routine, either("add_up", "find_projects"), arguments=st.dictionaries(either("a", "b", "term"), values, max_size=2)
) | st.builds(
    Routine,
    either("add_up", "find_projects"),
    body=st.builds(Value, hostile),
    keys=st.lists(either("a", "b", "term"), max_size=2).map(tuple),
)
rows = st.builds(
    Rows,
    st.builds(Value, hostile),
    st.lists(columns, max_size=3, unique=True).map(tuple),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
returning = st.none() | selects(nested, st.just(()))
queries: st.SearchStrategy[Query] = (
    selects(nested, st.tuples(tables | routines))
    | st.builds(
        Insert,
        tables,
        rows,
        st.none()
        | st.builds(
            Conflict, st.sampled_from(["merge", "ignore"]), st.none() | st.lists(columns, max_size=2).map(tuple)
        ),
        returning,
        st.none() | operations,
    )
    | st.builds(Update, tables, rows, st.none() | conditions, returning, st.booleans())
    | st.builds(Delete, tables, st.none() | conditions, returning)
)
options = st.builds(
    Options,
    schema=st.just("shop"),
    form=st.sampled_from(["array", "object", "lines", "csv", "csv lines", "text", "nothing"]),
    strip_nulls=st.booleans(),
    exact_count=st.booleans(),
    max_rows=st.none() | st.integers(1, 10),
    allow_unfiltered=st.booleans(),
    etag=st.booleans(),
    location=st.booleans(),
)


@settings(max_examples=6 * settings.get_profile("integratedb").max_examples)
@given(queries, options)
def test_every_token_is_of_the_surface_or_the_grammar_or_a_parameter(query: Query, wanted: Options) -> None:
    try:
        statement = compile_query(query, SHOP, wanted)
    except ProblemError:
        return
    check_tokens(statement)


def check_tokens(statement: Statement, names: Collection[str] = ()) -> None:
    """Check that each token comes from the surface, the grammar or the names of a face, or is a parameter."""
    text = statement.text
    assert MARK not in text
    position = 0
    while position < len(text):
        token = TOKEN.match(text, position)
        assert token is not None, text[position:]
        position = token.end()
        if token["name"]:
            name = token["name"].strip('"')
            assert token["name"] in SURFACE_SQL or name in SHOP.names or name in names, token[0]
        elif token["literal"]:
            own = (token["literal"], token["literal"].replace("\\", "\\\\"))
            assert token["literal"] == f"'{MOST_ROWS}'" or any(text in GRAMMAR for text in own), token[0]
        elif token["parameter"]:
            assert 1 <= int(token[0][1:]) <= len(statement.parameters)
        elif token["word"]:
            assert token[0] in WORDS or token[0] in SURFACE_WORDS or ALIAS.fullmatch(token[0]), token[0]
        elif token["number"]:
            assert token[0] in ("0", "1", "2"), token[0]


def test_each_parameter_is_used_because_postgres_finds_no_type_for_another_one() -> None:
    embed = Embed("clients", Select(items=(Item(Column("name")),)))
    query = Select(items=(Item(Column("id")), embed), source=(Table("projects"),))
    statement = compile_query(query, SHOP, Options("shop", max_rows=MOST_ROWS))
    assert [n for n in range(1, len(statement.parameters) + 1) if f"${n}::" not in statement.text] == []

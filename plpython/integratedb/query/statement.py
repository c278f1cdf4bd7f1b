"""Compiles a request for a surface to one SQL statement, whose only row is the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from .plan.reading import NOTHING, Reading, reading_of
from .plan.routines import find_function
from .plan.scope import Scope, Source
from .problems import ProblemError
from .request import (
    Column,
    Delete,
    Expression,
    Insert,
    Logic,
    Operation,
    Query,
    Routine,
    Select,
    Star,
    Table,
    Update,
    Value,
)
from .sql import writes
from .sql.levels import VERSION, Level, Objects, Output, objects, positions
from .sql.reads import Reads
from .sql.writer import Parameter, Writer, array_text, quoted, unused_name
from .surface import Aggregate, Function, Relation, Surface

#: What the body is: an array of objects; one object; rows one by one (a stream); CSV; the only value, as text or bytes;
#: a collection of features; nothing; an array of the only values.
Form: TypeAlias = Literal[
    "array", "object", "lines", "csv", "csv lines", "text", "bytes", "geojson", "nothing", "values"
]

_PARAMETER = re.compile(r"\$([0-9]+)::")

#: Where a text names a function, an operator or a type that Postgres and the extension do not have: qualified by
#: another schema before a parenthesis, in OPERATOR(), or after a cast's sign.
_NAME = r"""(?:"(?:[^"]|"")*"|[A-Za-z_][A-Za-z_0-9]*)"""
_OTHERS_CODE = re.compile(
    rf"(?<![A-Za-z_0-9\".])(?!pg_catalog\.|integratedb\.){_NAME}\s*\.\s*{_NAME}\s*\("
    rf"|OPERATOR\((?!pg_catalog\.)"
    rf"|::(?!pg_catalog\.)"
)

#: The columns of the answer, in order.
COLUMNS = ("body", "row_count", "total", "more", "etag", "new_count", "location", "headers", "status")


@dataclass(frozen=True, slots=True)
class Subjects:
    """What the version of a surface is of: the arguments of integratedb.surface_version()."""

    role: int
    schemas: tuple[str, ...]
    #: Other schemas that the surface depends on, by oid.
    further: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What a service or a session wants of an answer."""

    schema: str
    form: Form = "array"
    strip_nulls: bool = False
    exact_count: bool = False
    #: The most rows of an answer and of each embed; ``more`` tells whether there are others.
    max_rows: int | None = None
    #: Whether the request itself asks for no more rows than that, so that nothing is left out.
    is_short: bool = False
    #: The most bytes of an answer, beyond which the statement raises. Lines of a stream have no limit.
    max_answer_bytes: int | None = None
    max_depth: int = 32
    aggregates: bool = True
    allow_unfiltered: bool = False
    #: Whether a function that returns one value, or one row, is answered by that alone, without a list around it.
    unwraps: bool = False
    etag: bool = False
    location: bool = False
    #: Other schemas that a name without a schema is looked up in, in this order.
    further_schemas: tuple[str, ...] = ()
    #: Makes the body of all rows, of which the form is text or bytes.
    aggregate: Aggregate | None = None
    #: The statement itself compares the version of the surface, and raises before it reads or returns anything. Its
    #: locks come first, so no change can come between.
    subjects: Subjects | None = None
    #: Whether the statement gets its parameters as one array of texts.
    parameters_in_array: bool = False
    #: Names that the face itself has made of the surface's, which may be keys of JSON and names in SQL.
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and its parameters. Requests of the same shape have the same statement, with other holes."""

    text: str
    parameters: tuple[Parameter, ...]
    #: The keys of the rows, in order; the header of CSV.
    keys: tuple[str, ...] = ()
    #: Whether it only reads, so that the transaction can be read-only.
    reads: bool = True
    #: Whether row security applies to a relation that the request names.
    row_security: bool = False
    #: Counts all rows, for the planner's estimate.
    count_text: str | None = None
    #: What it reads, by the names of the surface.
    reading: Reading = NOTHING
    #: What it takes of rows that it has written, or that functions return.
    returned: Reading = NOTHING
    #: Whether it only reads plain tables, and calls nothing but what Postgres and the extension have: it leaves a
    #: session as it found it, and depends on no setting that requests have.
    is_plain: bool = False

    @property
    def uses(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """What it reads by name: schema, relation, columns."""
        return tuple((one.schema, one.name, one.columns) for one in self.reading.relations)

    @property
    def uses_all_parameters(self) -> bool:
        """Whether Postgres can find the type of each parameter: where no row is needed, some are in no text."""
        return len({*_PARAMETER.findall(self.text)}) == len(self.parameters)

    def bind(self, holes: Sequence[Any] = (), named: Mapping[str, Any] | None = None) -> list[str | bytes | None]:
        """Return the parameters as text, in the order of their numbers; ``named`` are those of the request."""
        return [parameter.text(holes, named) for parameter in self.parameters]


#: Values that statements which run together repeat, because a request names them several times.
MOST_REPEATED = 16 << 20


def bind_all(
    statements: Sequence[Statement],
    holes: Sequence[int] | None = None,
    named: Mapping[str, Any] | None = None,
    filled: Sequence[Any] | None = None,
) -> list[list[str | None]]:
    """Return the parameters of statements that run together, as texts.

    ``holes``: how many each one has, left empty. ``filled``: the values of the holes, which all of them share.

    Error: ProblemError: a few large values, named often, would fill the memory.
    """
    known: dict[tuple[int, str], str | None] = {}
    repeated = 0
    bound = []
    for number, statement in enumerate(statements):
        values = filled if filled is not None else [None] * (0 if holes is None else holes[number])
        texts: list[str | None] = []
        for parameter in statement.parameters:
            is_empty = parameter.hole is not None and filled is None
            given = values[parameter.hole] if parameter.hole is not None else parameter.given(named)
            key = (id(given), parameter.form)
            is_known = not is_empty and key in known
            text = known[key] if is_known else _text(parameter.text(values, named))
            if is_known:
                repeated += len(text or "")
                if repeated > MOST_REPEATED:
                    limit = f"{MOST_REPEATED} characters"
                    raise ProblemError("too large", (), what="what the queries repeat of their values", limit=limit)
            elif not is_empty:
                known[key] = text
            texts.append(text)
        bound.append(texts)
    return bound


def _text(value: str | bytes | None) -> str | None:
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def compile_query(query: Query, surface: Surface, options: Options) -> Statement:
    """Compile a request. Error: ProblemError. Nothing of the request becomes text of the statement."""
    return _Compilation(surface, options).run(query)


class _Names(Mapping[str, str]):
    """The names of the surface, and those that a face has made of them."""

    def __init__(self, made: frozenset[str], surface: Surface) -> None:
        self._made = {name: name for name in made}
        self._own = surface.names

    def __getitem__(self, name: str) -> str:
        return self._own.get(name) or self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._made, **self._own})

    def __len__(self) -> int:
        return len({**self._made, **self._own})


class _Compilation:
    def __init__(self, surface: Surface, options: Options) -> None:
        self._surface = surface
        self._options = options
        self._writer = Writer(in_array=options.parameters_in_array)

    def run(self, query: Query) -> Statement:
        options = self._options
        is_read = isinstance(query, Select)
        self._reads = Reads(
            self._writer,
            self._surface,
            options.schema,
            # Rows that were written are all in the answer.
            max_rows=options.max_rows if is_read and options.form not in ("lines", "csv lines") else None,
            max_depth=options.max_depth,
            aggregates=options.aggregates,
            further_schemas=options.further_schemas,
            names=_Names(options.names, self._surface) if options.names else None,
        )
        self._reads.sources.write_named = self._write_named
        return self._read(query) if isinstance(query, Select) else self._write(query)

    def _read(self, query: Select) -> Statement:
        options = self._options
        relation = self._only_relation(query)
        unique = relation is not None and pins_a_key(query.where, relation)
        # The most rows of an answer are more than one, so their limit would only be one more node of the plan.
        level = self._reads.top(query, capped=not unique)
        prefix = self._with()
        function = self._only_function(query)
        facts = {
            "total": f"({level.counted()})" if self._options.exact_count else "NULL::pg_catalog.int8",
            "more": self._more(level, query) if not unique and level.page is None else "false",
        }
        if self._options.etag and relation is not None and level.group_by is None:
            level.version = writes.row_version(relation, "t_1")  # the first alias of a statement
        text, keys = self._answer(level, facts, function if options.unwraps else None, query.items == (Star(),))
        is_volatile = self._reads.expressions.functions.is_volatile or self._reads.sources.has_writes
        reads = (function is None or function.volatility != "volatile") and not is_volatile
        return self._statement(
            prefix + self._limited(text), keys, reads, _relations(query, self._surface, self._options.schema), level
        )

    def _only_relation(self, query: Select) -> Relation | None:
        if len(query.source) == 1 and isinstance(query.source[0], Table) and not (query.joins or query.with_queries):
            return self._reads.relation(query.source[0])
        return None

    def _only_function(self, query: Select) -> Function | None:
        source = query.source[0] if query.source else None
        return find_function(self._surface, self._options.schema, source) if isinstance(source, Routine) else None

    def _more(self, level: Level, query: Select) -> str:
        """Return whether rows exist beyond the most that are answered; asked only when the answer has that many."""
        if self._options.max_rows is None or self._options.is_short or self._options.form in ("lines", "csv lines"):
            return "false"
        most = f"'{self._options.max_rows:d}'::pg_catalog.int8"
        wanted = "" if query.limit is None else f" AND {self._writer.value(query.limit, 'pg_catalog.int8')} > {most}"
        offset = most if level.offset is None else f"{level.offset} + {most}"
        return f"CASE WHEN pg_catalog.count(*) >= {most}{wanted} THEN EXISTS ({level.existing(offset)}) ELSE false END"

    def _written(self, query: Insert | Update | Delete, located: Sequence[str] = ()) -> writes.Write:
        """Write an INSERT, UPDATE or DELETE that returns all columns, if they are wanted; else those for Location."""
        write_sql = writes.Writes(self._writer, self._reads, allow_unfiltered=self._options.allow_unfiltered)
        columns = self._reads.relation(query.table).columns.values()
        returned = [column.name for column in columns if column.can_select] if query.returning is not None else []
        with self._reads.sources.named(query.with_queries):
            match query:
                case Insert():
                    return write_sql.insert(query, returned or located)
                case Update():
                    return write_sql.update(query, returned)
                case Delete():
                    return write_sql.delete(query, returned)

    def _write_named(self, query: Insert | Update | Delete) -> tuple[Level, str]:
        """Write a query of WITH that writes, and what it returns."""
        write, name, alias = self._written(query), self._writer.alias("w"), self._writer.alias("t")
        self._reads.sources.with_queries.append((name, write.text))
        relation = write.relation
        row = f"{alias}.{write.row}" if write.row is not None else None
        source = Source(alias, relation.name, relation.columns, relation, row, relation.schema)
        wanted = query.returning or Select(items=())
        level = self._reads.level(wanted, Scope([source]), f"{name} AS {alias}", [], depth=1, capped=False, nested=True)
        names = positions(level)
        return level, level.select(names, "" if names else "true AS c0")

    def _write(self, query: Insert | Update | Delete) -> Statement:
        options = self._options
        relation = self._reads.relation(query.table)
        wanted = query.returning
        located = [name for name in relation.primary_key if options.location and relation.columns[name].can_select]
        write = self._written(query, located)
        prefix = self._with((writes.WRITTEN, write.text))
        facts = {}
        if write.is_new is not None:
            new = f"SELECT pg_catalog.count(*) FROM {writes.WRITTEN} AS n WHERE n.{write.is_new}"
            facts["new_count"] = f"({new})"
        if options.location and located:
            pairs = ", ".join(
                f"{self._writer.constant(name)}, n.{relation.columns[name].sql}::pg_catalog.text" for name in located
            )
            key = f"SELECT pg_catalog.json_build_object({pairs})::pg_catalog.text FROM {writes.WRITTEN} AS n"
            facts["location"] = f"(SELECT CASE WHEN pg_catalog.count(*) = 1 THEN ({key}) END FROM {writes.WRITTEN})"
        if wanted is None:
            alias = self._writer.alias("t")
            text = (
                f"SELECT {_columns('NULL::pg_catalog.text', facts)} FROM {writes.WRITTEN} AS {alias}{self._checked()}"
            )
            return self._statement(prefix + text, (), False, [relation], None)
        alias = self._writer.alias("t")
        row = f"{alias}.{write.row}" if write.row is not None else None
        source = Source(alias, relation.name, relation.columns, relation, row, relation.schema)
        self._reads.sources.returned.append(source)
        number = unused_name(relation, "n")
        rows = f"(SELECT w.*, pg_catalog.row_number() OVER () AS {number} FROM {writes.WRITTEN}) AS {alias}"
        level = self._reads.level(wanted, Scope([source]), rows, [], depth=1)
        if not level.order and level.group_by is None:
            # Joins may change the order in which the rows were written.
            level.order = [f"{alias}.{number}"]
        text, keys = self._answer(level, facts, reads=False)
        return self._statement(prefix + self._limited(text), keys, False, [relation], None)

    def _with(self, *more: tuple[str, str]) -> str:
        sources = self._reads.sources
        queries = ", ".join(f"{name} AS ({text})" for name, text in (*sources.with_queries, *more))
        return f"WITH {'RECURSIVE ' if sources.is_recursive else ''}{queries} " if queries else ""

    def _checked(self) -> str:
        """Return a condition that holds if the surface is still the one that the statement was made for."""
        subjects, constant = self._options.subjects, self._writer.constant
        if subjects is None:
            return ""
        # What integratedb.surface_version() does. A call of it takes as long as a small query.
        names = [constant(quoted(name)) for name in dict.fromkeys(subjects.schemas)]
        schemas = [f"pg_catalog.to_regnamespace({name})::pg_catalog.oid" for name in names]
        numbers = " OPERATOR(pg_catalog.+) ".join(f"COALESCE({one}::pg_catalog.int8, 0)" for one in schemas) or "0"
        role = constant(subjects.role, "pg_catalog.oid")
        counted = f"ARRAY[{', '.join([*schemas, role, '0::pg_catalog.oid'])}]"
        if subjects.further:
            further = constant(array_text(list(subjects.further)), "pg_catalog.oid[]")
            counted = f"({counted} OPERATOR(pg_catalog.||) {further})"
        present = f"pg_catalog.concat_ws('.', NULLIF({numbers}, 0), COALESCE(pg_catalog.sum(v.weight), 0))"
        return (
            f" WHERE (SELECT CASE WHEN {present} OPERATOR(pg_catalog.=) {constant(self._surface.version)}"
            # A session may have the role since an earlier request.
            f" AND pg_catalog.pg_has_role(SESSION_USER, {role}, 'MEMBER') THEN true"
            " ELSE integratedb.surface_changed() END FROM integratedb.surface_change AS v"
            f" WHERE v.subject OPERATOR(pg_catalog.=) ANY ({counted}))"
        )

    def _limited(self, text: str) -> str:
        """Return the SELECT of an answer, and limit its bytes: a short request can ask for more than memory holds."""
        options = self._options
        if options.max_answer_bytes is None or options.form in ("lines", "csv lines", "nothing"):
            return text
        alias, most = self._writer.alias("a"), f"'{options.max_answer_bytes:d}'::pg_catalog.int8"
        # What code of the database says by settings is sent, too. An aggregate is in the text, so Postgres makes the
        # body only once; the function is volatile, so it stays outside.
        sizes = " OPERATOR(pg_catalog.+) ".join(
            f"COALESCE(pg_catalog.octet_length({alias}.{name}), 0)::pg_catalog.int8"
            for name in ("body", "headers", "status")
        )
        return (
            f"SELECT {alias}.* FROM ({text}) AS {alias} WHERE CASE WHEN {sizes} OPERATOR(pg_catalog.>) {most}"
            f" THEN integratedb.answer_too_large({most}) ELSE true END"
        )

    def _answer(
        self,
        level: Level,
        facts: dict[str, str],
        called: Function | None = None,
        whole: bool = False,
        reads: bool = True,
    ) -> tuple[str, tuple[str, ...]]:
        """Return the SELECT of the answer, and its keys; ``whole``: all that the function ``called`` returns.

        Without ``reads``, the rows are counted that were written.
        """
        form, checked, aggregate = self._options.form, self._checked(), self._options.aggregate
        keys = tuple(output.key for output in level.outputs)
        alias = self._writer.alias("s")
        if level.version is not None:
            facts = {**facts, "etag": f"pg_catalog.string_agg({alias}.{VERSION}::pg_catalog.text, ',')"}
        if aggregate is not None and form in ("text", "bytes"):
            return self._aggregated(level, aggregate, alias, facts, checked), keys
        if form in ("csv", "csv lines", "text", "bytes"):
            return self._answer_text(level, facts, alias, checked), keys
        if level.page is not None:
            body = f"({level.page.body})::pg_catalog.text"
            return (
                f"SELECT {_columns(body, facts)} FROM {level.page.source if reads else level.page.rows}{checked}",
                keys,
            )
        rows = objects(level, self._writer, self._reads.names, alias)
        if form == "lines":
            line = rows.single()
            line = f"pg_catalog.json_strip_nulls({line})" if self._options.strip_nulls else line
            return f"SELECT ({line})::pg_catalog.text FROM ({rows.select}) AS {alias}{checked}", keys
        if form == "nothing":
            return f"SELECT {_columns('NULL::pg_catalog.text', facts)} FROM ({rows.select}) AS {alias}{checked}", keys
        if form == "geojson":
            feature = f"{self._surface.geojson}({self._as_row(rows)})::pg_catalog.json"
            features = f"COALESCE(pg_catalog.json_agg({feature}), '[]'::pg_catalog.json)"
            body = f"pg_catalog.json_build_object('type', 'FeatureCollection', 'features', {features})::pg_catalog.text"
            return f"SELECT {_columns(body, facts)} FROM ({rows.select}) AS {alias}{checked}", keys
        array = rows.array()
        if form == "values":
            [name] = names = positions(level)
            rows = replace(rows, select=level.select(names))
            array = f"pg_catalog.json_agg({alias}.{name})"
        if called is not None and whole and called.relation is None and not called.columns:
            [name] = names = positions(level)
            rows = replace(rows, select=level.select(names))
            array = f"pg_catalog.json_agg({alias}.{name})"
        array = f"pg_catalog.json_strip_nulls({array})" if self._options.strip_nulls else array
        if called is not None and not called.returns_set:
            body = f"COALESCE(({array} OPERATOR(pg_catalog.->) 0)::pg_catalog.text, 'null')"
        elif form == "object":
            body = f"({array} OPERATOR(pg_catalog.->) 0)::pg_catalog.text"
        else:
            body = f"COALESCE({array}::pg_catalog.text, '[]')"
        return f"SELECT {_columns(body, facts)} FROM ({rows.select}) AS {alias}{checked}", keys

    def _aggregated(self, level: Level, aggregate: Aggregate, alias: str, facts: dict[str, str], checked: str) -> str:
        """Return the SELECT whose body an aggregate of the database makes, of whole rows or of what is selected."""
        if aggregate.row is not None:
            level.outputs = [Output("row", f"({level.row})::{aggregate.row}")]
            rows, argument = level.select(["c1"]), f"{alias}.c1"
        else:
            made = objects(level, self._writer, self._reads.names, alias)
            rows, argument = made.select, self._as_row(made)
        of = "pg_catalog.bytea" if self._options.form == "bytes" else "pg_catalog.text"
        body = f"({aggregate.sql}({argument}))::{of}"
        return f"SELECT {_columns(body, facts)} FROM ({rows}) AS {alias}{checked}"

    def _as_row(self, rows: Objects) -> str:
        """Return the expression of each row, as a row whose columns have names. Error: ProblemError."""
        if not rows.is_row:
            # What a request calls a column never becomes a name in SQL.
            raise ProblemError("syntax", (), text="select", expected="names of columns for this media type")
        return rows.row

    def _answer_text(self, level: Level, facts: dict[str, str], alias: str, checked: str) -> str:
        """Return the SELECT of an answer that is no JSON."""
        form, names = self._options.form, positions(level)
        select = level.select(names, "" if names else ", true AS c0")
        if form in ("csv", "csv lines"):
            row = _csv(alias, names)
            if form == "csv lines":
                return f"SELECT {row} FROM ({select}) AS {alias}{checked}"
            body = f"COALESCE(pg_catalog.string_agg({row}, ''), '')"
        else:
            if len(names) != 1:
                raise ProblemError("syntax", (), text="select", expected="one column for this media type")
            glue = "''::pg_catalog.bytea" if form == "bytes" else "''"
            of = "pg_catalog.bytea" if form == "bytes" else "pg_catalog.text"
            body = f"pg_catalog.string_agg(({alias}.c1)::{of}, {glue})"
        return f"SELECT {_columns(body, facts)} FROM ({select}) AS {alias}{checked}"

    def _statement(
        self, text: str, keys: tuple[str, ...], reads: bool, relations: list[Relation], counted: Level | None
    ) -> Statement:
        reading = reading_of(self._reads.sources.read, self._reads.sources.related, self._surface)
        return Statement(
            text,
            tuple(self._writer.parameters),
            keys,
            reads,
            any(relation.row_security for relation in relations),
            counted.body() if counted is not None else None,
            reading,
            reading_of(self._reads.sources.returned, (), self._surface),
            reads
            and all(self._surface.relations[one.schema, one.name].is_plain for one in reading.relations)
            and not self._reads.expressions.functions.may_run_others
            and _OTHERS_CODE.search(text) is None,
        )


def _columns(body: str, facts: dict[str, str]) -> str:
    """Return the columns of the answer, always of the same types: see COLUMNS."""
    values = {
        "total": "NULL::pg_catalog.int8", "more": "false", "etag": "NULL::pg_catalog.text",
        "new_count": "NULL::pg_catalog.int8", "location": "NULL::pg_catalog.text",
        "headers": "NULLIF(pg_catalog.current_setting('response.headers', true), '')",
        "status": "NULLIF(pg_catalog.current_setting('response.status', true), '')",
    } | facts  # fmt: skip
    values = {"body": body, "row_count": "pg_catalog.count(*)"} | values
    return ", ".join(f"{values[name]} AS {name}" for name in COLUMNS)


#: An empty text, or one with a separator, a quotation mark or the end of a line.
_QUOTED_IN_CSV = """E'^$|[",\\r\\n]'"""


def _csv(alias: str, names: Sequence[str]) -> str:
    """Return a row as one line of CSV: RFC 4180, but an empty text is quoted, and null is nothing."""

    def one(name: str) -> str:
        text = f"({alias}.{name})::pg_catalog.text"
        quoted = f"""pg_catalog.concat('"', pg_catalog.replace({text}, '"', '""'), '"')"""
        needs_quotes = f"{text} OPERATOR(pg_catalog.~) {_QUOTED_IN_CSV}"
        return f"CASE WHEN {needs_quotes} THEN {quoted} ELSE {text} END"

    fields = ", ',', ".join(one(name) for name in names)
    return f"pg_catalog.concat({fields}, E'\\n')" if fields else "E'\\n'"


def pins_a_key(where: Expression | None, relation: Relation) -> bool:
    """Whether a condition allows one row at most: it compares all columns of a unique key with values."""
    pinned = set(_pinned(where))
    return any(set(key) <= pinned for key in relation.keys if key)


def _pinned(where: Expression | None) -> Iterator[str]:
    match where:
        case Logic(operator="and"):
            for part in where.parts:
                yield from _pinned(part)
        case Operation(operator="eq", quantifier=None, operands=(Column() as column, Value())):
            yield column.name


def _relations(query: Select, surface: Surface, schema: str) -> list[Relation]:
    found = [surface.relations.get((s.schema or schema, s.name)) for s in query.source if isinstance(s, Table)]
    return [relation for relation in found if relation is not None]

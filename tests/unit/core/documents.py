"""Hypothesis strategies for specifications as people write them, and for what is nearly one."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]


def read_without_escapes(message: str, document: object) -> bool:
    """Whether DETAIL, which is JSON, shows a message as it is; what the document itself says may need an escape."""
    escaped = '"' in message or "\\" in message
    return not escaped or "\\" in json.dumps(document, ensure_ascii=False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)

#: Names that Postgres takes: any characters but NUL, at most 63 bytes.
names = st.one_of(
    st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15),
).filter(lambda name: name != "*")
column_names = names | st.sampled_from(["id", "status", "Order ID", 'a"b', "ünïcode"])


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _path_part(name: str, quote: bool) -> str:
    plain = name.isascii() and name.isidentifier()
    return name if plain and not quote else quoted(name)


schemas = names.filter(lambda name: not name.startswith("pg_") and name not in ("information_schema", "integratedb"))
table_paths = st.builds(
    lambda schema, table, quotes: f"{_path_part(schema, quotes[0])}.{_path_part(table, quotes[1])}",
    schemas | st.just("shop"),
    names,
    st.tuples(st.booleans(), st.booleans()),
)
type_names = st.builds(
    lambda schema, name, array: schema + name + array,
    st.just("") | st.builds(lambda name: quoted(name) + ".", names) | st.just("shop."),
    st.sampled_from(["text", "int8", "order_status"]) | st.builds(quoted, names),
    st.sampled_from(["", "[]", " [ 3 ]", "[][]", " ARRAY", " array[4]"]),
) | st.sampled_from(
    ["double  precision", "timestamp with time zone", "ARRAY", "user-defined", "INTEGER", "bit varying []"]
)

_properties: dict[str, st.SearchStrategy[Any]] = {
    "type": type_names,
    "min_length": st.integers(1, 2147483646) | st.just("unlimited") | st.just(40.0),
    "is_nullable": st.sampled_from([True, False, "true", "false"]),
}
_optional: dict[str, st.SearchStrategy[Any]] = {"optional": st.booleans()}


def _distinct(values: st.SearchStrategy[Any], max_size: int) -> st.SearchStrategy[list[Any]]:
    """Entries that mean different things: the names in them differ."""
    return st.lists(values, min_size=1, max_size=max_size, unique_by=lambda value: str(_name_or_path(value)))


def _name_or_path(value: Any) -> Any:
    while isinstance(value, dict):
        value = value["alternatives"][0] if "alternatives" in value else value.get("name", value.get("path"))
    return value


_columns = column_names | st.fixed_dictionaries({"name": column_names}, optional=_properties)
_fields = (
    column_names
    | st.fixed_dictionaries({"name": column_names}, optional={**_properties, **_optional})
    | st.fixed_dictionaries({"alternatives": _distinct(_columns, 3)}, optional=_optional)
)
_field_lists: st.SearchStrategy[Any] = st.none() | st.just([]) | st.just(["*"]) | _distinct(_fields, 4)


@st.composite
def _with_keys(draw: st.DrawFn, tables: st.SearchStrategy[Document]) -> Document:
    """A table with unique keys and references of its fields, or without."""
    table = draw(tables)
    fields = table.get("fields") or []
    known = list(map(_name_or_path, fields))
    names = column_names if known == ["*"] else st.sampled_from(known or ["id"])
    of_fields = st.lists(names, min_size=1, max_size=32, unique=True)
    if not known or draw(st.booleans()):
        return table
    unique = st.lists(of_fields, max_size=2, unique_by=frozenset)
    if draw(st.booleans()):
        table = {**table, "unique": draw(unique)}
    if draw(st.booleans()):
        reference: Document = {"fields": draw(of_fields), "to": draw(table_paths)}
        if draw(st.booleans()):
            count = len(reference["fields"])
            reference["to_fields"] = draw(st.lists(column_names, min_size=count, max_size=count, unique=True))
        table = {**table, "references": draw(st.just([reference]) | st.just([]))}
    return table


def _tables(keys: bool, required: Document, optional: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Document]:
    tables = st.fixed_dictionaries(required, optional=optional)
    return _with_keys(tables) if keys else tables


def _canonical_path(alternative: Document) -> str:
    """Two texts of one table must not stand in one list of alternatives by accident."""
    return str(alternative["path"]).replace('"', "")


def _matches(extra: dict[str, st.SearchStrategy[Any]], *, keys: bool = False) -> st.SearchStrategy[Document]:
    more = {**_optional, "until": st.dates().map(str), **extra}
    alternatives = _tables(keys, {"path": table_paths}, {"fields": _field_lists})
    return st.one_of(
        _tables(keys, {"path": table_paths}, {"fields": _field_lists, **more}),
        st.fixed_dictionaries(
            {"path": st.builds(lambda name: f"{quoted(name)}.*", schemas), "fields": st.just(["*"])}, optional=more
        ),
        st.fixed_dictionaries(
            {"alternatives": st.lists(alternatives, min_size=1, max_size=3, unique_by=_canonical_path)}, optional=more
        ),
    )


def _documents(matches: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries({"match": st.lists(matches, max_size=4, unique_by=_first_path) | matches})


def _first_path(match: Document) -> str:
    """Two matches that mean the same must not stand in one document by accident."""
    return _canonical_path(match["alternatives"][0] if "alternatives" in match else match)


_queue: dict[str, st.SearchStrategy[Any]] = {
    "max_queue_bytes": st.integers(1024, 2**40) | st.just(1073741824),
    "max_queue_age": st.integers(1, 31536000) | st.just(604800),
}
_channel_names = st.from_regex(r"[a-z_][a-zA-Z0-9_-]{0,10}", fullmatch=True)
_secrets = st.builds(lambda octets: "whsec_" + base64.b64encode(octets).decode(), st.binary(min_size=24, max_size=64))
_channels = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("WEBHOOK"),
            "url": st.sampled_from(
                ["https://shop.example/hooks?a=b", "http://u:p@[::1]:8080/", "env:INTEGRATEDB_SECRET_A__HOOK_URL"]
            ),
            "secret": _secrets | st.just("env:INTEGRATEDB_SECRET_A__HOOK"),
        },
        optional={
            "timeout": st.just(10) | st.floats(0.1, 300),
            "batch": st.integers(1, 1000),
            "concurrency": st.integers(1, 100),
            "max_attempts": st.integers(1, 100000),
            **_queue,
        },
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("REDIS"),
            "url": st.sampled_from(["redis://localhost/0", "rediss://:pw@h:1", "env:INTEGRATEDB_SECRET_A__BUS"]),
        },
        optional={"stream": st.text("abc:", min_size=1), "maxlen": st.integers(1, 2**40), **_queue},
    ),
    st.fixed_dictionaries(
        {"type": st.just("REDIS"), "url": st.just("redis://localhost"), "topic": st.text("abc:", min_size=1)}
    ),
    st.fixed_dictionaries({"type": st.just("SOCKET")}, optional={"mode": st.sampled_from(["queue", "broadcast"])}),
)


@st.composite
def notifications(draw: st.DrawFn) -> Document:
    """A notifications document whose matches name only channels that it defines."""
    channels = draw(st.lists(_channels, max_size=3))
    names = draw(st.lists(_channel_names, min_size=len(channels), max_size=len(channels), unique=True))
    for channel, name in zip(channels, names, strict=True):
        if draw(st.booleans()) or sum(other["type"] == channel["type"] for other in channels) > 1:
            channel["name"] = name
    known = sorted({channel.get("name", channel["type"]) for channel in channels} | {c["type"] for c in channels})
    destinations = st.just(["*"])
    if known:
        destinations |= st.lists(st.sampled_from(known), min_size=1, unique=True)
    events = st.just(["*"]) | st.lists(
        st.sampled_from(["INSERT", "UPDATE", "DELETE", "TRUNCATE"]), min_size=1, unique=True
    )
    document = draw(_documents(_matches({"events": events, "channels": destinations})))
    leave_out: bool = draw(st.booleans())
    if channels or not leave_out:
        document["channels"] = channels
    return document


claims = _documents(_matches({}, keys=True))


@st.composite
def mutated(draw: st.DrawFn, documents: st.SearchStrategy[Document]) -> Any:
    """A document of which one place was replaced, removed, doubled or given a key too many."""
    document: Any = copy.deepcopy(draw(documents))
    place: Any = document
    while True:
        entries = list(place.items()) if isinstance(place, dict) else list(enumerate(place))
        if not entries:
            break
        key, value = draw(st.sampled_from(entries))
        if isinstance(value, (dict, list)) and draw(st.integers(0, 3)):
            place = value
            continue
        change = draw(st.sampled_from(["replace", "remove", "double"]))
        if change == "replace":
            place[key] = draw(json_values | st.sampled_from(["*", ["*", "*"], "shop", "pg_catalog.pg_class", "a\n"]))
        elif change == "remove":
            del place[key]
        elif isinstance(place, list):
            place.append(value)
        else:
            place[draw(st.text())] = value
        return document
    if isinstance(place, dict):
        place[draw(st.text())] = draw(json_values)
    else:
        place.append(draw(json_values))
    return document

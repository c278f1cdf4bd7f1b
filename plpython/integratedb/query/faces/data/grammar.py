"""Builds the JSON Schema of queries as data, of the words that the reader knows; docs/query.schema.json is equal."""

from __future__ import annotations

import json
from typing import Any

from .documents import MOST_QUERIES
from .expressions import BOUNDS, FORMS, UNITS
from .operators import ARROWS, CALCULATIONS, COMPARISONS, NEGATED, OTHERS, SEARCHES
from .queries import EMBED, READ, UNIONS
from .tables import JOINS
from .writes import WITH, WRITES

Schema = dict[str, Any]

_EXPRESSION: Schema = {"$ref": "#/$defs/expression"}
_CONDITION: Schema = {"$ref": "#/$defs/condition"}
_NAME: Schema = {"type": "string", "minLength": 1}
_NAMED: Schema = {"anyOf": [_NAME, _EXPRESSION]}
_SELECT: Schema = {"$ref": "#/$defs/select"}


def query_schema() -> Schema:
    """Return the schema of a document: a query, a list of queries, or one of them with its params."""
    wrapped = _object(
        {
            "query": {"anyOf": [{"$ref": "#/$defs/query"}, {"$ref": "#/$defs/queries"}]},
            "params": {"type": ["object", "null"]},
            "explain": {"type": "boolean"},
        },
        "query",
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a query as data",
        "description": "What POST /query and integratedb_query() take. A scalar in an expression is a value; a name of "
        "a column is written {\"field\": \"name\"}.",
        "anyOf": [{"$ref": "#/$defs/query"}, {"$ref": "#/$defs/queries"}, {**wrapped, "title": "a query with params"}],
        "$defs": {
            "query": {"anyOf": [_SELECT, *({"$ref": f"#/$defs/{word}"} for word in WRITES)]},
            "queries": {"type": "array", "items": {"$ref": "#/$defs/query"}, "minItems": 1, "maxItems": MOST_QUERIES},
            "select": {"anyOf": [{"$ref": "#/$defs/plain"}, *({"$ref": f"#/$defs/{word}"} for word in UNIONS)]},
            "plain": _object(_clauses(READ), "from"),
            **{word: _union(word) for word in UNIONS},
            **{word: _write(word) for word in WRITES},
            **_parts(),
            **_expressions(),
        },
    }  # fmt: skip


def _object(properties: Schema, *required: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(sorted(properties.items())),
        "required": list(required),
        "additionalProperties": False,
    }


def _refs(*names: str) -> list[Schema]:
    return [{"$ref": f"#/$defs/{name}"} for name in names]


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, **({"minItems": least} if least else {})}


def _tuple(*items: Schema) -> Schema:
    return {"type": "array", "prefixItems": list(items), "minItems": len(items), "maxItems": len(items)}


def _clauses(words: set[str]) -> Schema:
    number = {"anyOf": [{"type": ["integer", "null"], "minimum": 0}, *_refs("param", "value")]}
    join: Schema = {"type": "array", "description": "Pairs of a table and a condition."}
    optional = {"anyOf": [_CONDITION, {"type": "null"}]}
    known: Schema = {
        "select": _list({"$ref": "#/$defs/item"}),
        "modifiers": {"enum": [[], ["distinct"]]},
        "from": {"anyOf": [{"$ref": "#/$defs/table"}, _list({"$ref": "#/$defs/source"}, 1)]},
        **dict.fromkeys(JOINS, join),
        "cross-join": _list({"$ref": "#/$defs/source"}),
        "where": optional,
        "having": optional,
        "group-by": _list(_NAMED),
        "order-by": {"$ref": "#/$defs/order"},
        "limit": number,
        "offset": number,
        "embed": _list({"$ref": "#/$defs/embed"}),
        **{word: _list(_tuple(_NAME, {"$ref": "#/$defs/query"})) for word in WITH},
        "relation": _NAME,
        "as": {"type": ["string", "null"]},
        "hint": {"type": ["string", "null"]},
        "inner": {"type": "boolean"},
    }
    return {word: known[word] for word in words}


def _union(word: str) -> Schema:
    clauses = _clauses({"order-by", "limit", "offset", *WITH})
    return _object({word: _list(_SELECT, 2), **clauses}, word)


def _write(word: str) -> Schema:
    row = {"type": "object", "minProperties": 1, "additionalProperties": _EXPRESSION}
    conflict = _object({"columns": _list(_NAME), "do": {"enum": ["update", "nothing"]}, "set": row}, "do")
    known: Schema = {
        word: {"$ref": "#/$defs/table"},
        "columns": _list(_NAME),
        "values": _list({"anyOf": [row, _list(_EXPRESSION)]}, 1),
        "query": _SELECT,
        "on-conflict": {"anyOf": [conflict, {"type": "null"}]},
        "returning": _list({"$ref": "#/$defs/item"}),
        "set": row,
        "where": {"anyOf": [_CONDITION, {"type": "null"}]},
        **_clauses({"from", *JOINS, *WITH}),
    }
    required = (word, "set") if word == "update" else (word,)
    return _object({key: known[key] for key in WRITES[word] | WITH}, *required)


def _parts() -> Schema:
    called = _object({"call": {"$ref": "#/$defs/call/properties/call"}}, "call")
    inner = {"anyOf": [_object({"query": _SELECT}, "query"), _object({"lateral": _SELECT}, "lateral"), called, _SELECT]}
    directions = {"enum": ["asc", "desc", "nulls-first", "nulls-last"]}
    embed = {"relation", *EMBED, *(READ - {"from", *JOINS, *WITH})}
    return {
        "table": {"anyOf": [_NAME, _tuple(_NAME, _NAME)]},
        "source": {"anyOf": [{"$ref": "#/$defs/table"}, _tuple(inner, _NAME)]},
        "item": {"anyOf": [_NAME, _tuple(_NAMED, _NAME), {"$ref": "#/$defs/structure"}]},
        "order": _list(
            {"anyOf": [_NAMED, {"type": "array", "prefixItems": [_NAMED], "items": directions, "minItems": 1}]}
        ),
        "embed": {"anyOf": [_NAME, _object(_clauses(embed), "relation")]},
    }


def _operation(words: list[str], *operands: Schema, more: Schema | bool = False) -> Schema:
    return {
        "type": "array",
        "prefixItems": [{"enum": words}, *operands],
        "items": more,
        "minItems": len(operands) + 1,
    }


def _expressions() -> Schema:
    two = (_EXPRESSION, _EXPRESSION)
    truth = {"enum": [None, True, False]}
    subquery = {"$ref": "#/$defs/sub-query"}
    among = {"anyOf": [_list(_EXPRESSION, 1), {"$ref": "#/$defs/structure"}]}
    operations = [
        _operation(["and", "or"], more=_CONDITION),
        _operation(["not"], _CONDITION),
        _operation(["is", "is-not"], _EXPRESSION, truth),
        _operation(["in", "not-in"], _EXPRESSION, among),
        _operation(["exists"], subquery),
        _operation(["between", "not-between"], _EXPRESSION, *two),
        _operation(sorted({*OTHERS, *NEGATED} - {"not-between"}), *two),
        _operation(sorted({*COMPARISONS, *CALCULATIONS}), *two, more=_EXPRESSION),
        _operation(list(ARROWS), _EXPRESSION, {"type": ["string", "integer", "object"]}),
        {**_operation(list(SEARCHES), *two, more=_EXPRESSION), "maxItems": 4},
    ]
    forms = [{"$ref": f"#/$defs/{'sub-query' if form == 'query' else form}"} for form in FORMS]
    bound = {"anyOf": [{"enum": [*BOUNDS]}, _tuple(_EXPRESSION, {"enum": ["preceding", "following"]})]}
    frame = {"anyOf": [_tuple({"enum": [*UNITS]}, bound, bound), {"type": "null"}]}
    window = _object({"partition-by": _list(_NAMED), "order-by": {"$ref": "#/$defs/order"}, "frame": frame})
    call: Schema = {"$ref": "#/$defs/call"}
    over = {"type": "array", "prefixItems": [call, window], "items": False, "minItems": 1}
    path = {"type": "array", "prefixItems": [_EXPRESSION], "items": {"type": ["string", "integer"]}, "minItems": 2}
    return {
        "expression": {
            "anyOf": [
                {"type": ["string", "number", "boolean", "null"], "description": "A value."},
                {"$ref": "#/$defs/structure"},
                {"$ref": "#/$defs/operation"},
            ]
        },
        "condition": {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/structure"}, {"$ref": "#/$defs/operation"}]},
        "operation": {"anyOf": operations},
        "structure": {"anyOf": forms},
        "field": _object({"field": _NAME}, "field"),
        "param": _object({"param": _NAME}, "param"),
        "value": _object({"value": True}, "value"),
        "result": _object({"result": _tuple({"type": "integer", "minimum": 0}, _NAME)}, "result"),
        "call": _object(
            {
                "call": {"type": "array", "prefixItems": [_NAME], "items": _EXPRESSION, "minItems": 1},
                "distinct": {"type": "boolean"},
                "where": _CONDITION,
                "order-by": {"$ref": "#/$defs/order"},
            },
            "call",
        ),
        "case": _object({"case": _list(_tuple(_CONDITION, _EXPRESSION), 1), "else": _EXPRESSION}, "case"),
        "cast": _object({"cast": _tuple(_EXPRESSION, _NAME)}, "cast"),
        "array": _object({"array": _list(_EXPRESSION, 1)}, "array"),
        "path": _object({"path": path}, "path"),
        "over": _object({"over": over}, "over"),
        "sub-query": _object({"query": _SELECT}, "query"),
    }


if __name__ == "__main__":
    print(json.dumps(query_schema(), indent=2, ensure_ascii=False))

"""Contains what the operators of conditions become in SQL."""

from __future__ import annotations

#: Operators of two operands whose right one has the type of the left one.
SAME_TYPE = {
    "eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=",
    "cs": "@>", "cd": "<@", "ov": "&&", "sl": "<<", "sr": ">>", "nxr": "&<", "nxl": "&>", "adj": "-|-",
    "add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%",
}  # fmt: skip

#: Operators whose right operand is a pattern.
PATTERNS = {"like": "~~", "ilike": "~~*", "match": "~", "imatch": "~*"}

#: Full text searches, and the functions that read their query.
SEARCHES = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}

#: The operand of ``is``.
TRUTHS = {
    "null": "IS NULL", "not_null": "IS NOT NULL", "true": "IS TRUE", "false": "IS FALSE", "unknown": "IS UNKNOWN",
}  # fmt: skip

AGGREGATES = frozenset({"avg", "count", "max", "min", "sum"})

#: Operators on the keys of a jsonb value, and the types of their right operands.
KEYS = {"key": "?", "anykey": "?|", "allkeys": "?&"}

CALCULATIONS = frozenset({"add", "sub", "mul", "div", "mod"})

NULLS = {"first": " NULLS FIRST", "last": " NULLS LAST"}

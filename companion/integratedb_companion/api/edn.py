"""Reads and writes EDN, the notation of Clojure's data: keywords become names, HoneySQL's forms those of JSON."""

from __future__ import annotations

import datetime
import decimal
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

import edn_format
import edn_format.edn_lex
import edn_format.edn_parse
import ply.lex
import ply.yacc

from integratedb.query.faces.data.names import Name

#: The reader is slow: it takes 5 s for a megabyte.
MAX_BYTES: Final = 64 << 10
#: The library would make both for each text, write tables into its own directory, and log each of its rules.
_LEXER: Final = ply.lex.lex(module=edn_format.edn_lex, reflags=re.UNICODE)
_PARSER: Final = ply.yacc.yacc(module=edn_format.edn_parse, write_tables=False, debug=False)
_TEXT: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|;[^\n]*|\\.', re.DOTALL)
#: HoneySQL's forms, as a call of a function of Clojure or as a tagged value.
_FORMS: Final = ("sql/call", "sql/param", "sql/raw", "sql/inline")


class EdnError(ValueError):
    """The text is no EDN that a query is made of."""


class _Tagged(edn_format.TaggedElement):  # type: ignore[misc]  # the library has no types
    """A tagged value."""

    tag = ""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __str__(self) -> str:
        return f"#{self.tag}"


for _form in _FORMS:
    edn_format.add_tag(_form, type(_form, (_Tagged,), {"tag": _form}))


def loads(text: str, max_depth: int) -> Any:
    """Read EDN as what JSON would be; one text at a time. Error: EdnError."""
    depth = most = 0
    for character in _TEXT.sub("", text):
        depth += (character in "([{") - (character in ")]}")
        most = max(most, depth)
    if most > max_depth:
        raise EdnError(f"nested more than {max_depth} levels deep")
    try:
        found = list(_PARSER.parse(text, lexer=_LEXER.clone()))
        if len(found) != 1:
            raise EdnError(f"expected one form, found {len(found)}")
        return _plain(found[0])
    except EdnError:
        raise
    except Exception as error:
        # The reader raises its own errors, and those of Python for what it did not expect.
        raise EdnError(str(error)[:200]) from None


def dumps(value: Any) -> str:
    """Write the rows of an answer, with keywords for keys."""
    return str(edn_format.dumps(value, keyword_keys=True))


def _plain(given: Any) -> Any:
    match given:
        case None | bool() | int() | float() | str():
            return given
        case edn_format.Keyword():
            return Name(given.name)
        case decimal.Decimal():
            return float(given)
        case datetime.datetime() | datetime.date():
            return given.isoformat()
        case uuid.UUID():
            return str(given)
        case _Tagged():
            return _form_of(given.tag, given.value)
        case Mapping():
            return {str(_plain(key)): _plain(value) for key, value in given.items()}
        case tuple() if given and isinstance(given[0], edn_format.Symbol):
            name = str(given[0].name)
            return _form_of(name, given[1:] if name == "sql/call" else given[1] if len(given) == 2 else None)
        case list() | tuple() | edn_format.ImmutableList():
            return [_plain(each) for each in given]
        case _:
            raise EdnError(f"{str(given)[:60]} is no part of a query")


def _form_of(name: str, value: Any) -> Any:
    if name == "sql/call" and isinstance(value, list | tuple | edn_format.ImmutableList):
        return {"call": [_plain(each) for each in value]}
    if name == "sql/param":
        return {"param": _plain(value)}
    if name in ("sql/raw", "sql/inline"):
        # The reader of queries refuses it, with its place.
        return {"raw": None}
    raise EdnError(f"{name[:60]} is no form of a query")

"""Words the problems of a request as PostgREST does: status, code, message, details and hint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, TypeAlias

from ...problems import Kind, ProblemError
from . import errors
from .bodies import CallBody
from .errors import UrlError
from .parsing import UrlRequest
from .sqlstates import word_database

Facts: TypeAlias = Mapping[str, Any]

#: The names of arguments in what the compiler calls a function: ``api.f(a => integer)``.
_ARGUMENT = re.compile(r"[(,] ?([^(),]+) => ")


def word(problem: ProblemError, anonymous: bool = False, request: UrlRequest | None = None) -> UrlError:
    """The answer to a problem; ``anonymous``: the request has no token. ``request`` makes it more exact."""
    if problem.kind == "unknown function":
        return _unknown_function(problem.facts, request.call.body if request and request.call else None)
    if problem.kind == "not writable":
        return _not_writable(problem.facts, anonymous)
    return _WORDS[problem.kind](problem.facts)


def nearest(name: str, names: Iterable[str] | None) -> str | None:
    """The name that is most like another one; None: none is like it. Of very many names, not all are looked at."""
    length = len(name)
    candidates = (other for other in names or () if abs(len(other) - length) <= 3 and other != name)
    found = get_close_matches(name, islice(candidates, 1000), 1, 0.75)
    return found[0] if found else None


def _syntax(facts: Facts) -> UrlError:
    text = str(facts.get("text", ""))
    expected = facts.get("expected")
    details = f"unexpected input expecting {expected}" if expected else "unexpected input"
    return errors.parse_error(f'"failed to parse ({text})" (line 1, column 1)', details)


def _unknown_relation(facts: Facts) -> UrlError:
    schema, name = facts.get("schema"), facts["name"]
    message = f"Could not find the table '{_qualified(schema, name)}' in the schema cache"
    near = nearest(name, facts.get("near"))
    hint = f"Perhaps you meant the table '{_qualified(schema, near)}'" if near else None
    return UrlError(404, "PGRST205", message, None, hint)


def _unknown_column(facts: Facts) -> UrlError:
    """``in_body``: the column is one of those that the request writes; else the words are Postgres's."""
    name, relation = facts["name"], facts.get("relation")
    near = nearest(name, facts.get("near"))
    if facts.get("in_body"):
        message = f"Could not find the '{name}' column of '{relation}' in the schema cache"
        return UrlError(400, "PGRST204", message, None, f"Perhaps you meant '{near}'." if near else None)
    hint = f'Perhaps you meant to reference the column "{_qualified(relation, near)}".' if near else None
    return UrlError(400, "42703", f"column {_qualified(relation, name)} does not exist", None, hint)


def _unknown_function(facts: Facts, body: CallBody | None) -> UrlError:
    """``overloads`` are functions of this name, such as ``api.f(a => integer)``; ``near`` are names of functions."""
    schema, name = facts.get("schema"), facts["name"]
    arguments = list(facts.get("arguments") or ())
    function = _qualified(schema, name)
    raw_type = body.raw_type if body and body.raw is not None else None
    if raw_type:
        message = f"Could not find the function {function} in the schema cache"
        searched = f" with a single unnamed {raw_type} parameter"
    else:
        listed = ", ".join(arguments)
        message = f"Could not find the function {function}"
        message += f"({listed})" if arguments else " without parameters"
        message += " in the schema cache"
        plural = "s" if len(arguments) > 1 else ""
        searched = f" with parameter{plural} {listed}" if arguments else " without parameters"
        if body and body.json is not None:
            searched += " or with a single unnamed json/jsonb parameter"
    details = f"Searched for the function {function}{searched}, but no matches were found in the schema cache."
    near = _near_function(schema, name, arguments, facts)
    hint = f"Perhaps you meant to call the function {near}" if near and not raw_type else None
    return UrlError(404, "PGRST202", message, details, hint)


def _near_function(schema: str | None, name: str, arguments: list[str], facts: Facts) -> str | None:
    """A function of this name with other arguments, else one with a name like this."""
    lists = ["(" + ", ".join(sorted(_ARGUMENT.findall(text))) + ")" for text in facts.get("overloads") or ()]
    if lists:
        found = get_close_matches("(" + ", ".join(sorted(arguments)) + ")", lists[:100], 1, 0.33)
        return _qualified(schema, name) + found[0] if found else None
    near = nearest(name, facts.get("near"))
    return _qualified(schema, near) if near else None


def _unknown_type(facts: Facts) -> UrlError:
    return UrlError(400, "42704", f'type "{facts["name"]}" does not exist')


def _no_relationship(facts: Facts) -> UrlError:
    source, target, hint = facts["source"], facts["target"], facts.get("hint")
    near = nearest(target, facts.get("near"))
    message = f"Could not find a relationship between '{source}' and '{target}' in the schema cache"
    details = f"Searched for a foreign key relationship between '{source}' and '{target}'"
    details += f" using the hint '{hint}'" if hint else ""
    schema = facts.get("schema")
    details += f" in the schema '{schema}'" if schema else ""
    details += ", but no matches were found."
    return UrlError(
        400, "PGRST200", message, details, f"Perhaps you meant '{near}' instead of '{target}'." if near else None
    )


def _ambiguous_relationship(facts: Facts) -> UrlError:
    """A candidate has ``embedding``, ``cardinality`` and ``relationship``; ``hints`` are how a request names them."""
    source, target = facts["source"], facts["target"]
    message = f"Could not embed because more than one relationship was found for '{source}' and '{target}'"
    details = list(facts.get("candidates") or ())
    hints = ", ".join(f"'{hint}'" for hint in facts.get("hints") or ())
    hint = (
        f"Try changing '{target}' to one of the following: {hints}. Find the desired relationship in the 'details' key."
    )
    return UrlError(300, "PGRST201", message, details, hint)


def _ambiguous_column(facts: Facts) -> UrlError:
    candidates = ", ".join(map(str, facts.get("candidates") or ())) or None
    return UrlError(400, "42702", f'column reference "{facts["name"]}" is ambiguous', candidates)


def _ambiguous_function(facts: Facts) -> UrlError:
    """Candidates are texts such as ``api.f(a => integer)``."""
    listed = ", ".join(map(str, facts.get("candidates") or ()))
    return UrlError(
        300,
        "PGRST203",
        f"Could not choose the best candidate function between: {listed}",
        None,
        "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
    )


def _unknown_embed(facts: Facts) -> UrlError:
    name, alias = facts["name"], facts.get("alias")
    message = f"'{name}' is not an embedded resource in this request"
    if alias:
        details = "Target names are not allowed in filters if they have an alias"
        return UrlError(
            400, "PGRST108", message, details, f"Change '{name}' to '{alias}' in filters, orders or limits."
        )
    hint = f"Verify that '{name}' is included in the 'select' query parameter."
    return UrlError(400, "PGRST108", message, None, hint)


def _not_to_one(facts: Facts) -> UrlError:
    source, target = facts["source"], facts["target"]
    details = f"'{source}' and '{target}' do not form a many-to-one or one-to-one relationship"
    return UrlError(400, "PGRST118", f"A related order on '{target}' is not possible", details)


def _bad_operand(facts: Facts) -> UrlError:
    return UrlError(400, "22P02", f'invalid value for the operator {facts.get("operator")}: "{facts.get("value")}"')


def _bad_operator(facts: Facts) -> UrlError:
    details = 'unexpected input expecting "not" or operator (eq, gt, ...)'
    return errors.parse_error(f'"failed to parse filter ({facts.get("operator")})" (line 1, column 1)', details)


def _no_aggregates(facts: Facts) -> UrlError:
    return UrlError(400, "PGRST123", "Use of aggregate functions is not allowed")


def _no_key(facts: Facts) -> UrlError:
    missing = facts.get("missing")
    return UrlError(
        400,
        "42P10",
        f"Rows lack '{missing}' of the primary key" if missing else f"'{facts['relation']}' has no primary key",
        "Rows are found by the primary key.",
        "Name a unique key in on_conflict, or use filters.",
    )


def _no_row_version(facts: Facts) -> UrlError:
    message = f"Rows of '{facts['relation']}' have no version, so If-Match cannot be checked"
    return UrlError(400, "42P10", message, None, "Send the request without If-Match, or to the table below the view.")


def _unfiltered_write(facts: Facts) -> UrlError:
    verb = {"PATCH": "UPDATE", "UPDATE": "UPDATE", "DELETE": "DELETE"}.get(str(facts.get("method")).upper(), "Write")
    return UrlError(
        400,
        "21000",
        f"{verb} requires a WHERE clause",
        f"Without a filter, all rows of '{facts.get('relation')}' would be written.",
        "Add a filter. One that all rows satisfy says that all are meant.",
    )


def _not_writable(facts: Facts, anonymous: bool) -> UrlError:
    name, relation = facts.get("name"), facts["relation"]
    if name:
        return word_database("42501", f"permission denied for column {name} of {relation}", None, None, anonymous)
    return word_database("42501", f"permission denied for table {relation}", None, None, anonymous)


def _too_deep(facts: Facts) -> UrlError:
    return UrlError(400, "54001", "The request is nested too deeply", f"At most {facts['limit']} levels are allowed.")


def _too_large(facts: Facts) -> UrlError:
    what = facts.get("what", "request")
    return UrlError(413, "54000", f"The {what} is too large", f"At most {facts['limit']} is allowed.")


def _qualified(*parts: Iterable[str] | None) -> str:
    return ".".join(str(part) for part in parts if part)


_WORDS: dict[Kind, Callable[[Facts], UrlError]] = {
    "syntax": _syntax,
    "unknown relation": _unknown_relation,
    "unknown column": _unknown_column,
    "unknown type": _unknown_type,
    "no relationship": _no_relationship,
    "ambiguous relationship": _ambiguous_relationship,
    "ambiguous column": _ambiguous_column,
    "ambiguous function": _ambiguous_function,
    "unknown embed": _unknown_embed,
    "not to one": _not_to_one,
    "bad operand": _bad_operand,
    "bad operator": _bad_operator,
    # URLs have no windows, unions or groups of their own.
    "no window": _syntax,
    "different columns": _syntax,
    "not grouped": _syntax,
    "no aggregates": _no_aggregates,
    "no key": _no_key,
    "no row version": _no_row_version,
    "unfiltered write": _unfiltered_write,
    "too deep": _too_deep,
    "too large": _too_large,
}

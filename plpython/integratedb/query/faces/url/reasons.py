"""Words why a name is not part of a surface: not claimed, claimed but unmet, or without a right.

A client learns nothing from these answers that integratedb.why_not_visible() does not say to its role: "not claimed" is
the same whether the relation exists or not, so it has the status and the code of an unknown name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...problems import ProblemError
from ...surface import Surface
from .errors import UrlError


def name_in_doubt(problem: ProblemError, surface: Surface, schema: str) -> tuple[str, str, str | None] | None:
    """Return the schema, relation and column that a problem is about; None: there is nothing to ask about."""
    facts = problem.facts
    named = str(facts.get("schema") or schema)
    if problem.kind == "unknown relation":
        return named, facts["name"], None
    if problem.kind == "unknown column":
        # The name of a relation may also be an alias of the request.
        relation = str(facts.get("relation"))
        return (named, relation, facts["name"]) if (named, relation) in surface.relations else None
    if problem.kind == "no relationship":
        target = facts["target"]
        return None if (named, target) in surface.relations else (named, target, None)
    return None


def because(
    error: UrlError, answer: str, message: str, claim: Mapping[str, Any] | None, *, anonymous: bool
) -> UrlError:
    """Return the answer to a name that is not visible; ``error`` is the answer to an unknown name."""
    if answer == "unmet":
        hint = "The data of this claim is missing now. The owners of the database see it in integratedb_unmet_claims()."
        return UrlError(409, "IDB01", message, None, hint)
    if answer == "no right":
        headers = {"WWW-Authenticate": "Bearer"} if anonymous else {}
        return UrlError(401 if anonymous else 403, "42501", message, None, error.hint, headers)
    if answer == "not claimed" and claim is not None:
        cure = f"The claim that cures it: {json.dumps(claim, ensure_ascii=False)}"
        hint = f"{error.hint} {cure}" if error.hint else cure
        return UrlError(error.status, error.code, error.message, message, hint, error.headers)
    return error

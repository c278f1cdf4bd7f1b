"""Lists what a specification names."""

from __future__ import annotations

from typing import Any

from ..interrupts import steps
from .model import Specification


def named_by(specification: Specification) -> dict[str, Any]:
    """Relations and schemas; and how many columns are named, and of what all are (a schema: without a relation)."""
    alternatives = [alternative for match in specification.match for alternative in steps(match.alternatives)]
    paths = dict.fromkeys(alternative.path for alternative in alternatives)
    # A referenced table binds its owner as a claimed one does.
    paths |= dict.fromkeys(reference.to for one in alternatives for reference in steps(one.references))
    return {
        "relations": [[path.schema, path.relation] for path in paths if path.relation is not None],
        "schemas": [path.schema for path in paths if path.relation is None],
        "named_columns": sum(len(field.alternatives) for one in alternatives for field in steps(one.fields)),
        "wholes": [[one.path.schema, one.path.relation] for one in alternatives if one.wildcard],
    }

"""Finds what the database itself has for media types: functions and aggregates that return domains of their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ...request import Query, Select, Star
from ...surface import Aggregate, Function, Relation, Surface

#: The domain of what answers every media type.
ANY: Final = "*/*"

Handler: TypeAlias = Function | Aggregate


@dataclass(frozen=True, slots=True)
class Handlers:
    """What can answer one request, by media type."""

    by_type: Mapping[str, Handler] = field(default_factory=dict)
    #: What answers every media type, before all others.
    every: Handler | None = None
    #: Whether PostGIS makes GeoJSON.
    geojson: bool = False


NONE: Final = Handlers()


def handlers_of(surface: Surface, query: Query, relation: Relation | None, function: Function | None) -> Handlers:
    """Return what can answer a request for these rows.

    What takes whole rows answers where the request selects whole rows. Of two for one media type, that of the relation
    or function wins over the one for any rows.
    """
    found: dict[str, Handler] = dict(surface.aggregates.get(None, {}))
    every: Handler | None = None
    read = query if isinstance(query, Select) else query.returning
    own: dict[str, Handler] = {}
    media_type = _media_type(function)
    if function is not None and media_type is not None:
        own = {media_type: function}
    else:
        oid = relation.oid if relation is not None else function.relation if function is not None else None
        if oid is not None and read is not None and read.items == (Star(),) and not read.distinct:
            own = dict(surface.aggregates.get(oid, {}))
    every = own.pop(ANY, None)
    return Handlers(found | own, every, surface.geojson is not None)


def is_binary(handler: Handler) -> bool:
    """Whether an answer is bytes."""
    return handler.returns.base == "pg_catalog.bytea"


def _media_type(function: Function | None) -> str | None:
    """Return the media type that a function answers itself: it returns a domain of that name."""
    if function is None or not function.returns.is_domain:
        return None
    name = function.returns.sql.rpartition('."')[2].removesuffix('"').lower()
    return name if "/" in name else None

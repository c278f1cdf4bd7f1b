"""Contains what one role may see and do through the data API, as plain data that was read from the catalog.

``sql`` of each object is its name in SQL, qualified and quoted by the database. ``name`` is what the API calls it: for
a stakeholder, the name in its claim. Both come from the database, never from a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Type:
    """A type; of a domain, ``base``, ``category`` and ``kind`` describe the type below all domains."""

    oid: int
    name: str  #: as people write it: integer, shop.email
    sql: str  #: without a modifier, for casts
    base: str  #: like ``sql``, of the type below all domains: casts to it check no constraint of a domain
    category: str  #: pg_type.typcategory
    kind: Literal["base", "composite", "enum", "range", "pseudo"]
    is_json: bool = False  #: json or jsonb
    is_array: bool = False
    is_domain: bool = False
    element: str | None = None  #: of an array, its elements' type, like ``sql``
    #: The schema of the operators and aggregates of the type: pg_catalog, or that of the extension that has the type.
    operators: str = "pg_catalog"
    labels: tuple[str, ...] = ()  #: of an enum
    #: Functions (in SQL) of the casts of a domain: to json for output, from json for input, from text for filters.
    to_json: str | None = None
    from_json: str | None = None
    from_text: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation, or of the rows that a function returns."""

    name: str
    sql: str
    type: Type
    declared: str  #: the type with its modifier, for lists of column definitions: pg_catalog."varchar"(20)
    nullable: bool = True
    default: str | None = None  #: the expression, as Postgres prints it
    generated: bool = False  #: GENERATED ALWAYS, as an expression or as an identity: cannot be written
    identity: bool = False
    max_length: int | None = None
    comment: str | None = None
    can_select: bool = True
    can_insert: bool = False
    can_update: bool = False
    declared_name: str = ""  #: the type with its modifier, as people write it: character varying(20)


@dataclass(frozen=True, slots=True)
class Argument:
    """An input argument of a function."""

    name: str  #: empty if it has none
    sql: str  #: quoted, empty if it has none
    type: Type
    has_default: bool = False
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the role may execute."""

    oid: int
    schema: str
    name: str
    sql: str
    arguments: tuple[Argument, ...]
    returns: Type
    returns_set: bool = False
    is_void: bool = False
    #: The relation whose row type the function returns, by oid, if the surface has it.
    relation: int | None = None
    #: The columns of TABLE, OUT arguments or a composite type; empty for a scalar or a relation of the surface.
    columns: Mapping[str, Column] = field(default_factory=dict)
    volatility: Literal["immutable", "stable", "volatile"] = "volatile"
    comment: str | None = None
    #: Settings of the function (ALTER FUNCTION ... SET) for the whole transaction: statement_timeout and such.
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate over rows that makes a whole answer of one media type."""

    sql: str
    media_type: str  #: the name of the domain that it returns, in lower case; */* for all
    returns: Type
    row: str | None = None  #: the row type that it takes, as in SQL; None: any rows


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view, materialised view, foreign table or partitioned table."""

    oid: int
    schema: str
    name: str
    sql: str
    kind: Literal["table", "view", "materialized view", "foreign table", "partitioned table"]
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()  #: unique keys, the primary key among them
    can_select: bool = True  #: at least one column
    can_insert: bool = False
    can_update: bool = False
    can_delete: bool = False
    row_security: bool = False  #: policies apply to this role
    is_plain: bool = False  #: a table such that reading it runs no code but that of Postgres
    comment: str | None = None
    #: Functions with the row as their only argument, that return a value, by name.
    computed: Mapping[str, Function] = field(default_factory=dict)
    has_row_version: bool = False  #: whether there is a system column xmin
    has_computed_relationships: bool = False
    has_aggregates: bool = False  #: whether an aggregate for a media type takes its rows


@dataclass(frozen=True, slots=True)
class Junction:
    """A relation that connects two others: its foreign keys, and their columns with the columns that they refer to."""

    relation: int
    source_key: str
    target_key: str
    source_pairs: tuple[tuple[str, str], ...]  #: (column of the source, column of the junction)
    target_pairs: tuple[tuple[str, str], ...]  #: (column of the junction, column of the target)


@dataclass(frozen=True, slots=True)
class Relationship:
    """How rows of one relation are related to rows of another; each foreign key gives one in each direction."""

    name: str  #: of the foreign key, or of the computed relationship
    source: int
    target: int
    to_one: bool
    pairs: tuple[tuple[str, str], ...] = ()  #: (column of the source, column of the target), by their names in the API
    kind: Literal["m2o", "o2m", "o2o", "m2m", "computed"] = "m2o"
    #: Whether the source has the referencing columns.
    references: bool = False
    junction: Junction | None = None
    function: Function | None = None


@dataclass(frozen=True, slots=True)
class Surface:
    """What one role may see of the exposed schemas, at one version of them."""

    role: str
    schemas: tuple[str, ...]
    version: str
    relations: Mapping[tuple[str, str], Relation]  #: by schema and name
    relationships: Mapping[int, tuple[Relationship, ...]]  #: by the oid of the source
    functions: Mapping[tuple[str, str], tuple[Function, ...]]  #: by schema and name, overloads together
    by_oid: Mapping[int, Relation]
    #: Types that a request may cast to, by the names that people write.
    types: Mapping[str, Type]
    #: The comments of the schemas.
    comments: Mapping[str, str] = field(default_factory=dict)
    #: Other schemas that it depends on (of tables below views, of types), by oid, for surface_version().
    further: tuple[int, ...] = ()
    #: Aggregates for media types, by the relation whose rows they take, or None for any rows; then by media type.
    aggregates: Mapping[int | None, Mapping[str, Aggregate]] = field(default_factory=dict)
    #: PostGIS's function that makes GeoJSON of a row.
    geojson: str | None = None
    #: The saved queries of the role, by name, as the database has them: saved.forms reads them.
    saved: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: All names above, by themselves: the keys of JSON that may also be names in SQL.
    names: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        names = {name: name for name in ("avg", "count", "max", "min", "sum")}
        for relation in self.relations.values():
            names[relation.name] = relation.name
            names.update((name, name) for name in relation.columns)
            names.update((name, name) for name in relation.computed)
        for functions in self.functions.values():
            for function in functions:
                names[function.name] = function.name
                names.update((name, name) for name in function.columns)
        for relationships in self.relationships.values():
            names.update((relationship.name, relationship.name) for relationship in relationships)
        object.__setattr__(self, "names", names)

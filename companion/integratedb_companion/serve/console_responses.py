"""Defines the answers that the console was made for: sessions, trials, the map, advice and monitoring."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ConsoleSession(BaseModel):
    """A session of the console: its user, and the token that requests repeat which change something."""

    id: int
    username: str
    root: bool
    everything: bool
    csrf_token: str = Field(serialization_alias="csrfToken")


class Tried(BaseModel):
    """What a statement returned, as Postgres writes it; more: rows beyond those shown."""

    command: str
    columns: list[str]
    rows: list[list[str | None]]
    more: int
    notices: list[str]


class Failed(BaseModel):
    """The error that ended a trial."""

    code: str
    message: str
    detail: str | None
    hint: str | None


class Trial(BaseModel):
    """What statements returned before they were rolled back, up to the first that failed."""

    results: list[Tried]
    error: Failed | None


class MapColumn(BaseModel):
    """A column of a relation; key: of its primary key."""

    name: str
    type: str
    nullable: bool
    key: bool = False
    comment: str | None = None


class MapDependent(BaseModel):
    """A stakeholder that claims a relation, and its columns with the dependency of each."""

    stakeholder: str
    kind: str
    dependency: Literal["required", "alternative", "optional"]
    columns: dict[str, str]


class Relation(BaseModel):
    """A table or view; the rows and bytes are the catalog's estimates, null where nothing was analysed."""

    path: str
    schema_name: str
    relation_name: str
    kind: Literal["table", "partitioned table", "view", "materialized view", "foreign table"]
    owner: str
    estimated_rows: int | None
    bytes: int | None
    row_security: bool
    partitions: int | None
    comment: str | None
    columns: list[MapColumn]
    dependents: list[MapDependent]


class ForeignKey(BaseModel):
    """A foreign key between two relations of the map."""

    name: str
    from_path: str
    from_columns: list[str]
    to_path: str
    to_columns: list[str]


class Map(BaseModel):
    """The relations of the database, and the foreign keys between them."""

    relations: list[Relation]
    foreign_keys: list[ForeignKey]


class ColumnStatistics(BaseModel):
    """What ANALYZE found in a column, without any of its values; distinct_values as n_distinct in pg_stats."""

    column_name: str
    null_fraction: float
    distinct_values: float
    average_bytes: int
    frequencies: list[float] | None


class DependentObject(BaseModel):
    """An object that depends on a table, and the columns that it uses; on_path: the table that it belongs to."""

    kind: Literal["view", "materialized view", "function", "procedure", "policy", "trigger", "rule"]
    name: str
    on_path: str | None
    columns: list[str]


class Muted(BaseModel):
    """Why a finding is muted, by whom, since when and until when."""

    model_config = ConfigDict(extra="allow")
    reason: str


class Finding(BaseModel):
    """What should be changed: the finding with its evidence, and the statements that cure it."""

    name: str
    title: str
    level: Literal["ERROR", "WARN", "INFO"]
    facing: str
    categories: list[str]
    description: str
    detail: str
    remediation: str | None
    metadata: dict[str, Any] | None
    cache_key: str
    muted: Muted | None


class Adviser(BaseModel):
    """An adviser, and what it looks for."""

    name: str
    title: str
    level: str
    facing: str
    categories: list[str]
    description: str


class PanelOut(BaseModel):
    """A panel of the monitoring, and the SQL function that answers it."""

    name: str
    title: str
    what: str
    function: str


class Sample(BaseModel):
    """Figures at a time, in seconds since 1970; commits and rollbacks count on, so that differences are rates."""

    at: float
    connections: int
    active: int
    waiting: int
    kept_wal_bytes: float
    commits: int
    rollbacks: int


class Ended(BaseModel):
    """The session whose statement was cancelled, or that was ended."""

    session: str

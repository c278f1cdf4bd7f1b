"""Defines the service's answers for the OpenAPI document; the fields of rows have the names of the SQL reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Data(BaseModel, Generic[T]):
    """An answer."""

    data: T


class Page(BaseModel, Generic[T]):
    """A part of a list; `next` is the `after` of the following page, null on the last page."""

    data: list[T]
    next: int | None


class Session(BaseModel):
    """A user's tokens: `token` is valid for 4 hours; `refreshToken` for 12 hours, and only once."""

    id: int
    token: str
    refresh_token: str = Field(serialization_alias="refreshToken")


class ConsoleSession(BaseModel):
    """A session of the console: its user, and the token that requests repeat which change something."""

    id: int
    username: str
    root: bool
    everything: bool
    csrf_token: str = Field(serialization_alias="csrfToken")


class ScopesOut(BaseModel):
    """The restrictions of a user; null means no restriction."""

    stakeholders: list[str] | None = None
    schemas: list[str] | None = None


class User(BaseModel):
    """A user of this API."""

    id: int
    username: str
    root: bool
    scopes: ScopesOut | None
    created_at: datetime


class Credentials(BaseModel):
    """The database login of a stakeholder; shown once."""

    username: str
    password: str


class Stakeholder(BaseModel):
    """A stakeholder, and the number of its matches."""

    id: int
    name: str
    created_at: datetime
    claims: int
    notifications: int
    unmet: int


class StakeholderWithCredentials(Stakeholder):
    """A stakeholder that was created or renamed."""

    credentials: Credentials


class NewCredentials(BaseModel):
    """The new login after a rotation."""

    credentials: Credentials


class Dropped(BaseModel):
    """What remains of a stakeholder: whether its schema was dropped, and what the database reports as kept."""

    schema_dropped: bool
    kept: list[str]


class Specification(BaseModel):
    """A specification in its short form (docs/specification.md); channels for notifications, secrets redacted."""

    model_config = ConfigDict(extra="allow")
    type: Literal["CLAIMS", "NOTIFICATIONS"]
    match: list[dict[str, Any]]


class SpecificationProblem(BaseModel):
    """A reason why a specification would be refused; pointer: its place, null where the schema lacks what it names."""

    code: str
    pointer: str | None
    path: str | None
    field: str | None
    message: str


class Checked(BaseModel):
    """Why a specification would be refused, and what it names that is deprecated, which refuses nothing."""

    data: list[SpecificationProblem]
    warnings: list[SpecificationProblem]


class Access(BaseModel):
    """A column that a stakeholder can read, and why."""

    path: str
    field: str
    reason: str
    excess: bool


class Problem(BaseModel):
    """Why a claim is not met; allowed: the claim refuses no migration, because of its deprecation or waiver."""

    model_config = ConfigDict(extra="allow")
    path: str | None = None
    field: str | None = None
    property: str | None = None
    expected: Any = None
    actual: Any = None
    message: str


class UnmetClaim(BaseModel):
    """A claim that the schema does not satisfy."""

    claim_id: int
    stakeholder: str
    kind: str
    path: str
    problems: list[Problem]
    hint: str


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


class Dependent(BaseModel):
    """A stakeholder that depends on a table or column."""

    stakeholder: str
    kind: str
    dependency: str


class Deprecated(BaseModel):
    """What its owner will remove; removable_after: when claims no longer refuse that, null: never."""

    path: str
    field: str | None
    message: str | None
    deprecated_by: str
    deprecated_at: datetime
    remove_after: datetime | None
    days_left: int | None
    removable_after: datetime | None
    claimed_by: list[str]


class Deprecating(BaseModel):
    """The number of stakeholders that depend on what was deprecated."""

    dependents: int


class Waived(BaseModel):
    """A dependency that refuses no migration until a time; unmet: a claim that it concerns is."""

    id: int
    stakeholder: str
    path: str
    field: str | None
    until: datetime
    days_left: int
    reason: str
    waived_by: str
    waived_at: datetime
    unmet: bool


class Leased(BaseModel):
    """A temporary login, shown once."""

    id: int
    credentials: Credentials
    valid_until: datetime


class LeaseOut(BaseModel):
    """A temporary login, without its password; sessions: how many it has."""

    id: int
    stakeholder: str
    username: str
    leased_by: str
    leased_at: datetime
    valid_until: datetime
    sessions: int
    note: str | None


class Renewed(BaseModel):
    """When a renewed lease ends."""

    valid_until: datetime


class Numbered(BaseModel):
    """The identifier of what was made."""

    id: int


class RequestOut(BaseModel):
    """A specification that was asked for; missing: what nobody has approved yet, each with a role that may."""

    id: int
    stakeholder: str
    kind: Literal["claims", "notifications"]
    status: Literal["open", "approved", "rejected", "withdrawn"]
    requested_by: str
    requested_at: datetime
    reason: str | None
    specification: dict[str, Any]
    added: list[dict[str, Any]]
    removed: list[dict[str, Any]]
    approved_by: list[str]
    missing: dict[str, str] | None
    decided_by: str | None
    decided_at: datetime | None
    note: str | None


class Approved(BaseModel):
    """Whether the approved request is in force now."""

    in_force: bool


class Synced(BaseModel):
    """The number of claims that are unmet after a sync."""

    unmet: int


class DdlEvent(BaseModel):
    """A row of the audit log."""

    id: int
    occurred_at: datetime
    xid: str
    session_user_name: str
    command_tag: str
    object_type: str | None
    object_identity: str | None
    query: str | None
    reason: str | None


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


class Detail(BaseModel):
    """The reason of a refusal."""

    detail: str
    reason: str | None = None


class Refused(BaseModel):
    """A refusal."""

    errors: Detail


class Details(BaseModel):
    """The faults and their places: messages, and JSON pointers within the value of `data`."""

    detail: list[tuple[str, str]]


class Invalid(BaseModel):
    """The submitted body is invalid."""

    errors: Details


class Unmet(BaseModel):
    """What a specification requires and the schema does not provide."""

    claims: list[Problem]


class InvalidOrUnmet(BaseModel):
    """The submitted body is invalid, or its claims are not met."""

    errors: Details | Unmet


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the possible refusals of a request, for the OpenAPI document."""
    lists = {400, 422}
    return {status: {"model": Invalid if status in lists else Refused} for status in sorted({*statuses, 503})}

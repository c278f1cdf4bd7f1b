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

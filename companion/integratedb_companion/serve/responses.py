"""What the service answers, as the OpenAPI document describes it; the fields of rows are called as in the SQL reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Data(BaseModel, Generic[T]):
    """An answer."""

    data: T


class Page(BaseModel, Generic[T]):
    """A part of a list; next is the `after` of the page that follows, null on the last one."""

    data: list[T]
    next: int | None


class Session(BaseModel):
    """A user's tokens: `token` is good for 4 hours, `refreshToken` for 12, once."""

    id: int
    token: str
    refresh_token: str = Field(serialization_alias="refreshToken")


class ScopesOut(BaseModel):
    """What a user is restricted to; null means all."""

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
    """What a stakeholder connects to the database with; shown once."""

    username: str
    password: str


class Stakeholder(BaseModel):
    """A stakeholder, and how many matches it has."""

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
    """What rotating answers."""

    credentials: Credentials


class Dropped(BaseModel):
    """What is left of a stakeholder: whether its schema was dropped, and what is kept, in the words of the database."""

    schema_dropped: bool
    kept: list[str]


class Specification(BaseModel):
    """A specification in its short form (docs/specification.md); channels for notifications, secrets redacted."""

    model_config = ConfigDict(extra="allow")
    type: Literal["CLAIMS", "NOTIFICATIONS"]
    match: list[dict[str, Any]]


class Access(BaseModel):
    """A column that a stakeholder can read, and why."""

    path: str
    field: str
    reason: str
    excess: bool


class Problem(BaseModel):
    """What is wrong about a claim."""

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
    """Who depends on a table or column."""

    stakeholder: str
    kind: str
    dependency: str


class Synced(BaseModel):
    """What is still unmet after a sync."""

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
    """Why something is refused."""

    detail: str
    reason: str | None = None


class Refused(BaseModel):
    """A refusal."""

    errors: Detail


class Details(BaseModel):
    """What is wrong where: messages and JSON pointers within the value of `data`."""

    detail: list[tuple[str, str]]


class Invalid(BaseModel):
    """What was submitted is wrong."""

    errors: Details


class Unmet(BaseModel):
    """What a specification asks for and the schema has not."""

    claims: list[Problem]


class InvalidOrUnmet(BaseModel):
    """What was submitted is wrong, or not met."""

    errors: Details | Unmet


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give the refusals that a request may be answered with, for the OpenAPI document."""
    lists = {400, 422}
    return {status: {"model": Invalid if status in lists else Refused} for status in sorted({*statuses, 503})}

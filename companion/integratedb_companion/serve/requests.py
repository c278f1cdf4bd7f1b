"""Defines what clients submit: the bodies, validated by pydantic, and the parameters of lists."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from .tokens import MAX_ID

Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@+-]{1,64}$", description="1 to 64 of A-Z a-z 0-9 . _ @ + -")]
NewPassword = Annotated[str, Field(min_length=8, max_length=1024, json_schema_extra={"format": "password"})]
GivenPassword = Annotated[str, Field(max_length=1024, json_schema_extra={"format": "password"})]
Name = Annotated[str, Field(max_length=1000)]


def _text(given: Any) -> Any:
    # pydantic also accepts numbers, which nobody means.
    if not isinstance(given, str):
        raise ValueError("it should be a time in ISO 8601, with its offset")
    return given


#: A strict model takes no text for a time, and JSON has no other form of it.
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text)]


class Strict(BaseModel):
    """An object that accepts no other keys, and no number for a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ScopesIn(Strict):
    """The restrictions of a user; a key that is absent, or null, means no restriction."""

    stakeholders: list[Name] | None = None
    schemas: list[Name] | None = None


class NewUser(Strict):
    """A user to be created."""

    username: Username
    password: NewPassword
    scopes: ScopesIn | None = None


def _absent() -> Any:
    return None


class UserChange(Strict):
    """The changes of a user; null scopes remove all restrictions. old_password: for the user's own password."""

    # An absent key means no change; null is neither a name nor a password.
    username: Username = Field(default_factory=_absent)
    password: NewPassword = Field(default_factory=_absent)
    old_password: GivenPassword = Field(default_factory=_absent)
    scopes: ScopesIn | None = None


class NewUserAsUser(Strict):
    """The usual envelope."""

    user: NewUser


class NewUserAsData(Strict):
    """The envelope of all other requests."""

    data: NewUser


class UserChangeAsUser(Strict):
    """The usual envelope."""

    user: UserChange


class UserChangeAsData(Strict):
    """The envelope of all other requests."""

    data: UserChange


class StakeholderName(Strict):
    """A stakeholder's name."""

    name: Name


class StakeholderAsStakeholder(Strict):
    """The usual envelope."""

    stakeholder: StakeholderName


class StakeholderAsData(Strict):
    """The envelope of all other requests."""

    data: StakeholderName


def _key(name: str) -> Discriminator:
    """Distinguish two envelopes; a body that is neither is refused as the usual one."""

    def tag(body: Any) -> str:
        return "@data" if isinstance(body, dict) and "data" in body and name not in body else f"@{name}"

    return Discriminator(tag)


NewUserBody = Annotated[Annotated[NewUserAsUser, Tag("@user")] | Annotated[NewUserAsData, Tag("@data")], _key("user")]
UserChangeBody = Annotated[
    Annotated[UserChangeAsUser, Tag("@user")] | Annotated[UserChangeAsData, Tag("@data")], _key("user")
]
StakeholderBody = Annotated[
    Annotated[StakeholderAsStakeholder, Tag("@stakeholder")] | Annotated[StakeholderAsData, Tag("@data")],
    _key("stakeholder"),
]


class Login(Strict):
    """A name and a password."""

    username: Username
    password: GivenPassword


class LoginBody(Strict):
    """The body of a login."""

    data: Login


class RenewBody(Strict):
    """A refresh token."""

    data: Annotated[str, Field(max_length=1024)]


#: The description of a specification (docs/specification.md). The database validates it, and reports the faults.
SPECIFICATION = {
    "type": "object",
    "title": "SpecificationIn",
    "description": "A specification; the database checks it, and says where it is wrong.",
    "properties": {"type": {"enum": ["CLAIMS", "NOTIFICATIONS", None]}, "match": {}},
    "required": ["match"],
}


class SpecificationBody(Strict):
    """A specification that replaces the current one."""

    data: Annotated[dict[str, Any], WithJsonSchema(SPECIFICATION)]


class CheckBody(Strict):
    """A specification to check: what is missing in it is listed, like its other faults."""

    data: dict[str, Any]


class PreviewBody(Strict):
    """SQL statements to preview."""

    data: Annotated[str, Field(max_length=2_000_000)]


class Question(Strict):
    """A query in one face."""

    face: Literal["url", "graphql", "data"]
    query: Annotated[str, Field(max_length=100_000)]


class QuestionBody(Strict):
    """A query to translate."""

    data: Question


class Mute(Strict):
    """A finding that is left as it is; until: when it is shown again."""

    cache_key: Name
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    until: Moment | None = None


class MuteBody(Strict):
    """A finding to mute."""

    data: Mute


class Deprecation(Strict):
    """A table, or a column of it, that will be removed; message: what to use instead."""

    path: Name
    field: Name | None = None
    remove_after: Moment | None = None
    message: Name | None = None


class DeprecationBody(Strict):
    """What will be removed."""

    data: Deprecation


class Waiver(Strict):
    """A dependency that refuses no migration until a time; field: null for all that is claimed of the table."""

    path: Name
    field: Name | None = None
    until: Moment
    reason: Name


class WaiverBody(Strict):
    """A dependency to waive."""

    data: Waiver


TtlSeconds = Annotated[int, Field(ge=1, le=366 * 24 * 3600)]


class Lease(Strict):
    """A temporary login; note: what it is for."""

    ttl_seconds: TtlSeconds = 3600
    note: Name | None = None


class LeaseBody(Strict):
    """A login to lend."""

    data: Lease


class Renewal(Strict):
    """How long a lease lasts from now on."""

    ttl_seconds: TtlSeconds = 3600


class RenewalBody(Strict):
    """A lease to renew."""

    data: Renewal


class ClaimRequest(Strict):
    """A specification that others are to approve, and why it is needed."""

    kind: Literal["claims", "notifications"] = "claims"
    specification: Annotated[dict[str, Any], WithJsonSchema(SPECIFICATION)]
    reason: Name | None = None


class ClaimRequestBody(Strict):
    """A specification to ask for."""

    data: ClaimRequest


class Note(Strict):
    """What the stakeholder is told about the decision."""

    note: Name | None = None


class NoteBody(Strict):
    """The note of an approval."""

    data: Note


class Rejection(Strict):
    """Why a request is rejected."""

    note: Annotated[str, Field(min_length=1, max_length=1000)]


class RejectionBody(Strict):
    """The note of a rejection."""

    data: Rejection


class Cancel(Strict):
    """A session, by its process; terminate: end it, instead of its statement only."""

    pid: Annotated[int, Field(ge=1, le=2**31 - 1)]
    terminate: bool = False


class CancelBody(Strict):
    """A session to cancel."""

    data: Cancel


def _digits(given: str) -> str:
    # pydantic also accepts other numbers (" 1", "+1", "1.0"), which would give one object several addresses.
    if not (given.isascii() and given.isdigit()):
        raise ValueError("it is no number")
    return given


Id = Annotated[int, BeforeValidator(_digits), Path(alias="id", ge=1, le=MAX_ID, description="As in `id`")]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many")]
After = Annotated[int, Query(ge=0, le=MAX_ID, description="What `next` was on the page before")]

"""What clients submit: the bodies, checked by pydantic, and the parameters of lists."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from .tokens import MAX_ID

Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@+-]{1,64}$", description="1 to 64 of A-Z a-z 0-9 . _ @ + -")]
NewPassword = Annotated[str, Field(min_length=8, max_length=1024, json_schema_extra={"format": "password"})]
GivenPassword = Annotated[str, Field(max_length=1024, json_schema_extra={"format": "password"})]
Name = Annotated[str, Field(max_length=1000)]


class Strict(BaseModel):
    """An object that takes no other keys, and no number for a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ScopesIn(Strict):
    """What a user is restricted to; a key that is absent, or null, means all."""

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
    """What changes about a user; scopes null lifts every restriction. old_password: for the own password."""

    # What is left out stays as it is; null is no name and no password.
    username: Username = Field(default_factory=_absent)
    password: NewPassword = Field(default_factory=_absent)
    old_password: GivenPassword = Field(default_factory=_absent)
    scopes: ScopesIn | None = None


class NewUserAsUser(Strict):
    """In the usual envelope."""

    user: NewUser


class NewUserAsData(Strict):
    """In the envelope of everything else."""

    data: NewUser


class UserChangeAsUser(Strict):
    """In the usual envelope."""

    user: UserChange


class UserChangeAsData(Strict):
    """In the envelope of everything else."""

    data: UserChange


class Stakeholder(Strict):
    """A stakeholder's name."""

    name: Name


class StakeholderAsStakeholder(Strict):
    """In the usual envelope."""

    stakeholder: Stakeholder


class StakeholderAsData(Strict):
    """In the envelope of everything else."""

    data: Stakeholder


def _key(name: str) -> Discriminator:
    """Tell two envelopes apart; what is neither is refused as the usual one."""

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
    """Who logs in."""

    data: Login


class RenewBody(Strict):
    """A refresh token."""

    data: Annotated[str, Field(max_length=1024)]


#: How a specification is described (docs/specification.md). The database checks all of it, and says where it is wrong.
SPECIFICATION = {
    "type": "object",
    "title": "SpecificationIn",
    "description": "A specification; the database checks it, and says where it is wrong.",
    "properties": {"type": {"enum": ["CLAIMS", "NOTIFICATIONS", None]}, "match": {}},
    "required": ["match"],
}


class SpecificationBody(Strict):
    """A specification that replaces the present one."""

    data: Annotated[dict[str, Any], WithJsonSchema(SPECIFICATION)]


class PreviewBody(Strict):
    """SQL statements that would be run."""

    data: Annotated[str, Field(max_length=2_000_000)]


def _digits(given: str) -> str:
    # What pydantic takes for a number besides (" 1", "+1", "1.0") would give one thing several addresses.
    if not (given.isascii() and given.isdigit()):
        raise ValueError("it is no number")
    return given


Id = Annotated[int, BeforeValidator(_digits), Path(alias="id", ge=1, le=MAX_ID, description="As in `id`")]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many")]
After = Annotated[int, Query(ge=0, le=MAX_ID, description="What `next` was on the page before")]

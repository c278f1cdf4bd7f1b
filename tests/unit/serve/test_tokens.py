"""Tokens and scopes, without a server."""

from __future__ import annotations

from uuid import UUID

import jwt
import pytest

from integratedb_companion.serve import tokens
from integratedb_companion.serve.scopes import Scopes
from integratedb_companion.serve.tokens import ACCESS, REFRESH, BadTokenError

SECRET, OTHER = b"s" * 32, b"o" * 32
TOKEN_ID = UUID("3f6c1d1e-5a0f-4a56-9e0e-0d5a4f1d7a11")


def test_a_token_says_whose_it_is_and_verifies_for_its_use_and_secret_only() -> None:
    token = tokens.issue(ACCESS, 7, SECRET)
    assert tokens.claimed_user(token) == 7
    assert tokens.verify(ACCESS, token, SECRET)["sub"] == "7"
    for use, secret in ((REFRESH, SECRET), (ACCESS, OTHER)):
        with pytest.raises(BadTokenError):
            tokens.verify(use, token, secret)


def test_a_refresh_token_has_an_id() -> None:
    claims = tokens.verify(REFRESH, tokens.issue(REFRESH, 7, SECRET, TOKEN_ID), SECRET)
    assert tokens.token_id(claims) == TOKEN_ID
    for claims in ({}, {"jti": None}, {"jti": "x"}):
        with pytest.raises(BadTokenError):
            tokens.token_id(claims)


@pytest.mark.parametrize("subject", [None, "", "x", "-1", "1.5", "٣", "9" * 19, "9" * 5000, "1 "])
def test_a_subject_that_is_no_id_is_no_token(subject: str | None) -> None:
    claims = {} if subject is None else {"sub": subject}
    with pytest.raises(BadTokenError):
        tokens.claimed_user(jwt.encode(claims, SECRET, "HS256"))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", "\ud800", "eyJhbGciOiJIUzI1NiJ9.e30.", "é.é.é"])
def test_what_is_no_token_is_told_as_such(token: str) -> None:
    with pytest.raises(BadTokenError):
        tokens.claimed_user(token)


def test_absent_scopes_are_everything_and_empty_ones_nothing() -> None:
    for stored in (None, {}, {"stakeholders": None}):
        assert Scopes.read(stored).is_everything
    nothing = Scopes.read({"stakeholders": [], "schemas": []})
    assert not nothing.has_stakeholder("a")
    assert nothing.outside(["b", "a"], []) == ["a", "b"]


def test_each_scope_restricts_what_it_names() -> None:
    scopes = Scopes.read({"stakeholders": ["a"]})
    assert not scopes.is_everything
    assert (scopes.has_stakeholder("a"), scopes.has_stakeholder("A"), scopes.has_stakeholder("b")) == (
        True,
        False,
        False,
    )
    assert scopes.outside(["anything", "a", "b"], ["a", "b"]) == ["b"]
    assert Scopes.read({"schemas": ["a"]}).outside({"a", "b"}, ["a"]) == ["b"]


def test_the_private_schemas_of_others_are_outside_unless_they_are_named() -> None:
    everybody = ["mine", "other"]
    assert Scopes.read(None).outside(["mine", "other", "public"], everybody) == []
    assert Scopes.read({"stakeholders": ["mine"]}).outside(["mine", "other", "public"], everybody) == ["other"]
    named = Scopes.read({"stakeholders": ["mine"], "schemas": ["other"]})
    assert named.outside(["other", "public"], everybody) == ["public"]

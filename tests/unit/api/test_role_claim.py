"""The path to the role in a token."""

from __future__ import annotations

from typing import Any

import pytest

from integratedb_companion.api.role_claim import RoleClaim, RoleClaimError

CLAIMS: dict[str, Any] = {
    "role": "plain",
    "app": {"roles": ["first", "app_second", "third_x"], "deep": {"er": "deep"}},
    "https://example.org/role": "url",
    "number": 5,
    "empty": "",
}


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("$.role", "plain"),
        (".role", "plain"),
        ("role", "plain"),
        ("$.app.roles[0]", "first"),
        (".app.roles[-1]", "third_x"),
        (".app.roles[3]", None),
        ("$.app.deep.er", "deep"),
        ("$['app'][\"deep\"].er", "deep"),
        ('."https://example.org/role"', "url"),
        ('.app.roles[?(@ == "first")]', "first"),
        ('.app.roles[?(@ != "first")]', "app_second"),
        ('.app.roles[?(@ ^== "app_")]', "app_second"),
        ('.app.roles[?(@ ==^ "_x")]', "third_x"),
        ('.app.roles[?(@ *== "eco")]', "app_second"),
        ('.app.roles[?(@ == "none")]', None),
        (".role[2:]", "ain"),
        (".role[:2]", "pl"),
        (".number", None),
        (".empty", None),
        (".role.x", None),
        (".role[0]", None),
        (".missing.x[0]", None),
    ],
)
def test_paths_find_the_role(path: str, role: str | None) -> None:
    assert RoleClaim.parse(path).of(CLAIMS) == role


@pytest.mark.parametrize("path", ["", "$", "$..role", ".role[", ".role[x]", ".role]", '.roles[?(@ >> "a")]', "."])
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(RoleClaimError):
        RoleClaim.parse(path)

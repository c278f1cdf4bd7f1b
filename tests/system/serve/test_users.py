"""The users of the API: who may create, see, change and delete whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.system.serve.harness import ROOT_PASSWORD, Client, Place, Service, login_body, unique

PASSWORD = "a good password"


def test_of_many_who_create_the_first_user_at_once_exactly_one_wins(fresh: Place, start_service) -> None:
    service = start_service(fresh.dsn)

    def create(number: int) -> int:
        new = {"user": {"username": f"first{number}", "password": PASSWORD}}
        return int(service.client().send("POST", "/users", new).status_code)

    with ThreadPoolExecutor(12) as threads:
        statuses = sorted(threads.map(create, range(12)))
    assert statuses == [201] + [401] * 11
    assert fresh.superuser.value("SELECT count(*) FROM integratedb.management_user") == 1
    assert fresh.superuser.value("SELECT root FROM integratedb.management_user")


def test_a_refused_first_user_leaves_the_place_free(fresh: Place, start_service) -> None:
    service = start_service(fresh.dsn)
    short = {"user": {"username": "root", "password": "seven77"}}
    errors = service.client().refused(422, "POST", "/users", short)
    assert errors == {"detail": [["String should have at least 8 characters", "#/password"]]}
    scoped = {"user": {"username": "root", "password": PASSWORD, "scopes": {"schemas": []}}}
    service.client().refused(403, "POST", "/users", scoped)
    created = service.client().data("POST", "/users", {"data": {"username": "root", "password": PASSWORD}}, 201)
    assert created.keys() == {"id", "token", "refreshToken"}
    assert service.client(created["token"]).data("GET", f"/users/{created['id']}")["root"] is True


def test_root_creates_users_who_are_not_root(service: Service, root: Client) -> None:
    name = unique("user")
    created = root.data("POST", "/users", {"user": {"username": name, "password": PASSWORD}}, 201)
    assert created.keys() == {"id", "token", "refreshToken"}
    shown = service.client(created["token"]).data("GET", f"/users/{created['id']}")
    assert shown == {**shown, "id": created["id"], "username": name, "root": False, "scopes": None}
    assert "password" not in str(shown)


def test_nobody_else_creates_users(service: Service, root: Client, user) -> None:
    body = {"user": {"username": unique("user"), "password": PASSWORD}}
    service.client().refused(401, "POST", "/users", body)
    assert user().refused(403, "POST", "/users", body)["detail"] == "Forbidden"


def test_a_name_that_is_taken_is_told(root: Client) -> None:
    body = {"user": {"username": unique("user"), "password": PASSWORD}}
    root.data("POST", "/users", body, 201)
    assert root.refused(422, "POST", "/users", body) == {"detail": [["it is taken", "#/username"]]}


@pytest.mark.parametrize(
    ("new", "pointer"),
    [
        ({"username": "", "password": PASSWORD}, "#/username"),
        ({"username": "with space", "password": PASSWORD}, "#/username"),
        ({"username": "x" * 65, "password": PASSWORD}, "#/username"),
        ({"username": "nul\0", "password": PASSWORD}, "#/username"),
        ({"username": 5, "password": PASSWORD}, "#/username"),
        ({"username": "x"}, "#/password"),
        ({"username": "x", "password": "x" * 1025}, "#/password"),
        ({"username": "x", "password": PASSWORD, "root": True}, "#/root"),
        ({"username": "x", "password": PASSWORD, "scopes": {"stakeholders": "all"}}, "#/scopes/stakeholders"),
        ({"username": "x", "password": PASSWORD, "scopes": {"tables": []}}, "#/scopes/tables"),
        ("x", "#"),
    ],
)
def test_what_is_wrong_with_a_user_is_told_where_it_is(root: Client, new: object, pointer: str) -> None:
    for envelope in ("user", "data"):
        assert [place for _, place in root.refused(422, "POST", "/users", {envelope: new})["detail"]] == [pointer]


def test_the_list_is_roots_and_comes_in_pages(root: Client, user) -> None:
    other = user()
    for _ in range(3):
        user()
    names = [row["username"] for row in root.data("GET", "/users?limit=1000")]
    paged: list[str] = []
    after = 0
    while True:
        answer = root.send("GET", f"/users?limit=2&after={after}").json()
        assert len(answer["data"]) <= 2
        paged += [row["username"] for row in answer["data"]]
        if answer["next"] is None:
            break
        after = answer["next"]
    assert paged == names
    assert len(names) >= 5
    (itself,) = other.data("GET", "/users")
    assert itself["root"] is False


def test_a_user_sees_and_changes_no_other_one(root: Client, user) -> None:
    one = user()
    (root_row, *_) = root.data("GET", "/users?limit=1")
    for method, body in (("GET", None), ("PUT", {"user": {"password": PASSWORD}}), ("DELETE", None)):
        one.refused(403, method, f"/users/{root_row['id']}", body)
        one.refused(403, method, "/users/999999999", body)


def test_anybody_changes_the_own_password_and_nothing_else(service: Service, root: Client, user) -> None:
    one = user()
    (itself,) = one.data("GET", "/users")
    path = f"/users/{itself['id']}"
    for change in ({"username": unique("other")}, {"scopes": None}, {"password": PASSWORD, "scopes": {}}):
        one.refused(403, "PUT", path, {"user": change})
    one.data("PUT", path, {"user": {"password": "another password", "old_password": PASSWORD}})
    service.client(address="192.0.2.200").refused(403, "POST", "/auth/login", login_body(itself["username"], PASSWORD))
    service.log_in(itself["username"], "another password").data("GET", path)


def test_the_own_password_is_changed_by_whoever_knows_it(service: Service, root: Client, user) -> None:
    address = "192.0.2.201"
    one = service.client(user().token, address)
    (itself,) = one.data("GET", "/users")
    path = f"/users/{itself['id']}"
    missing = one.refused(422, "PUT", path, {"user": {"password": "another password"}})
    assert missing["detail"][0][1] == "#/old_password"
    guess = {"user": {"password": "another password", "old_password": "a guess"}}
    for _ in range(10):
        assert one.refused(403, "PUT", path, guess)["detail"] == "Forbidden"
    one.refused(429, "PUT", path, guess)
    one.refused(429, "PUT", path, {"user": {"password": "another password", "old_password": PASSWORD}})
    service.client(address=address).refused(429, "POST", "/auth/login", login_body(itself["username"], PASSWORD))
    root.data("PUT", path, {"user": {"password": "another password"}})


def test_root_needs_its_old_password_too(fresh: Place, start_service) -> None:
    root = start_service(fresh.dsn).bootstrap()
    (itself,) = root.data("GET", "/users")
    path = f"/users/{itself['id']}"
    root.refused(422, "PUT", path, {"user": {"password": "another password"}})
    root.data("PUT", path, {"user": {"password": "another password", "old_password": ROOT_PASSWORD}})
    root.refused(401, "GET", path)


def test_a_changed_password_ends_tokens_and_refresh_tokens(service: Service, root: Client) -> None:
    name = unique("user")
    created = root.data("POST", "/users", {"user": {"username": name, "password": PASSWORD}}, 201)
    one = service.client(created["token"])
    one.data("GET", "/stakeholders")
    root.data("PUT", f"/users/{created['id']}", {"data": {"password": "another password"}})
    one.refused(401, "GET", "/stakeholders")
    one.refused(403, "POST", "/auth/renew", {"data": created["refreshToken"]})


def test_another_name_or_other_scopes_keep_the_session(service: Service, root: Client, user) -> None:
    one = user()
    (itself,) = one.data("GET", "/users")
    path = f"/users/{itself['id']}"
    name = unique("renamed")
    changed = root.data("PUT", path, {"user": {"username": name, "scopes": {"stakeholders": ["a"]}}})
    assert (changed["username"], changed["scopes"]) == (name, {"stakeholders": ["a"], "schemas": None})
    assert one.data("GET", path)["username"] == name
    assert root.data("PUT", path, {"user": {"scopes": None}})["scopes"] is None
    assert root.data("PUT", path, {"user": {}})["username"] == name


def test_a_deleted_user_is_gone_and_its_tokens_with_it(service: Service, root: Client) -> None:
    name = unique("user")
    created = root.data("POST", "/users", {"user": {"username": name, "password": PASSWORD}}, 201)
    path = f"/users/{created['id']}"
    root.data("DELETE", path, status=204)
    service.client(created["token"]).refused(401, "GET", "/stakeholders")
    service.client().refused(403, "POST", "/auth/renew", {"data": created["refreshToken"]})
    for method, body in (("GET", None), ("PUT", {"user": {}}), ("DELETE", None)):
        root.refused(404, method, path, body)


def test_root_cannot_be_deleted_or_restricted(root: Client) -> None:
    (root_row, *_) = root.data("GET", "/users?limit=1")
    path = f"/users/{root_row['id']}"
    root.refused(403, "DELETE", path)
    root.refused(403, "PUT", path, {"user": {"scopes": {"stakeholders": []}}})
    assert root.data("GET", path)["scopes"] is None


@pytest.mark.parametrize("envelope", ["user", "data"])
@pytest.mark.parametrize("key", ["username", "password", "old_password"])
def test_null_is_no_name_and_no_password(service: Service, root: Client, envelope: str, key: str) -> None:
    body = {"user": {"username": unique("user"), "password": "a good password"}}
    created = root.data("POST", "/users", body, 201)
    detail = root.refused(422, "PUT", f"/users/{created['id']}", {envelope: {key: None}})["detail"]
    assert [pointer for _, pointer in detail] == [f"#/{key}"]
    every = {envelope: {"username": None, "password": None, "old_password": None, "scopes": None}}
    detail = root.refused(422, "PUT", f"/users/{created['id']}", every)["detail"]
    assert [pointer for _, pointer in detail] == ["#/username", "#/password", "#/old_password"]
    service.log_in(body["user"]["username"], "a good password")

"""Sessions of the console: a cookie in place of a token, and a CSRF token for what changes something."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.system.serve.harness import ROOT_NAME, ROOT_PASSWORD, Client, Place, Service, login_body, unique

NAME = "integratedb"


@pytest.fixture
def browser(service: Service, root: Client) -> Iterator[httpx.Client]:
    """A client that keeps cookies, as a browser does; without a session."""
    with httpx.Client(base_url=f"{service.url}/api/v1", timeout=60) as client:
        yield client


def begin(browser: httpx.Client, username: str = ROOT_NAME, password: str = ROOT_PASSWORD) -> dict[str, str]:
    """Begin a session; return the header that a writing request repeats."""
    answer = browser.post("/session", json=login_body(username, password))
    assert answer.status_code == 201, answer.text
    return {"X-CSRF-Token": answer.json()["data"]["csrfToken"]}


def test_the_cookie_is_for_this_site_and_no_script(browser: httpx.Client) -> None:
    answer = browser.post("/session", json=login_body(ROOT_NAME, ROOT_PASSWORD))
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith(f"{NAME}=")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=strict"]
    assert answer.json()["data"]["username"] == ROOT_NAME
    assert "token" not in answer.json()["data"]


def test_behind_tls_the_cookie_is_bound_to_the_host(browser: httpx.Client) -> None:
    answer = browser.post("/session", json=login_body(ROOT_NAME, ROOT_PASSWORD), headers={"X-Forwarded-Proto": "https"})
    assert answer.headers["set-cookie"].startswith(f"__Host-{NAME}=")
    assert "; Secure" in answer.headers["set-cookie"]


def test_a_session_reads_but_writes_only_with_its_token(browser: httpx.Client) -> None:
    mine = begin(browser)
    assert browser.get("/stakeholders").status_code == 200
    assert browser.post("/sync").status_code == 403
    for given in (b"", b"x" * 43, b"\xe9"):
        refused = browser.post("/sync", headers={b"X-CSRF-Token": given})
        assert refused.status_code == 403, given
        assert "X-CSRF-Token" in refused.json()["errors"]["reason"]
    assert browser.post("/sync", headers=mine).status_code == 200


def test_the_token_of_another_session_is_refused(service: Service, browser: httpx.Client) -> None:
    begin(browser)
    with httpx.Client(base_url=f"{service.url}/api/v1") as other:
        others = begin(other)
    assert browser.post("/sync", headers=others).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_or_port_has_no_session(browser: httpx.Client, site: str) -> None:
    mine = begin(browser)
    assert browser.get("/stakeholders", headers={"Sec-Fetch-Site": site}).status_code == 401
    assert browser.post("/sync", headers={**mine, "Sec-Fetch-Site": site}).status_code == 401
    assert browser.get("/stakeholders", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_begins_no_session(browser: httpx.Client, site: str) -> None:
    body = login_body(ROOT_NAME, ROOT_PASSWORD)
    refused = browser.post("/session", json=body, headers={"Sec-Fetch-Site": site})
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    # What a page of another site may send without being asked for permission first.
    content = json.dumps(body).encode()
    for simple in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain; application/json",
    ):
        assert browser.post("/session", content=content, headers={"Content-Type": simple}).status_code == 415


def test_two_cookies_of_one_name_are_no_session(service: Service, root: Client, browser: httpx.Client) -> None:
    begin(browser)
    mine = browser.cookies[NAME]
    with httpx.Client(base_url=f"{service.url}/api/v1") as other:
        begin(other)
        hostile = other.cookies[NAME]
    for header in (f"{NAME}={hostile}; {NAME}={mine}", f"{NAME}={mine};{NAME}=x", f"{NAME}={mine}; {NAME} = {mine}"):
        assert httpx.get(f"{service.url}/api/v1/session", headers={"Cookie": header}).status_code == 401, header
    kept = httpx.get(
        f"{service.url}/api/v1/session", headers={"Cookie": f"a=b; {NAME}={mine}; __Host-{NAME}={hostile}"}
    )
    assert kept.status_code == 200


def test_a_user_who_logs_in_again_and_again_fills_no_table(
    service: Service, place: Place, root: Client, user: Callable[..., Client], browser: httpx.Client
) -> None:
    user()
    name, id_ = place.superuser.rows("SELECT username, id FROM integratedb.management_user ORDER BY id DESC LIMIT 1")[0]
    begin(browser, name, "a good password")
    count = f"SELECT count(*) FROM integratedb.management_refresh_token WHERE user_id = {id_}"
    issue = f"SELECT count(integratedb.management_refresh_token_issued({id_}, '12 hours')) FROM generate_series(1, %s)"
    place.superuser.run(issue, 900)
    assert browser.get("/session").status_code == 200
    place.superuser.run(issue, 200)
    assert place.superuser.value(count) == 1000
    assert browser.get("/session").status_code == 401


def test_a_session_ends_when_its_user_logs_out(browser: httpx.Client) -> None:
    mine = begin(browser)
    kept = browser.cookies[NAME]
    assert browser.delete("/session", headers=mine).status_code == 204
    assert NAME not in browser.cookies
    browser.cookies.set(NAME, kept, domain="127.0.0.1")
    assert browser.get("/session").status_code == 401
    assert browser.post("/sync", headers=mine).status_code == 401


def test_a_new_password_ends_the_sessions(service: Service, root: Client, browser: httpx.Client) -> None:
    name = unique("user")
    created = root.data("POST", "/users", {"user": {"username": name, "password": "a good password"}}, 201)
    begin(browser, name, "a good password")
    assert browser.get("/session").json()["data"] | {"csrfToken": ""} == {
        "id": created["id"],
        "username": name,
        "root": False,
        "everything": True,
        "csrfToken": "",
    }
    root.data("PUT", f"/users/{created['id']}", {"user": {"password": "another good one"}})
    assert browser.get("/session").status_code == 401


def test_a_token_is_no_session_and_a_session_no_token(service: Service, root: Client, browser: httpx.Client) -> None:
    browser.cookies.set(NAME, str(root.token), domain="127.0.0.1")
    assert browser.get("/session").status_code == 401
    browser.cookies.clear()
    begin(browser)
    cookie = browser.cookies[NAME]
    assert service.client(cookie).send("GET", "/stakeholders").status_code == 401
    assert root.send("GET", "/session").status_code == 401
    # A refresh token is a row too, which must not make a session.
    session = service.client().data("POST", "/auth/login", login_body(ROOT_NAME, ROOT_PASSWORD))
    browser.cookies.set(NAME, session["refreshToken"], domain="127.0.0.1")
    assert browser.get("/session").status_code == 401
    assert service.client().send("POST", "/auth/renew", {"data": cookie}).status_code == 403


def test_wrong_passwords_are_counted_as_for_a_login(service: Service, root: Client) -> None:
    name, address = unique("nobody"), "203.0.113.77"
    client = service.client(address=address)
    statuses = [client.send("POST", "/session", login_body(name, "wrong")).status_code for _ in range(11)]
    assert statuses == [403] * 10 + [429]
    assert client.send("POST", "/auth/login", login_body(name, "wrong")).status_code == 429


def test_a_restricted_user_keeps_its_scopes(root: Client, browser: httpx.Client) -> None:
    name = unique("user")
    body = {"user": {"username": name, "password": "a good password", "scopes": {"stakeholders": ["x"]}}}
    root.data("POST", "/users", body, 201)
    mine = begin(browser, name, "a good password")
    assert browser.get("/session").json()["data"]["everything"] is False
    assert browser.post("/sync", headers=mine).status_code == 403

"""Whatever is refused, it is JSON with `errors`; and every answer has safe headers."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.system.harness import eventually
from tests.system.serve.harness import ROOT_NAME, ROOT_PASSWORD, Client, Service, login_body

JSON = {"Content-Type": "application/json"}


def test_every_request_but_logging_in_needs_a_token(service: Service, root: Client) -> None:
    document = httpx.get(f"{service.url}/api/v1/openapi.json").json()
    asked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/auth/") or (method, path) == ("post", "/session"):
                continue
            assert operation["security"], f"{method} {path}"
            body = {"user": {"username": "someone", "password": "long enough"}} if path == "/users" else {"data": {}}
            service.client().refused(
                401, method.upper(), path.replace("{id}", "1"), body if "requestBody" in operation else None
            )
            asked += 1
    assert asked == 53


@pytest.mark.parametrize(
    "path", ["/nothing", "/stakeholders/", "/stakeholders/1/nothing", "/../status", "/docs/nothing"]
)
def test_what_is_not_there_is_not_found(root: Client, path: str) -> None:
    assert root.refused(404, "GET", path) == {"detail": "Not Found"}


def test_outside_of_the_api_too(service: Service) -> None:
    for path in ("/nothing", "/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/users", "/live/"):
        answer = httpx.get(service.url + path)
        assert (answer.status_code, answer.json()) == (404, {"errors": {"detail": "Not Found"}}), path
    answer = httpx.post(f"{service.url}/live")
    assert (answer.status_code, answer.json()) == (405, {"errors": {"detail": "Method Not Allowed"}})
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/users", "GET, POST"),
        ("PATCH", "/users/1", "DELETE, GET, PUT"),
        ("GET", "/sync", "POST"),
        ("OPTIONS", "/stakeholders/1/claims", "GET, PUT"),
    ],
)
def test_a_method_that_is_not_there_is_told_with_those_that_are(
    root: Client, method: str, path: str, allowed: str
) -> None:
    answer = root.send(method, path)
    assert (answer.status_code, answer.json()) == (405, {"errors": {"detail": "Method Not Allowed"}})
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b'{"data": ' + b"9" * 5000 + b"}", b"nonsense"],
)
def test_what_is_no_json_is_a_bad_request(service: Service, root: Client, content: bytes) -> None:
    errors = root.refused(400, "POST", "/stakeholders", content=content, headers=JSON)
    ((message, pointer),) = errors["detail"]
    assert message
    assert pointer == "#"
    service.client().refused(400, "POST", "/auth/login", content=content, headers=JSON)


@pytest.mark.parametrize("body", [[], "x", 5, None, {}, {"other": {}}, {"data": 5}, {"user": {}, "data": {}}])
def test_an_envelope_that_is_none_is_told(root: Client, body: object) -> None:
    for path in ("/users", "/stakeholders"):
        detail = root.refused(422, "POST", path, content=json.dumps(body).encode(), headers=JSON)["detail"]
        assert all(pointer.startswith("#") for _, pointer in detail)


def test_a_body_that_is_missing_is_told(root: Client) -> None:
    assert root.refused(422, "POST", "/stakeholders") == {"detail": [["a body is required", "#"]]}


@pytest.mark.parametrize(
    ("path", "key"), [("/users", "user"), ("/stakeholders", "stakeholder"), ("/auth/login", "data")]
)
def test_what_is_missing_or_too_much_is_named(root: Client, path: str, key: str) -> None:
    assert root.refused(422, "POST", path, {})["detail"] == [[f"Field required: {key}", "#"]]
    detail = root.refused(422, "POST", path, {"other": {}})["detail"]
    assert sorted(detail) == [["Extra inputs are not permitted: other", "#"], [f"Field required: {key}", "#"]]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_a_body_of_another_type_is_refused(root: Client, content_type: str) -> None:
    content = b'{"stakeholder": {"name": "x"}}'
    for headers in ({"Content-Type": content_type}, {}):
        errors = root.refused(415, "POST", "/stakeholders", content=content, headers=headers)
        reason = "the header Content-Type must say application/json"
        assert errors == {"detail": "Unsupported Media Type", "reason": reason}


def test_json_may_say_its_charset(root: Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    root.refused(422, "POST", "/stakeholders", content=b'{"stakeholder": {"name": "1"}}', headers=headers)


def test_every_answer_has_safe_headers(service: Service, root: Client) -> None:
    for path in (
        "/",
        "/live",
        "/ready",
        "/metrics",
        "/nothing",
        "/api/v1/status",
        "/api/v1/openapi.json",
        "/api/v1/docs",
    ):
        headers = httpx.get(service.url + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "strict-transport-security" not in headers
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_the_documentation_needs_nothing_from_elsewhere(service: Service) -> None:
    page = httpx.get(f"{service.url}/api/v1/docs")
    assert page.status_code == 200
    assert "http" not in page.text
    for name in ("docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs.js", "openapi.json"):
        assert name in page.text + httpx.get(f"{service.url}/api/v1/docs.js").text
        assert httpx.get(f"{service.url}/api/v1/{name}").status_code == 200


def test_the_bare_path_says_what_this_is(service: Service) -> None:
    page = httpx.get(service.url)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "IntegrateDB" in page.text
    assert "/api/v1/docs" in page.text


def test_the_metrics_count_requests_by_what_they_are_about(service: Service, root: Client) -> None:
    root.refused(404, "GET", "/stakeholders/123456789/claims")
    root.refused(404, "GET", "/made-up")
    service.client(address="203.0.113.5").refused(403, "POST", "/auth/login", login_body("nobody", "wrong"))
    page = httpx.get(f"{service.url}/metrics").text
    name = "integratedb_http_requests_total"
    assert f'{name}{{method="GET",route="/api/v1/stakeholders/{{id}}/claims",status="404"}}' in page
    assert "made-up" not in page
    assert 'integratedb_http_logins_refused_total{reason="wrong"}' in page
    assert 'integratedb_http_database_connections{state="open"}' in page


def test_no_request_logs_what_it_was_given(service: Service, root: Client) -> None:
    service.log_in(ROOT_NAME, ROOT_PASSWORD).refused(404, "GET", "/nothing?secret=hidden-in-the-query")
    # A request is logged after its answer.
    eventually(
        lambda: any(entry.get("path") == "/api/v1/nothing" and entry["status"] == 404 for entry in service.logs())
    )
    said = service.log_file.read_text()
    assert "hidden-in-the-query" not in said
    assert ROOT_PASSWORD not in said
    assert "Traceback" not in said

"""The root: OpenAPI of what the role of the request may do, and a page for browsers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import openapi_v2_spec_validator, openapi_v31_spec_validator

from tests.system.api.conftest import StartApi
from tests.system.api.harness import Api, Place, token

EXAMPLES = 6
SEED = 20261129
SWAGGER = ["application/openapi+json;version=2.0", "application/vnd.oai.openapi+json; version=2.0"]


def test_each_role_is_told_what_it_may_do(api: Api, place: Place) -> None:
    anonymous, user = api.get("/"), api.get("/", role=place.user)
    for document in (anonymous, user):
        assert list(openapi_v31_spec_validator.iter_errors(document)) == []
    assert "/notes" not in anonymous["paths"]
    assert {*anonymous["paths"]["/people"]} == {"get"}
    assert {*user["paths"]["/notes"]} == {"get", "post", "put", "patch", "delete"}


def test_a_document_follows_the_surface(api: Api, place: Place) -> None:
    before = api.send("GET", "/")
    place.superuser.run("CREATE TABLE described (id int); COMMENT ON TABLE described IS '<script>alert(1)</script>'")
    place.superuser.run(f"GRANT SELECT ON described TO {place.anonymous}")
    after = api.send("GET", "/")
    assert after.json()["paths"]["/described"]["get"]["description"] == "<script>alert(1)</script>"
    assert after.headers["etag"] != before.headers["etag"]
    place.superuser.run("DROP TABLE described")
    assert api.send("GET", "/").headers["etag"] == before.headers["etag"]


@pytest.mark.parametrize("accept", SWAGGER)
def test_swagger_by_accept(api: Api, accept: str) -> None:
    document = api.get("/", headers={"Accept": accept})
    assert document["swagger"] == "2.0"
    assert list(openapi_v2_spec_validator.iter_errors(document)) == []


def test_versions_that_are_not_written(api: Api) -> None:
    assert api.send("GET", "/", headers={"Accept": "application/openapi+json;version=3.0"}).status_code == 406


def test_a_known_document_is_not_sent_again(api: Api, place: Place) -> None:
    first = api.send("GET", "/")
    known = {"If-None-Match": first.headers["etag"]}
    second = api.send("GET", "/", headers=known)
    assert (second.status_code, second.content, second.headers["etag"]) == (304, b"", first.headers["etag"])
    assert api.send("GET", "/", headers=known, role=place.user).status_code == 200


def test_a_part_of_a_document(api: Api) -> None:
    assert [*api.get("/?path=/people")["paths"]] == ["/people"]
    assert [*api.get("/?path=/rpc/slow")["paths"]] == ["/rpc/slow"]
    assert api.send("GET", "/?path=/nothing").status_code == 404


def test_a_role_that_may_no_longer_be_acted_for_is_told_nothing(fresh: Place, start_api: StartApi) -> None:
    api = start_api(fresh)
    assert api.send("GET", "/", role=fresh.user).status_code == 200
    fresh.superuser.run(f"REVOKE {fresh.user} FROM api_login")
    answer = api.send("GET", "/", role=fresh.user)
    assert (answer.status_code, answer.json()["code"]) == (403, "42501")


def test_a_browser_gets_a_page_without_a_token(place: Place, start_api: StartApi) -> None:
    api = start_api(place, "--prefix", "/rest/v1")
    page = api.send("GET", "/rest/v1/", headers={"Accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    assert (
        api.send("GET", "/rest/v1/", headers={"Accept": "text/html", "If-None-Match": page.headers["etag"]}).status_code
        == 304
    )
    assert api.get("/rest/v1/")["servers"] == [{"url": "/rest/v1"}]


def test_the_service_does_what_its_document_says(fresh: Place, start_api: StartApi, tmp_path: Path) -> None:
    fresh.superuser.run("DROP FUNCTION slow, raised")
    api = start_api(fresh)
    run: Any = subprocess.run(
        [
            *(Path(sys.executable).parent / "schemathesis", "run", f"{api.url}/"),
            *("--header", f"Authorization: Bearer {token(fresh.user, sub='ann')}"),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none"),
            # What the document allows may still be refused by the database, and what it does not name be accepted.
            *("--checks", "all", "--exclude-checks", "positive_data_acceptance,negative_data_rejection"),
            *("--continue-on-failure", "--no-color"),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert not [entry for entry in api.logs() if entry["level"] in ("error", "critical")]


def test_everything_is_described_where_privileges_are_ignored(fresh: Place, start_api: StartApi) -> None:
    api = start_api(fresh, "--openapi", "ignore-privileges")
    document = api.get("/")
    assert list(openapi_v31_spec_validator.iter_errors(document)) == []
    assert {*document["paths"]["/notes"]} == {"get", "post", "put", "patch", "delete"}
    assert api.send("GET", "/notes").status_code == 401  # it is described only
    fresh.superuser.run("CREATE TABLE later (id int PRIMARY KEY)")
    assert "/later" in api.get("/")["paths"]
    assert [*api.get("/?path=/later")["paths"]] == ["/later"]
    assert api.get("/", headers={"Accept": SWAGGER[0]})["swagger"] == "2.0"
    for path, headers, status in (("/?path=/x", {}, 404), ("/", {"Accept": "image/png"}, 406)):
        assert api.send("GET", path, headers=headers).status_code == status
    fresh.superuser.run(f"REVOKE {fresh.user} FROM api_login")
    assert api.send("GET", "/", role=fresh.user).status_code == 403


def test_nothing_is_described_where_that_is_disabled(place: Place, start_api: StartApi) -> None:
    api = start_api(place, "--openapi", "disabled")
    for accept in ("*/*", "text/html"):
        answer = api.send("GET", "/", headers={"Accept": accept})
        assert (answer.status_code, answer.json()["code"]) == (404, "PGRST126")

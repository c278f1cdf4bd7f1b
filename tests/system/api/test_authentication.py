"""Who may do what: tokens over HTTP, roles, and tokens that the service gives."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from integratedb_companion.api.own_keys import KEYS
from tests.system.api.harness import LOGIN, Api, Place, token, unique
from tests.system.harness import eventually


def challenge(answer: httpx.Response) -> str:
    assert answer.status_code == 401, answer.text
    return answer.headers["www-authenticate"]


def test_bad_tokens_are_401_before_the_body_is_read(api: Api, place: Place) -> None:
    for sent in ("x", "a.b.c", token(place.user, "y" * 70), token(place.user, exp=1), token(place.user, exp="soon")):
        raw = api.raw("POST", "/notes", f"Authorization: Bearer {sent}", "Content-Length: 1000000")
        said = raw.answer()
        assert said.startswith("HTTP/1.1 401 "), said
        assert 'www-authenticate: Bearer error="invalid_token", error_description="' in said
        assert len(sent) < 6 or sent not in said


def test_the_anonymous_role_may_what_it_may(api: Api) -> None:
    assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]
    assert api.send("GET", "/notes").status_code == 401
    answer = api.send("POST", "/people", {"id": 9999, "name": "x"})
    assert challenge(answer) == "Bearer"


def test_without_an_anonymous_role_a_token_is_needed(place: Place, start_api) -> None:
    api = start_api(place, "--anonymous", "")
    answer = api.send("GET", "/people")
    assert (challenge(answer), answer.json()["code"]) == ("Bearer", "PGRST302")
    assert api.send("GET", "/people?id=eq.1", role=place.user).status_code == 200


def test_the_token_names_the_role_and_the_database_decides(api: Api, place: Place) -> None:
    role = unique("temporary")
    for name in ("postgres", LOGIN, "none", "integratedb_admin", 'no"such', "", role):
        answer = api.send("GET", "/people?limit=1", role=name)
        assert answer.status_code in ((200,) if name == "" else (403,)), (name, answer.text)
    place.superuser.run(f"CREATE ROLE {role}")
    place.superuser.run(f"GRANT SELECT ON people TO {role}")
    place.superuser.run(f"GRANT {role} TO {LOGIN}")
    assert api.send("GET", "/people?limit=1", role=role).status_code == 200
    place.superuser.run(f"REVOKE {role} FROM {LOGIN}")
    assert api.send("GET", "/people?limit=1", role=role).status_code == 403
    place.superuser.run(f"GRANT {role} TO {LOGIN}")
    assert api.send("GET", "/people?limit=1", role=role).status_code == 200
    place.superuser.run(f"DROP OWNED BY {role}")
    place.superuser.run(f"DROP ROLE {role}")
    assert api.send("GET", "/people?limit=1", role=role).status_code == 403
    # Another role that gets the name may not what the old one could.
    place.superuser.run(f"CREATE ROLE {role}")
    place.superuser.run(f"GRANT {role} TO {LOGIN}")
    assert api.send("GET", "/people?limit=1", role=role).status_code == 403
    place.superuser.run(f"DROP ROLE {role}")


def test_settings_of_the_role_hold(fresh: Place, start_api) -> None:
    fresh.superuser.run(f"ALTER ROLE {fresh.user} SET statement_timeout = '200ms'")
    fresh.superuser.run(f"ALTER ROLE {fresh.user} IN DATABASE {fresh.name} SET work_mem = '5MB'")
    fresh.superuser.run(f"ALTER ROLE {fresh.user} SET default_transaction_isolation = 'repeatable read'")
    fresh.superuser.run(f"ALTER ROLE {fresh.user} SET log_statement = 'none'")  # which only a superuser may set
    api = start_api(fresh)
    assert api.send("GET", "/rpc/setting?name=statement_timeout", role=fresh.user).text.count("200ms")
    assert api.send("GET", "/rpc/setting?name=work_mem", role=fresh.user).text.count("5MB")
    assert api.send("GET", "/rpc/setting?name=transaction_isolation", role=fresh.user).text.count("repeatable read")
    assert api.send("GET", "/rpc/setting?name=statement_timeout").text.count("30s")
    answer = api.send("POST", "/rpc/slow", {"seconds": 5}, role=fresh.user)
    assert (answer.status_code, answer.json()["code"]) == (500, "57014")


def stakeholder(place: Place) -> tuple[str, str]:
    """Create a stakeholder that may use the API."""
    user, password = place.superuser.row(
        "SELECT username, password FROM integratedb_create_stakeholder(%s)", unique("app")
    )
    place.superuser.run(f"GRANT {user} TO {LOGIN}")
    return user, password


def ask(api: Api, user: str, password: str, **form: str) -> httpx.Response:
    content = {"grant_type": "client_credentials", "client_id": user, "client_secret": password, **form}
    return httpx.post(f"{api.url}/oauth/token", data=content, timeout=60)


def test_client_credentials_give_a_token(fresh: Place, start_api) -> None:
    api = start_api(fresh)
    user, password = stakeholder(fresh)
    given = ask(api, user, password)
    assert given.status_code == 200, given.text
    assert (given.json()["token_type"], given.json()["expires_in"]) == ("Bearer", 3600)
    assert given.headers["cache-control"] == "no-store"
    bearer = {"Authorization": f"Bearer {given.json()['access_token']}"}
    assert user in httpx.get(f"{api.url}/rpc/setting?name=role", headers=bearer).text
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    by_header = httpx.post(
        f"{api.url}/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {basic}"},
        timeout=60,
    )
    assert by_header.status_code == 200
    wrong = ask(api, user, "wrong")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert ask(api, "nobody", "wrong").json() == wrong.json()
    assert ask(api, LOGIN, "api-password").status_code == 401
    assert ask(api, user, password, grant_type="password").json()["error"] == "unsupported_grant_type"
    assert password not in api.log_file.read_text()


def test_a_stakeholder_learns_which_claim_cures_a_refusal_and_others_nothing(fresh: Place, start_api) -> None:
    api = start_api(fresh)
    user, _ = stakeholder(fresh)
    fresh.superuser.run(
        f"""SELECT integratedb_claim('{user}', '{{"match": [{{"path": "public.people", "fields": ["id"]}}]}}')"""
    )
    for path, code, name, cure in (
        ("/notes", "PGRST205", "notes", {"path": "public.notes", "fields": ["*"]}),
        ("/nothing", "PGRST205", "nothing", {"path": "public.nothing", "fields": ["*"]}),
        ("/people?select=name", "42703", "people.name", {"path": "public.people", "fields": ["name"]}),
    ):
        error = api.send("GET", path, role=user).json()
        assert (error["code"], error["details"]) == (code, f"{user} does not claim public.{name}")
        assert json.loads(error["hint"].removeprefix("The claim that cures it: ")) == cure
    assert api.send("GET", "/notes").json()["details"] is None


def test_guesses_are_limited(fresh: Place, start_api) -> None:
    api = start_api(fresh)
    user, password = stakeholder(fresh)
    assert [ask(api, user, "wrong").status_code for _ in range(5)] == [401] * 5
    assert ask(api, user, password).status_code == 429


def test_metadata_of_oauth(api: Api) -> None:
    server = api.get("/.well-known/oauth-authorization-server")
    assert server["token_endpoint"] == f"{server['issuer']}/oauth/token"
    assert api.get("/.well-known/oauth-protected-resource")["authorization_servers"] == [server["issuer"]]


class Issuer:
    """An OpenID issuer whose keys change."""

    def __init__(self) -> None:
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                document: dict[str, Any] = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                if self.path == "/keys":
                    made = [
                        {**jwt.get_algorithm_by_name("ES256").to_jwk(key.public_key(), as_dict=True), "kid": kid}
                        for kid, key in issuer.keys.items()
                    ]
                    document = {"keys": made}
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def token(self, kid: str, role: str) -> str:
        claims = {"role": role, "iss": self.url, "exp": 4_000_000_000}
        return jwt.encode(claims, self.keys[kid], "ES256", {"kid": kid})

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_keys_of_an_issuer_are_found_and_new_ones_are_fetched(place: Place, start_api) -> None:
    issuer = Issuer()
    try:
        issuer.keys["one"] = ec.generate_private_key(ec.SECP256R1())
        api = start_api(place, "--issuer", issuer.url)

        def status(kid: str) -> int:
            bearer = {"Authorization": f"Bearer {issuer.token(kid, place.user)}"}
            answer: httpx.Response = api.send("GET", "/people?limit=1", headers=bearer)
            return answer.status_code

        eventually(lambda: status("one") == 200, timeout_s=20)
        issuer.keys["two"] = ec.generate_private_key(ec.SECP256R1())
        eventually(lambda: status("two") == 200, timeout_s=20)
        assert status("one") == 200
        del issuer.keys["one"]
    finally:
        issuer.stop()


@pytest.mark.parametrize("origins", [None, "https://a.example,https://b.example"])
def test_other_origins(place: Place, start_api, origins: str | None) -> None:
    api = start_api(place, *(["--cors-origins", origins] if origins else []))
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    answer = api.send("OPTIONS", "/people", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ("*" if origins is None else "https://a.example")
    assert "access-control-allow-credentials" not in answer.headers
    other = api.send("GET", "/people?limit=1", headers={"Origin": "https://evil.example"})
    assert other.headers.get("access-control-allow-origin") == ("*" if origins is None else None)


@pytest.fixture
def gate(fresh: Place) -> Place:
    """A database whose service logs in as a member of the group."""
    fresh.superuser.run(f"GRANT integratedb_authenticator TO {LOGIN}")
    return fresh


def with_token(api: Api, given: str) -> int:
    bearer = {"Authorization": f"Bearer {given}"}
    return httpx.get(f"{api.url}/rpc/setting?name=role", headers=bearer, timeout=60).status_code


def test_all_services_of_a_database_accept_a_token_also_after_a_restart(gate: Place, start_api) -> None:
    first, second = start_api(gate), start_api(gate)
    user, password = stakeholder(gate)
    given = ask(first, user, password).json()["access_token"]
    assert [with_token(api, given) for api in (first, second)] == [200, 200]
    first.stop()
    second.stop()
    again = start_api(gate)
    assert with_token(again, given) == 200
    # A rotation that spares no token counts as soon as the service has read the keys again.
    gate.superuser.run("SELECT integratedb_rotate_api_key(true)")
    assert eventually(lambda: with_token(again, given) == 401, timeout_s=30)
    assert with_token(again, ask(again, user, password).json()["access_token"]) == 200


def test_a_token_of_a_key_that_is_new_makes_the_service_read_the_keys(gate: Place, start_api) -> None:
    first = start_api(gate)
    gate.superuser.run("SELECT integratedb_rotate_api_key(true)")
    second = start_api(gate)
    user, password = stakeholder(gate)
    given = ask(second, user, password).json()["access_token"]
    assert eventually(lambda: with_token(first, given) == 200, timeout_s=8)  # before it looks by itself


def test_a_login_without_the_group_has_a_key_of_its_own(fresh: Place, start_api) -> None:
    first, second = start_api(fresh), start_api(fresh)
    user, password = stakeholder(fresh)
    given = ask(first, user, password).json()["access_token"]
    assert [with_token(api, given) for api in (first, second)] == [200, 401]


def test_code_that_a_request_runs_does_not_read_the_key(gate: Place, start_api) -> None:
    gate.superuser.run(
        f"""CREATE FUNCTION steal() RETURNS text LANGUAGE plpgsql VOLATILE AS $f$ BEGIN
              SET LOCAL ROLE integratedb_authenticator;
              RETURN (SELECT string_agg(s.id, ',') FROM ({KEYS}) AS s);
            END $f$"""
    )
    api = start_api(gate)
    answer = api.send("POST", "/rpc/steal", {}, role=gate.user)
    assert (answer.status_code, answer.json()["code"]) == (403, "42501"), answer.text
    assert answer.json()["message"] == "the keys of the data API are read by its service only"


def test_a_trusted_proxy_says_who_the_client_is_and_how_it_came(place: Place, start_api) -> None:
    told = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https", "Host": "shop.example"}
    path = "/.well-known/oauth-authorization-server"
    behind = start_api(place, "--trusted-proxy", "127.0.0.0/8", "--log-level", "debug")
    answer = behind.send("GET", path, headers=told)
    assert answer.json()["issuer"] == "https://shop.example"
    assert "strict-transport-security" in answer.headers
    # A request is logged after its answer is sent.
    eventually(lambda: behind.logs()[-1]["address"] == "198.51.100.7")
    # Guesses are counted by the client, and the address of the proxy is nobody's.
    for number in (*[7] * 5, 8):
        form = {"grant_type": "client_credentials", "client_id": "someone", "client_secret": "wrong"}
        told["X-Forwarded-For"] = f"198.51.{number}.7"
        assert httpx.post(f"{behind.url}/oauth/token", data=form, headers=told, timeout=60).status_code == 401
    told["X-Forwarded-For"] = "198.51.7.7"
    assert httpx.post(f"{behind.url}/oauth/token", data=form, headers=told, timeout=60).status_code == 429
    alone = start_api(place, "--trusted-proxy", "10.0.0.0/8", "--log-level", "debug")
    before = len(alone.logs())
    answer = alone.send("GET", path, headers=told)
    assert answer.json()["issuer"] == "http://shop.example"
    assert "strict-transport-security" not in answer.headers
    eventually(lambda: len(alone.logs()) > before)
    assert {line["address"] for line in alone.logs()[before:]} == {"127.0.0.1"}

"""The configuration: our options, PostgREST's file and variables, and which defaults hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integratedb_companion.api import postgrest
from integratedb_companion.api.settings import DEFAULTS, OPTIONS, Settings, build, from_environment
from integratedb_companion.commands.api import _options, api
from integratedb_companion.common.configuration import ConfigurationError

FILE = """\
# The API of the shop.
db-uri = "postgres://api@localhost/shop"  # the login
db-schemas = "shop, public"
db-anon-role = "web_anon"
db-pool = 7
db-max-rows = 100
db-tx-end = "rollback-allow-override"
db-plan-enabled = true
db-prepared-statements = false
jwt-secret = "$(THE_SECRET)"
jwt-aud = "me"
jwt-role-claim-key = ".\\"https://example.org/role\\""
server-host = "127.0.0.1"
server-port = 3456
admin-server-port = 3457
app.settings.greeting = "say \\"hello\\""
log-level = "warn"
db-channel = "pgrst"
"""


def settings(**given: Any) -> Settings:
    return build(DEFAULTS | given)


def test_every_option_has_a_default_and_a_flag() -> None:
    flags = {parameter.name for parameter in api.params}
    negated = {"prepare": "no_prepare", "aggregates": "no_aggregates", "introspection": "no_introspection"}
    assert set(OPTIONS) == set(DEFAULTS)
    assert {negated.get(name, name) for name in OPTIONS} == flags - {"config", "postgrest_config"}


def test_defaults_are_ours() -> None:
    made = settings()
    assert (made.host, made.port, made.admin_port) == ("127.0.0.1", 3000, 3001)
    assert (made.max_rows, made.max_body_bytes, made.statement_timeout_s) == (1000, 10 << 20, 30)
    assert made.max_answer_bytes == 64 << 20
    assert not made.allow_no_expiry
    assert not made.allow_unfiltered_writes
    assert made.workers >= 1


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"listen": "nowhere"}, "HOST:PORT"),
        ({"schemas": ()}, "schemas"),
        ({"workers": "0"}, "workers"),
        ({"max_rows": "-1"}, "max-rows"),
        ({"max_body": "much"}, "max-body"),
        ({"statement_timeout": "soon"}, "statement-timeout"),
        ({"tx_end": "sometimes"}, "tx-end"),
        ({"openapi": "perhaps"}, "openapi"),
        ({"prefix": "rest"}, "prefix"),
        ({"prefix": "/a?b"}, "prefix"),
        ({"role_claim": "$"}, "role-claim"),
        ({"jwks_url": "file:///etc/passwd"}, "jwks-url"),
        ({"jwks_url": "ws://localhost/keys"}, "http://, https://"),
        ({"issuer": "https://[::1"}, "issuer"),
        ({"daemon_url": "ftp://localhost"}, "ws://, wss://"),
        ({"jwt_secret": ("@/nonexistent",)}, "jwt-secret"),
        ({"app_settings": ("x",)}, "NAME=VALUE"),
        ({"tls_certificate": __file__}, "go together"),
        ({"log_level": "loud"}, "log-level"),
    ],
)
def test_bad_options_are_refused(given: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        settings(**given)


def test_secrets_and_connection_strings_may_stand_in_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret\n")
    (tmp_path / "dsn").write_text("dbname=shop")
    made = settings(jwt_secret=(f"@{tmp_path}/secret",), dsn=f"@{tmp_path}/dsn")
    assert (made.jwt_secrets, made.dsn) == (("a secret",), "dbname=shop")


def test_variables_of_ours_set_options() -> None:
    given = from_environment(
        {
            "INTEGRATEDB_API_SCHEMAS": "shop, public",
            "INTEGRATEDB_API_PREPARE": "false",
            "INTEGRATEDB_API_JWT_SECRET": "x,y",
            "INTEGRATEDB_API_MAX_ROWS": "5",
            "OTHER": "1",
        }
    )
    assert given == {"schemas": ("shop", "public"), "prepare": False, "jwt_secret": ("x,y",), "max_rows": "5"}
    with pytest.raises(ConfigurationError, match="INTEGRATEDB_API_PLAN"):
        from_environment({"INTEGRATEDB_API_PLAN": "maybe"})


def test_a_file_of_postgrest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "postgrest.conf"
    path.write_text(FILE)
    made = build(DEFAULTS | postgrest.DEFAULTS | postgrest.read(str(path), {"THE_SECRET": "s" * 32}))
    assert made.dsn == "postgres://api@localhost/shop"
    assert (made.host, made.port, made.admin_host, made.admin_port) == ("127.0.0.1", 3456, "127.0.0.1", 3457)
    assert (made.schemas, made.anonymous, made.connections, made.max_rows) == (("shop", "public"), "web_anon", 7, 100)
    assert made.tx_end == "rollback-allow-override"
    assert made.may_override_tx_end
    assert (made.plan, made.prepare, made.audience) == (True, False, "me")
    assert made.jwt_secrets == ("s" * 32,)
    assert made.role_claim.of({"https://example.org/role": "x"}) == "x"
    assert made.app_settings == (("app.settings.greeting", 'say "hello"'),)
    assert made.log_level == "warning"


def test_variables_of_postgrest_replace_its_file(tmp_path: Path) -> None:
    path = tmp_path / "postgrest.conf"
    path.write_text(FILE)
    given = postgrest.read(
        str(path), {"PGRST_DB_SCHEMAS": "api", "PGRST_APP_SETTINGS_MOOD": "good", "PGRST_SERVER_HOST": "!4"}
    )
    assert given["schemas"] == ("api",)
    assert set(given["app_settings"]) == {'app.settings.greeting=say "hello"', "app.settings.mood=good"}
    assert given["listen"] == "0.0.0.0:3456"


@pytest.mark.parametrize(
    ("line", "word"), [("what is this", "line 1"), ('x = "unended', "line 1"), ("no-such = 1", "no-such")]
)
def test_what_postgrest_would_not_read_is_refused(tmp_path: Path, line: str, word: str) -> None:
    path = tmp_path / "postgrest.conf"
    path.write_text(line)
    with pytest.raises(ConfigurationError, match=word):
        postgrest.read(str(path), {})


def test_postgrests_defaults_hold_where_only_its_names_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGRST_DB_URI", "dbname=shop")
    theirs = build(_options(None, None, {}))
    assert (theirs.max_rows, theirs.allow_no_expiry, theirs.allow_unfiltered_writes) == (None, True, True)
    assert (theirs.host, theirs.admin_host) == ("0.0.0.0", None)
    monkeypatch.setenv("INTEGRATEDB_API_ANONYMOUS", "web_anon")
    ours = build(_options(None, None, {}))
    assert (ours.dsn, ours.anonymous, ours.max_rows) == ("dbname=shop", "web_anon", 1000)
    assert not ours.allow_no_expiry
    flagged = build(_options(None, None, {"anonymous": "other", "no_prepare": True, "schemas": "a,b"}))
    assert (flagged.anonymous, flagged.prepare, flagged.schemas) == ("other", False, ("a", "b"))

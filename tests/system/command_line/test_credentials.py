"""Where new credentials go, and that none is ever lost, nor one left behind that is no good."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.command_line.conftest import ELSEWHERE, Place
from tests.system.command_line.test_contracts import MAILER
from tests.system.harness import eventually
from tests.system.processes import COMMAND

Stakeholder = Callable[..., str]
TOKEN = "hvs.testtesttest"


@dataclass
class Vault:
    """Speaks the KV secrets engine, version 2, and the token lookup, of Vault's HTTP API."""

    mount: str = "secret"
    secrets: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)
    refuse_from: int = 1_000
    writes: int = 0
    port: int = 0
    #: Where it sends whoever asks, from the so-manieth request on.
    elsewhere: str = ""
    elsewhere_from: int = 1
    asked: int = 0
    #: What it answers to a write, in place of the version.
    write_answer: tuple[int, Any] | None = None
    write_answer_from: int = 1
    #: Whether it refuses each write with the words that it got.
    repeats: bool = False
    #: Whether it stores what it gets and hangs up without an answer.
    hangs_up: bool = False
    #: Whether it refuses to destroy anything.
    keeps: bool = False

    @contextlib.contextmanager
    def run(self) -> Iterator[Vault]:
        """Listen."""
        vault = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status: int, body: Any = None) -> None:
                content = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def redirected(self) -> bool:
                vault.asked += 1
                if not vault.elsewhere or vault.asked < vault.elsewhere_from:
                    return False
                self.send_response(307)
                self.send_header("location", f"{vault.elsewhere}{self.path}")
                self.send_header("content-length", "0")
                self.end_headers()
                return True

            def do_GET(self) -> None:
                if self.redirected():
                    return
                if self.headers["x-vault-token"] != TOKEN:
                    self.answer(403, {"errors": ["permission denied"]})
                elif self.path == "/v1/auth/token/lookup-self":
                    self.answer(200, {"data": {"id": TOKEN}})
                else:
                    self.answer(404, {"errors": []})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
                if self.redirected():
                    return
                _, _, mount, action, path = self.path.split("/", 4)
                if self.headers["x-vault-token"] != TOKEN or mount != vault.mount:
                    self.answer(403, {"errors": ["permission denied"]})
                elif action == "data":
                    vault.writes += 1
                    if vault.writes >= vault.refuse_from:
                        self.answer(403, {"errors": ["1 error occurred: permission denied"]})
                        return
                    versions = vault.secrets.setdefault(path, [])
                    versions.append(body["data"])
                    if vault.hangs_up:
                        self.close_connection = True
                        return
                    if vault.repeats:
                        self.answer(500, {"errors": [json.dumps(body)]})
                        return
                    if vault.write_answer is not None and vault.writes >= vault.write_answer_from:
                        self.answer(*vault.write_answer)
                        return
                    self.answer(200, {"data": {"version": len(versions), "destroyed": False}})
                elif action == "destroy" and vault.keeps:
                    self.answer(403, {"errors": ["permission denied"]})
                elif action == "destroy":
                    for version in body["versions"]:
                        vault.secrets[path][version - 1] = None
                    self.answer(204)
                else:
                    self.answer(404, {"errors": []})

            do_PUT = do_POST  # noqa: N815  the name that http.server calls

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    @property
    def environment(self) -> dict[str, Any]:
        """What leads the command here."""
        return {"VAULT_ADDR": f"http://127.0.0.1:{self.port}", "VAULT_TOKEN": TOKEN}


@pytest.fixture
def vault() -> Iterator[Vault]:
    """A Vault, as far as key-value secrets go."""
    with Vault().run() as running:
        yield running


def names(place: Place) -> list[str]:
    with place.session() as superuser:
        return [row[0] for row in superuser.rows("SELECT name FROM integratedb.stakeholder ORDER BY 1")]


def can_log_in(place: Place, credentials: dict[str, str]) -> bool:
    with place.login(credentials["username"], credentials["password"]) as session:
        return bool(session.value("SELECT current_user") == credentials["username"])


def refuse_at_commit(place: Place) -> None:
    """Let every COMMIT be refused that makes a stakeholder."""
    with place.session() as superuser:
        superuser.run("""
            CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'refused at COMMIT'; END$$;
            CREATE CONSTRAINT TRIGGER no AFTER INSERT ON integratedb.stakeholder DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW EXECUTE FUNCTION public.no();
        """)


def test_a_file_is_private_and_keeps_what_it_had(place: Place) -> None:
    directory = place.contract(MAILER)
    file = place.directory / "credentials.json"
    file.write_text('{"earlier": {"password": "kept"}}')
    file.chmod(0o644)
    shown = place.run("apply", directory, "--credentials", file).stdout
    stored = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stored["earlier"] == {"password": "kept"}
    assert can_log_in(place, stored["mailer"])
    assert stored["mailer"]["password"] not in shown
    assert list(place.directory.glob(".*")) == []


def test_a_new_password_replaces_the_old_one_in_the_file(place: Place) -> None:
    file = place.directory / "credentials.json"
    place.run("stakeholder", "add", "mailer", "--credentials", file)
    first = json.loads(file.read_text())["mailer"]
    shown = place.run("stakeholder", "rotate", "mailer", "--credentials", file, "--json").stdout
    second = json.loads(file.read_text())["mailer"]
    assert first["password"] != second["password"]
    assert can_log_in(place, second)
    assert second["password"] not in shown


@pytest.mark.parametrize("where", ["{0}/missing/c.json", "{0}/other.txt", "k8s:{0}/other.txt", "k8s:", "vault:secret"])
def test_a_target_that_cannot_be_used_is_told_before_anything_happens(place: Place, where: str) -> None:
    (place.directory / "other.txt").write_text("[not, {ours")
    directory = place.contract(MAILER)
    place.run("apply", directory, "--credentials", where.format(place.directory), status=2)
    assert names(place) == []


def test_a_commit_that_is_refused_leaves_the_file_as_it_was(place: Place) -> None:
    directory = place.contract(MAILER)
    refuse_at_commit(place)
    for before in (None, '{"earlier": {}}\n'):
        file = place.directory / "credentials.json"
        if before is not None:
            file.write_text(before)
        said = place.run("apply", directory, "--credentials", file, status=1).stderr
        assert "refused at COMMIT" in said
        assert (file.read_text() if file.exists() else None) == before
    assert names(place) == []


class Severing:
    """Stands between the command and the server, and hangs up when it is asked for a COMMIT after a file is there."""

    def __init__(self, port: int, file: Path) -> None:
        self._file = file
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.server.getsockname()[1])
        self._target = port
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        client, _ = self.server.accept()
        there = socket.create_connection(("127.0.0.1", self._target))
        severed = threading.Event()

        def back() -> None:
            with there, contextlib.suppress(OSError):
                while (data := there.recv(65_536)) and not severed.is_set():
                    client.sendall(data)

        threading.Thread(target=back, daemon=True).start()
        while data := client.recv(65_536):
            if b"COMMIT" in data and self._file.exists():
                severed.set()
            there.sendall(data)
            if severed.is_set():
                client.close()
                return


def test_when_nobody_knows_whether_there_was_a_commit_the_passwords_stay(place: Place) -> None:
    directory = place.contract(MAILER)
    file = place.directory / "credentials.json"
    with place.session() as superuser:
        superuser.run("ALTER ROLE shop_admin PASSWORD 'admin'")
    proxy = Severing(place.cluster.port, file)
    environment = {"PGHOST": "127.0.0.1", "PGPORT": str(proxy.port), "PGPASSWORD": "admin"}
    with proxy.server:
        said = place.run("apply", directory, "--credentials", file, status=5, **environment).stderr
    assert "the connection was lost during COMMIT" in said
    assert str(file) in said
    eventually(lambda: names(place) == ["mailer"])
    assert can_log_in(place, json.loads(file.read_text())["mailer"])


def test_vault_gets_a_secret_a_stakeholder(place: Place, vault: Vault) -> None:
    directory = place.contract(MAILER)
    shown = place.run("apply", directory, "--credentials", "vault:secret/teams/shop", **vault.environment).stdout
    [credentials] = vault.secrets["teams/shop/mailer"]
    assert credentials is not None
    assert can_log_in(place, credentials)
    assert credentials["password"] not in shown
    assert "Vault, secret/teams/shop" in shown
    place.run("stakeholder", "rotate", "mailer", "--credentials", "vault:secret/teams/shop", **vault.environment)
    [_, second] = vault.secrets["teams/shop/mailer"]
    assert second is not None
    assert can_log_in(place, second)


def test_when_vault_refuses_nothing_is_changed(place: Place, vault: Vault) -> None:
    directory = place.contract(MAILER)
    place.contract("stakeholder: reporter\n", "reporter.yaml")
    vault.refuse_from = 2
    said = place.run("apply", directory, "--credentials", "vault:secret/shop", status=1, **vault.environment).stderr
    assert "permission denied" in said
    assert "Nothing was changed" in said
    assert TOKEN not in said
    assert vault.secrets == {"shop/mailer": [None]}  # the one that was written is destroyed
    assert names(place) == []


def test_when_vault_is_away_or_does_not_know_the_token_nothing_begins(place: Place, vault: Vault) -> None:
    directory = place.contract(MAILER)
    environment = vault.environment
    assert "VAULT_ADDR" in place.run("apply", directory, "--credentials", "vault:secret/shop", status=2).stderr
    for wrong in ({"VAULT_TOKEN": "hvs.wrong"}, {"VAULT_ADDR": "http://127.0.0.1:1"}):
        place.run("apply", directory, "--credentials", "vault:secret/shop", status=2, **(environment | wrong))
    assert names(place) == []


def test_a_refused_commit_destroys_what_vault_got(place: Place, vault: Vault) -> None:
    refuse_at_commit(place)
    vault.secrets["shop/mailer"] = [{"password": "earlier"}]
    directory = place.contract(MAILER)
    place.run("apply", directory, "--credentials", "vault:secret/shop", status=1, **vault.environment)
    assert vault.secrets == {"shop/mailer": [{"password": "earlier"}, None]}


@pytest.mark.parametrize("nth", [1, 2])
def test_the_token_goes_nowhere_else_than_to_vault(place: Place, vault: Vault, nth: int) -> None:
    with Vault().run() as other:
        vault.elsewhere, vault.elsewhere_from = f"http://127.0.0.1:{other.port}", nth
        directory = place.contract(MAILER)
        status = 2 if nth == 1 else 1
        where = ["--credentials", "vault:secret/shop"]
        said = place.run("apply", directory, *where, status=status, **vault.environment).stderr
        assert "redirect" in said
        assert other.asked == 0
        assert other.secrets == {}
    assert names(place) == []


@pytest.mark.parametrize("answer", [(204, None), (200, None), (200, {"data": None}), (200, {"data": {"version": "1"}})])
def test_an_answer_that_tells_no_version_is_told_as_unknown(place: Place, vault: Vault, answer: Any) -> None:
    vault.write_answer = answer
    directory = place.contract(MAILER)
    said = place.run("apply", directory, "--credentials", "vault:secret/shop", status=1, **vault.environment).stderr
    assert "tells no version" in said
    assert "secret/shop/mailer has a new version, its password is void" in said
    assert names(place) == []


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (400, ["no object"]),
        (400, 0),
        (400, {"errors": 5}),
        (400, {"errors": "a text"}),
        (200, {"data": {"version": True}}),
        (200, {"data": {"version": 0}}),
        (500, {"errors": ["\x1b[31mred\nERROR: forged"]}),
        (500, {"errors": [TOKEN]}),
        (500, {"errors": ["x" * 100_000]}),
    ],
)
def test_no_answer_of_vault_leaves_a_part_of_the_passwords_or_says_what_it_likes(
    place: Place, vault: Vault, status: int, answer: Any
) -> None:
    vault.write_answer, vault.write_answer_from = (status, answer), 2
    directory = place.contract(MAILER)
    place.contract("stakeholder: parcel\n", "parcel.yaml")
    said = place.run("apply", directory, "--credentials", "vault:secret/shop", status=1, **vault.environment).stderr
    assert vault.secrets["shop/mailer"] == [None]  # the one that was written is destroyed
    assert "Vault, secret/shop/parcel: " in said
    assert "Traceback" not in said
    assert "\x1b" not in said
    assert "\nERROR: forged" not in said
    assert TOKEN not in said
    assert len(said) < 2000
    assert names(place) == []


def test_a_write_that_is_not_answered_is_told_as_unknown(place: Place, vault: Vault) -> None:
    vault.hangs_up = True
    directory = place.contract(MAILER)
    said = place.run("apply", directory, "--credentials", "vault:secret/shop", status=1, **vault.environment).stderr
    assert "Vault cannot be reached" in said
    assert "Whether Vault has the secret is not known" in said
    assert names(place) == []


def test_all_that_vault_does_not_destroy_is_named(place: Place, vault: Vault) -> None:
    refuse_at_commit(place)
    vault.keeps = True
    directory = place.contract(MAILER)
    place.contract("stakeholder: parcel\n", "parcel.yaml")
    said = place.run("apply", directory, "--credentials", "vault:secret/shop", status=1, **vault.environment).stderr
    assert "refused at COMMIT" in said
    for name in ("mailer", "parcel"):
        assert f"version 1 of secret/shop/{name} could not be destroyed: permission denied" in said
    # The second write is not answered, and the first cannot be undone.
    vault.write_answer, vault.write_answer_from = (204, None), 4
    said = place.run("apply", directory, "--credentials", "vault:secret/shop", status=1, **vault.environment).stderr
    assert "Vault, secret/shop/parcel: Vault's answer tells no version of the secret" in said
    assert "version 2 of secret/shop/mailer could not be destroyed: permission denied" in said
    assert "The passwords in versions that could not be destroyed are void." in said
    assert "if secret/shop/parcel has a new version, its password is void" in said
    assert names(place) == []


def test_a_password_that_vault_repeats_is_not_shown(place: Place, vault: Vault) -> None:
    vault.repeats = True
    directory = place.contract(MAILER)
    said = place.run("apply", directory, "--credentials", "vault:secret/shop", status=1, **vault.environment).stderr
    [credentials] = vault.secrets["shop/mailer"]
    assert credentials is not None
    assert credentials["password"] not in said
    assert "Vault refused (InternalServerError)" in said


def test_a_manifest_for_kubernetes(place: Place) -> None:
    file = place.directory / "secrets.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n")
    place.run("stakeholder", "add", "order_desk_", "--credentials", f"k8s:{file}")
    place.run("stakeholder", "rotate", "order_desk_", "--credentials", f"k8s:{file}")
    other, secret = yaml.safe_load_all(file.read_text())
    assert other["kind"] == "ConfigMap"
    assert (secret["apiVersion"], secret["kind"], secret["type"]) == ("v1", "Secret", "Opaque")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", secret["metadata"]["name"])
    assert can_log_in(place, secret["stringData"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_standard_output_that_nobody_reads_loses_no_password(place: Place) -> None:
    directory = place.contract(MAILER)
    kept = {name: value for name, value in os.environ.items() if not ELSEWHERE.fullmatch(name)}
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*COMMAND, "apply", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=kept | place.environment("shop_admin"),
        )
    assert result.returncode != 0
    assert names(place) == []


def test_the_uri_is_one_that_logs_in(place: Place) -> None:
    environment = place.environment("shop_admin") | {"PGHOST": "127.0.0.1", "PGPASSWORD": "admin"}
    with place.session() as superuser:
        superuser.run("ALTER ROLE shop_admin PASSWORD 'admin'")
    made = json.loads(place.run("stakeholder", "add", "mailer", "--json", **environment).stdout)
    assert place.run("status", "--dsn", made["uri"]).returncode == 0

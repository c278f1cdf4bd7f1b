"""The real things that the system tests run against: a cluster, daemons, a Redis, an HTTP receiver."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from tests.support import Session, worker_number
from tests.system.processes import COMMAND, Process

ROOT = Path(__file__).parents[2]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
DAEMON_ROLE, DAEMON_PASSWORD = "companion", "companion-password"


# Those of a worker: what one probes, no other takes. Below 32768 the kernel gives none to whoever connects somewhere.
PORTS = itertools.cycle(random.sample(range(1000), 1000))


def free_port() -> int:
    """Find a port that nobody listens on."""
    for port in PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", 10_000 + 1_000 * worker_number() + port))
            return int(probe.getsockname()[1])
    raise AssertionError


def eventually(check: Callable[[], Any], *, timeout_s: float = 60, message: str = "") -> Any:
    """Wait until the check gives something true, and give that."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {message or check}; last: {result!r}")
        time.sleep(0.02)


class Cluster:
    """A Postgres of its own that may be crashed: what is committed outlives that."""

    def __init__(self, link: Path) -> None:
        self._link = link
        started = subprocess.run(
            [ROOT / "scripts/cluster", "start", link, "--synchronous"], check=True, capture_output=True, text=True
        )
        parts = conninfo_to_dict(started.stdout.strip())
        self.socket, self.port = str(parts["host"]), int(str(parts["port"]))

    def session(self, dbname: str, user: str = "postgres") -> Session:
        """Connect over the socket, where everybody is trusted."""
        return Session.open(host=self.socket, port=self.port, user=user, dbname=dbname)

    def dsn(self, dbname: str) -> str:
        """Tell how the daemon connects: over TCP, by password."""
        return f"host=127.0.0.1 port={self.port} dbname={dbname} user={DAEMON_ROLE} password={DAEMON_PASSWORD}"

    def crash(self) -> None:
        """Stop the server without a checkpoint, and start it again."""
        self.restart("immediate")

    def restart(self, mode: str, *, timeout_s: int = 60) -> None:
        """Stop the server in this mode of pg_ctl's, and start it again."""
        self._control("restart", mode, timeout_s)

    def stop_for_a_while(self) -> None:
        """Stop the server; crash() starts it again."""
        self._control("stop", "immediate", 60)

    def _control(self, action: str, mode: str, timeout_s: int) -> None:
        bindir = subprocess.run(
            [os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], check=True, capture_output=True, text=True
        ).stdout.strip()
        command = [f"{bindir}/pg_ctl", action, "--silent", "--wait", "--mode", mode, "--timeout", str(timeout_s)]
        command += ["-D", f"{self.socket}/data"]
        if action == "restart":
            command += ["-l", f"{self.socket}/log"]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, cwd="/", stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        """Stop it and remove everything."""
        subprocess.run([ROOT / "scripts/cluster", "stop", self._link], check=True)


class Pooler:
    """PgBouncer before a cluster: in transaction mode, each transaction may be served by another session."""

    def __init__(self, cluster: Cluster, directory: Path, users: Iterable[str], mode: str = "transaction") -> None:
        directory.chmod(0o755)
        self.host, self.port = "127.0.0.1", free_port()
        names, file = directory / "users.txt", directory / "pgbouncer.ini"
        self._file = file
        names.write_text("".join(f'"{user}" ""\n' for user in users))
        file.write_text(
            f"""[databases]
* = host={cluster.socket} port={cluster.port}
[pgbouncer]
listen_addr = {self.host}
listen_port = {self.port}
unix_socket_dir =
auth_type = trust
auth_file = {names}
pool_mode = {mode}
default_pool_size = 3
"""
        )
        # It refuses to run as root, and cannot see the directories of pytest as another user.
        owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if owner is not None:
            for path in (directory, names, file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        as_owner: dict[str, Any] = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid}
        programs = f"{os.environ['PATH']}:/usr/sbin"
        self._process = subprocess.Popen(
            [str(shutil.which("pgbouncer", path=programs)), "--quiet", str(file)],
            cwd="/",
            stderr=subprocess.DEVNULL,
            **as_owner,
        )
        eventually(self._listens, message="PgBouncer")

    def _listens(self) -> bool:
        assert self._process.poll() is None
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
            return True
        return False

    def session(self, dbname: str, user: str) -> Session:
        """Connect through it."""
        return Session.open(host=self.host, port=self.port, user=user, dbname=dbname)

    def ignore_options(self) -> None:
        """Let it drop the settings that a client asks for when it connects."""
        with self._file.open("a") as file:
            file.write("ignore_startup_parameters = options\n")
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(20)


#: Ways to prepare a statement: by a name that has to be quoted, in place of all others, where settings are changed, ...
PREPARING = (
    "PREPARE stays AS SELECT 1",
    'PREPARE "all" AS SELECT 1; PREPARE prepare AS SELECT 1; PREPARE "a""b" AS SELECT 1',
    "DEALLOCATE ALL; PREPARE before AS SELECT 2",
    "PREPARE stays AS SELECT 1; SET statement_timeout = 1; SET search_path = pg_temp; SET ROLE NONE",
    "DO $$ BEGIN FOR n IN 1..3000 LOOP EXECUTE format('PREPARE %I AS SELECT 1', 'stays ' || n); END LOOP; END $$",
    "PREPARE stays AS SELECT 1; SELECT 1 / 0",
    "PREPARE stays AS SELECT 1; DO $$ BEGIN EXECUTE 'PREPARE inner_one AS SELECT 1'; RAISE 'no'; END $$",
)
#: Those that are there; psycopg has some of its own, and so has PgBouncer from 1.21 on.
PREPARED = r"SELECT name FROM pg_prepared_statements WHERE name NOT LIKE '\_pg3%' AND name NOT LIKE 'PGBOUNCER\_%'"


@contextlib.contextmanager
def pooler(cluster: Cluster, users: Iterable[str], mode: str = "transaction") -> Iterator[Pooler]:
    """Have a pooler for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="pooler") as directory:
        made = Pooler(cluster, Path(directory), users, mode)
        try:
            yield made
        finally:
            made.stop()


class Daemon:
    """A daemon process."""

    def __init__(
        self,
        dsn: str,
        slot: str,
        log: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.log_file = log
        command = [*wrapper, *COMMAND, "daemon"]
        command += ["--dsn", dsn, "--slot", slot, "--listen", f"127.0.0.1:{self.port}", *options]
        with log.open("ab") as output:
            self.process: subprocess.Popen[bytes] = Process(
                command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}
            )

    def get(self, path: str) -> tuple[int, str]:
        """Ask it something over HTTP; status 0 when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> Daemon:
        """Wait until it streams."""
        eventually(lambda: self.get("/ready")[0] == 200 or self.process.poll() is not None, message="ready")
        assert self.process.poll() is None, self.log_file.read_text()
        return self

    def metric(self, name: str) -> float:
        """Sum what /metrics says of one name."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def logs(self) -> list[dict[str, Any]]:
        """Give what it has logged."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]

    def kill(self) -> None:
        """Kill it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s: float = 60) -> int:
        """Ask it to stop, and give its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def exit_status(self, timeout_s: float = 60) -> int:
        """Wait for it to end by itself."""
        return self.process.wait(timeout_s)

    def resident_mb(self, which: str = "VmRSS") -> float:
        """Tell how much memory it has resident; VmHWM is the most it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(which)).split()[1]) / 1024


#: Imported by Python at its start, from a directory of PYTHONPATH.
RESOLVER = """
import json, os, socket, time
NAMES = json.loads(os.environ["TEST_NAMES"])
asked = socket.getaddrinfo
def getaddrinfo(host, port, *arguments, **more):
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.endswith(".silent"):
        time.sleep(20)  # as where the servers that know of a name do not answer
    return [one for address in NAMES.get(name, [host]) for one in asked(address, port, *arguments, **more)]
socket.getaddrinfo = getaddrinfo
"""


def resolving(directory: Path, **names: Sequence[str]) -> dict[str, str]:
    """The environment of a daemon for which these names have these addresses, whatever the machine knows of names.

    Names that end in .silent take long.
    """
    (directory / "sitecustomize.py").write_text(RESOLVER)
    return {"PYTHONPATH": str(directory), "TEST_NAMES": json.dumps(names)}


class RedisServer:
    """A Redis; a durable one has everything again after it was killed, an encrypted one speaks nothing but TLS."""

    def __init__(self, directory: Path, *, durable: bool = False, encrypted: bool = False) -> None:
        self.port = free_port()
        self._directory = directory
        self._durable = durable
        self._encrypted = encrypted
        if encrypted:
            command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "key.pem"]
            command += [
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-out",
                self.certificate.name,
            ]
            subprocess.run(command, check=True, cwd=directory, capture_output=True)
        self.start()

    @property
    def certificate(self) -> Path:
        """Tell what an encrypted one is known by, as localhost."""
        return self._directory / "certificate.pem"

    @property
    def url(self) -> str:
        """Tell where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it; what it had comes back."""
        options = ["--tls-port", str(self.port), "--port", "0"] if self._encrypted else ["--port", str(self.port)]
        if self._encrypted:
            options += ["--tls-cert-file", str(self.certificate), "--tls-key-file", str(self._directory / "key.pem")]
            options += ["--tls-auth-clients", "no"]
        options += ["--bind", "127.0.0.1", "--dir", str(self._directory)]
        options += ["--save", "", "--loglevel", "warning"]
        if self._durable:
            options += ["--appendonly", "yes", "--appendfsync", "always"]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        eventually(self._answers, message="redis")

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@dataclass
class Request:
    """A request that the receiver got, and what it answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    at_s: float

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in it."""
        content = json.loads(self.body)
        return content if isinstance(content, list) else [content]


@dataclass
class Receiver:
    """An HTTP server that keeps what it gets; `behave` decides the answer, and may take its time."""

    behave: Callable[[str], int] = lambda _: 204
    #: Judges what it was sent, where that decides.
    judge: Callable[[bytes], int] | None = None
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @contextlib.contextmanager
    def run(self) -> Iterator[Receiver]:
        """Listen."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.behave(self.path) if receiver.judge is None else receiver.judge(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(self.path, headers, body, status, time.monotonic()))
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    if status in (301, 302, 307):
                        self.send_header("location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def url(self, path: str = "/hook") -> str:
        """Tell where it is."""
        return f"http://127.0.0.1:{self.port}{path}"

    def delivered(self, path: str = "/hook") -> list[dict[str, Any]]:
        """Give the events that it has taken, in order, repeats included."""
        return [
            event
            for request in list(self.requests)
            if request.path == path and 200 <= request.status < 300
            for event in request.events
        ]


@dataclass
class Shop:
    """A database with the extension, a table of orders, and one stakeholder."""

    cluster: Cluster
    database: str
    stakeholder: str
    password: str
    slot: str
    owner: Session
    admin: Session
    directory: Path
    daemons: list[Daemon] = field(default_factory=list)

    def notify(self, *channels: dict[str, Any], match: list[dict[str, Any]] | None = None) -> None:
        """Ask for notifications, of all of public.orders when nothing else is said."""
        if match is None:
            match = [{"path": "public.orders", "fields": ["*"]}]
        spec = {"match": match, "channels": list(channels)}
        self.admin.run("SELECT integratedb_notify(%s, %s)", self.stakeholder, Jsonb(spec))

    def daemon(
        self,
        *options: str,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
    ) -> Daemon:
        """Start a daemon; a wrapper is a command that runs another."""
        log = self.directory / f"daemon{len(self.daemons)}.log"
        daemon = Daemon(
            self.cluster.dsn(self.database), self.slot, log, *options, environment=environment, wrapper=wrapper
        )
        self.daemons.append(daemon)
        return daemon.ready() if wait else daemon

    def insert(self, first: int, last: int) -> None:
        """Insert orders, one a transaction."""
        for number in range(first, last + 1):
            self.owner.run("INSERT INTO orders VALUES (%s, 'new')", number)

    def status(self) -> dict[str, str]:
        """Give integratedb_status()."""
        return dict(self.admin.rows("SELECT * FROM integratedb_status()"))

    def queued(self, channel: str) -> int:
        """Count what waits in the database for a channel."""
        return int(self.status()[f"channel {self.stakeholder}.{channel} queued"])


def order_ids(events: list[dict[str, Any]]) -> list[int]:
    """Give the ids of the orders that events are about."""
    return [(event["data"]["record"] or event["data"]["old"])["id"] for event in events]


def without_repeats(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop what a receiver would drop: events whose id it has seen."""
    return list({event["id"]: event for event in events}.values())

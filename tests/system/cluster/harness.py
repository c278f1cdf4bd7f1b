"""Nodes as real processes, made by the commands, and a writer that remembers what was acknowledged."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tests.support import Session
from tests.system.harness import ROOT, eventually, free_port
from tests.system.processes import run

PORTS = ("agent", "patroni", "etcd", "etcd-peer", "postgres")
ADDRESSES = {name: f"127.0.0.{number}" for number, name in enumerate("abcd", 1)}
DATABASE, ROLE, PASSWORD = "shop", "app", "app-password"


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A directory that the user of Postgres may enter, with a short path for sockets."""
    with tempfile.TemporaryDirectory(prefix="idb-cluster-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


class Nodes:
    """A cluster, and what its nodes keep in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = {name: free_port() for name in PORTS}
        #: Seconds of the steps, for the report at the end.
        self.took: dict[str, float] = {}

    def run(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "INTEGRATEDB_"))}
        config = {"PG_CONFIG": os.environ["PG_CONFIG"]} if "PG_CONFIG" in os.environ else {}
        done = run([str(one) for one in arguments], timeout_s=150, env=kept | config)
        if check:
            assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
        return done

    def cluster(self, *arguments: str | Path, node: str = "a", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of `integratedb cluster` on a node."""
        return self.run("cluster", *arguments, "--dir", self.home(node), check=check)

    def home(self, node: str) -> Path:
        """The directory of a node."""
        return self.directory / node

    def configuration(self) -> Path:
        """The file of the first node."""
        path = self.directory / "cluster.yaml"
        path.write_text(
            json.dumps(
                {
                    "name": "test",
                    "node": {"name": "a", "address": ADDRESSES["a"]},
                    "database": DATABASE,
                    "memory": "512MB",
                    "ports": self.ports,
                }
            )
        )
        return path

    def new(self, node: str) -> None:
        """Make the first node."""
        began_s = time.monotonic()
        self.run("cluster", "new", "--config", self.configuration(), "--dir", self.home(node))
        self.took[f"new {node}"] = time.monotonic() - began_s

    def token(self, *options: str, node: str = "a") -> str:
        """A token for a join."""
        return self.cluster("token", *options, node=node).stdout.strip()

    def join_options(self, node: str) -> list[str]:
        """What a joining node says about itself."""
        ports = [part for name, port in self.ports.items() for part in (f"--port-{name}", str(port))]
        return ["--name", node, "--address", ADDRESSES[node], "--memory", "512MB", *ports]

    def agent(self, node: str) -> str:
        """The address of an agent."""
        return f"{ADDRESSES[node]}:{self.ports['agent']}"

    def join(
        self, node: str, *options: str, token: str | None = None, to: str = "a", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Let a node join."""
        began_s = time.monotonic()
        given = ["--token", self.token(node=to)] if token is None else ["--token", token] if token else []
        done = self.cluster("join", self.agent(to), *given, *self.join_options(node), *options, node=node, check=check)
        self.took[f"join {node}"] = time.monotonic() - began_s
        return done

    def status(self, node: str = "a") -> dict[str, Any]:
        """What `integratedb cluster status` says."""
        found: dict[str, Any] = json.loads(self.cluster("status", "--json", node=node, check=False).stdout)
        return found

    def rows(self, node: str = "a") -> dict[str, dict[str, Any]]:
        """The nodes by name."""
        _, found = self.ask(node, "/status")
        return {row["name"]: row for row in found["nodes"]}

    def primary(self, node: str = "a") -> str:
        """The name of the primary."""
        _, found = self.ask(node, "/status")
        return str(found["primary"])

    def sync_standby(self) -> str:
        """The replica that may take over."""
        return next(name for name, row in self.rows().items() if row["sync"] == "sync")

    def settle(self) -> None:
        """Wait until all nodes take part, and one is the synchronous standby."""

        def is_settled() -> bool:
            try:
                _, found = self.ask("a", "/status")
            except OSError:
                return False
            rows = found["nodes"]
            return bool(
                found["well"]
                and all(row["answers"] for row in rows)
                and {row["state"] for row in rows if row["role"] == "replica"} == {"streaming"}
                and len({row["timeline"] for row in rows}) == 1
                and any(row["sync"] == "sync" for row in rows)
            )

        eventually(is_settled, timeout_s=60, message="all nodes are well")

    def tls(self, node: str = "a", *, proof: bool = True) -> ssl.SSLContext:
        """How a client verifies the agents; with the certificate of a node, or without."""
        tls = self.home(node) / "tls"
        context = ssl.create_default_context(cafile=str(tls / "ca.crt"))
        if proof:
            context.load_cert_chain(tls / "node.crt", tls / "node.key")
        return context

    def ask(
        self,
        node: str,
        path: str,
        *,
        port: str = "agent",
        method: str = "GET",
        body: Any = None,
        proof: bool = True,
        token: str | None = None,
        login: tuple[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Ask a part of a node over HTTPS."""
        url = f"https://{ADDRESSES[node]}:{self.ports[port]}{path}"
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        if login is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.tls(proof=proof)) as answer:
                said = answer.read()
                return answer.status, _read(said)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, _read(refusal.read())

    def secrets(self, node: str = "a") -> dict[str, str]:
        """The passwords and tokens."""
        return dict(json.loads((self.home(node) / "secrets.json").read_text()))

    def pid(self, node: str, part: str) -> int:
        """The process of etcd, Patroni, the agent or Postgres."""
        home = self.home(node)
        if part == "agent":
            return int((home / "agent.lock").read_text())
        if part == "postgres":
            return int((home / "postgres/data/postmaster.pid").read_text().split()[0])
        return int(json.loads((home / f"{part}.pid").read_text())["pid"])

    def kill(self, node: str, *parts: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill processes of a node at the same time."""
        for pid in [self.pid(node, part) for part in parts]:
            os.kill(pid, number)

    def dsn(self, *names: str, **parameters: str) -> str:
        """How an application connects to these nodes, all of them by default."""
        hosts = [ADDRESSES[name] for name in names or self.names()]
        given = {
            "host": ",".join(hosts),
            "port": ",".join([str(self.ports["postgres"])] * len(hosts)),
            "dbname": DATABASE,
            "user": ROLE,
            "password": PASSWORD,
            "sslmode": "verify-full",
            "sslrootcert": str(self.home("a") / "tls/ca.crt"),
            "connect_timeout": "2",
            "tcp_user_timeout": "3000",
        }
        return make_conninfo("", **{**given, **parameters})

    def names(self) -> list[str]:
        """The nodes that have a certificate."""
        return sorted(path.parent.parent.name for path in self.directory.glob("*/tls/node.crt"))

    def superuser(self) -> Session:
        """A session on the primary, with the certificate of a node."""
        tls = self.home("a") / "tls"
        dsn = self.dsn(
            user="postgres",
            password=self.secrets()["superuser"],
            sslcert=str(tls / "node.crt"),
            sslkey=str(tls / "node.key"),
            target_session_attrs="read-write",
        )
        return Session.open(conninfo=dsn)

    def make_application(self) -> None:
        """Create the role of an application, and the table of the writer."""
        with self.superuser() as session:
            session.run(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
            session.run("CREATE TABLE public.written (n bigint PRIMARY KEY)")
            session.run(f"GRANT INSERT, SELECT ON public.written TO {ROLE}")

    def processes(self, node: str | None = None) -> list[int]:
        """Everything that runs for a node, or for all."""
        found = []
        for path in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                pid = int(path.name)
                line = (path / "cmdline").read_bytes().decode(errors="replace")
                works_in = (path / "cwd").readlink()
                if pid != os.getpid() and f"{self.home(node) if node else self.directory}/" in f"{line}/{works_in}/":
                    found.append(pid)
        return found

    def start_agent(self, node: str) -> None:
        """Start the agent of a node that exists, as a second run of its command does."""
        if node == "a":
            self.run("cluster", "new", "--config", self.configuration(), "--dir", self.home(node))
        else:
            self.join(node, token="")

    def kill_all(self, node: str) -> None:
        """Kill everything on a node, the agent first: it would start again what ends."""
        with contextlib.suppress(OSError, ValueError):
            self.kill(node, "agent")
        for _ in range(50):
            left = self.processes(node)
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                return
            time.sleep(0.1)

    def end(self) -> None:
        """Kill everything, and keep the logs in .build/cluster."""
        for home in self.directory.iterdir():
            self.kill_all(home.name)
        kept = ROOT / ".build/cluster"
        shutil.rmtree(kept, ignore_errors=True)
        for log in self.directory.glob("*/log/*.log"):
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, kept / f"{log.parent.parent.name}-{log.name}")


class Writer:
    """Writes numbers, one a commit, wherever the primary is; it remembers those that were acknowledged."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self.acknowledged: list[int] = []
        #: When each was acknowledged.
        self._times: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Writer:
        with self._nodes.superuser() as session:
            self._next = int(session.value("SELECT coalesce(max(n), 0) + 1 FROM public.written"))
        self._thread.start()
        eventually(lambda: len(self.acknowledged) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _write(self) -> None:
        dsn = self._nodes.dsn(target_session_attrs="read-write")
        while not self._stop.is_set():
            try:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    while not self._stop.is_set():
                        number, self._next = self._next, self._next + 1
                        connection.execute("INSERT INTO public.written VALUES (%s)", [number])
                        self.acknowledged.append(number)
                        self._times.append(time.monotonic())
                        time.sleep(0.005)
            except psycopg.Error:
                time.sleep(0.05)

    def goes_on(self, timeout_s: float) -> None:
        """Wait until it writes again."""
        before = len(self.acknowledged)
        # More than what may be on its way.
        eventually(lambda: len(self.acknowledged) > before + 20, timeout_s=timeout_s, message="writes go on")

    @property
    def gap_s(self) -> float:
        """The longest time without an acknowledged commit."""
        return max(after - before for before, after in zip(self._times, self._times[1:], strict=False))

    def lost(self) -> set[int]:
        """The acknowledged commits that the present primary does not have."""
        with self._nodes.superuser() as session:
            found = {row[0] for row in session.rows("SELECT n FROM public.written")}
        return set(self.acknowledged) - found


def _read(said: bytes) -> Any:
    try:
        return json.loads(said)
    except ValueError:
        return said.decode()

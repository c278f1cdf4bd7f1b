"""Has Postgres judge parameters before any node gets them: Patroni takes any value, and nodes then use the default."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from integratedb_companion.common.outside_text import plain

from .versions import ConfigurationRefusedError

TIMEOUT_S = 60.0
#: What is different on each node, or for a server that nobody connects to.
NOT_TRIED = (
    "unix_socket_directories",
    "ssl",
    "ssl_cert_file",
    "ssl_key_file",
    "ssl_ca_file",
    "listen_addresses",
    "port",
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]{0,62}", re.ASCII)


def check(bindir: str, parameters: Mapping[str, str], *, start: bool) -> None:
    """Have the programs of this node's Postgres read the parameters; `start`: allocate what a server allocates, too.

    Error: ConfigurationRefusedError, with the words of Postgres.
    """
    for name in parameters:
        if _NAME.fullmatch(name) is None:
            raise ConfigurationRefusedError(f"{name[:60]!a} is not the name of a parameter")
    with tempfile.TemporaryDirectory(prefix="integratedb-scratch-") as directory:
        data = Path(directory) / "data"
        _run([f"{bindir}/initdb", "--pgdata", str(data), "--auth", "trust", "--no-sync", "--no-instructions"])
        given = [f"{name}={value}" for name, value in parameters.items() if name not in NOT_TRIED]
        options = [part for one in given for part in ("-c", one)]
        program = f"{bindir}/postgres"
        # Prints one parameter, after it has read all of them.
        _run([program, "-D", str(data), *options, "-C", "data_directory"])
        if start:
            _run(
                [
                    program,
                    "--single",
                    "-D",
                    str(data),
                    *options,
                    "-c",
                    f"unix_socket_directories={directory}",
                    "postgres",
                ]
            )


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S,
            check=False, cwd="/", env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        raise ConfigurationRefusedError(f"the parameters cannot be tried: {type(problem).__name__}") from None
    if done.returncode:
        raise ConfigurationRefusedError(_words(done.stderr))


def _words(said: str) -> str:
    """Return the first error of a program, without its time and process."""
    for line in said.splitlines():
        found = re.search(r"(?:FATAL|ERROR|PANIC|LOG):\s+(.*)|(?:initdb: error: )(.*)|(^postgres: .*)", line)
        if found and not line.startswith("LOG:  starting"):
            return plain(next(one for one in found.groups() if one))[:300]
    return plain(" ".join(said.split()))[:300] or "Postgres does not start"

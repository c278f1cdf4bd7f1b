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
_QUOTED = str.maketrans({"'": "''", "\\": "\\\\"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]{0,62}", re.ASCII)


def check(bindir: str, parameters: Mapping[str, str], *, start: bool) -> None:
    """Have the programs of this node's Postgres read the parameters; `start`: allocate what a server allocates, too.

    Error: ConfigurationRefusedError, with the words of Postgres.
    """
    for name in parameters:
        if _NAME.fullmatch(name) is None:
            raise ConfigurationRefusedError(f"{name[:60]!a} is not the name of a parameter")
    try:
        with tempfile.TemporaryDirectory(prefix="integratedb-scratch-") as directory:
            data = Path(directory) / "data"
            _run([f"{bindir}/initdb", "--pgdata", str(data), "--auth", "trust", "--no-sync", "--no-instructions"])
            # In a file that nobody else may read: a value may be a secret, and everybody sees the options of a program.
            with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
                file.writelines(
                    f"{name} = '{value.translate(_QUOTED)}'\n"
                    for name, value in parameters.items()
                    if name not in NOT_TRIED
                )
            program = f"{bindir}/postgres"
            # Prints one parameter, after it has read all of them.
            _run([program, "-D", str(data), "-C", "data_directory"])
            if start:
                _run([program, "--single", "-D", str(data), "-c", f"unix_socket_directories={directory}", "postgres"])
    except OSError as problem:  # as of a full disk
        raise ConfigurationRefusedError(f"the parameters cannot be tried: {problem.strerror}") from None


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            cwd="/",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        raise ConfigurationRefusedError(f"the parameters cannot be tried: {type(problem).__name__}") from None
    if done.returncode:
        raise ConfigurationRefusedError(_words(done.stderr))


def _words(said: str) -> str:
    """Return the first error of a program, without its time and process."""
    for line in said.splitlines():
        found = re.search(r"(?:FATAL|ERROR|PANIC|LOG):\s+(.*)|(?:initdb: error: )(.*)|(^postgres: .*)", line)
        if found and not line.startswith("LOG:  starting"):
            said_of = next(one for one in found.groups() if one)
            return plain(re.sub(r' in file ".*" line \d+$', "", said_of))[:300]
    return plain(" ".join(said.split()))[:300] or "Postgres does not start"

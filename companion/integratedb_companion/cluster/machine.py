"""Finds what a node needs on its machine: programs, versions, memory, free ports, the user that runs Postgres."""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from integratedb_companion.common.errors import STATUS_USAGE, CommandError
from integratedb_companion.common.server_programs import find_programs
from integratedb_companion.supervisor import launch
from integratedb_companion.supervisor.launch import Owner

from .layout import Layout
from .settings import Settings

OLDEST_PATRONI = (4, 1, 3)
OLDEST_ETCD = (3, 4)


def become_owner(layout: Layout) -> None:
    """Become the user that runs Postgres, if this is root; the directory is made for that user. Error: CommandError."""
    owner = Owner.find()
    if owner is None:
        return
    probe = [sys.executable, "-c", "import integratedb_companion.cluster.agent, patroni"]
    if not launch.succeeds(probe, os.environ, owner):
        raise CommandError(
            f"user {owner.name}, who runs Postgres for root, may not read {sys.prefix}, where this program is",
            hint="Install it into /opt, such as by python3 -m venv /opt/integratedb.",
        )
    if not layout.path.exists():
        # Others may enter the directories above it, and nobody else the directory itself.
        umask = os.umask(0o022)
        try:
            layout.path.parent.mkdir(parents=True, exist_ok=True)
            layout.path.mkdir(0o700)
            os.chown(layout.path, owner.uid, owner.gid, follow_symlinks=False)
        except OSError as problem:
            raise CommandError(f"{layout.path}: {problem.strerror}", hint="--dir names another directory.") from None
        finally:
            os.umask(umask)
    os.setgroups([])
    os.setgid(owner.gid)
    os.setuid(owner.uid)
    os.environ.update(HOME="/", USER=owner.name, LOGNAME=owner.name)
    os.chdir("/")


def programs(bindir: str) -> tuple[str, str]:
    """Return the directory of Postgres' programs, and the program of etcd. Error: CommandError."""
    _check_patroni()
    found = find_programs(bindir or None)
    etcd = shutil.which("etcd", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/local/bin")
    if etcd is None:
        raise CommandError(
            "etcd is not installed here",
            status=STATUS_USAGE,
            hint="Debian, Ubuntu: apt-get install etcd-server; then systemctl disable --now etcd.",
        )
    said = subprocess.run([etcd, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"etcd Version: (\d+)\.(\d+)", said)
    if match is None or (int(match[1]), int(match[2])) < OLDEST_ETCD:
        raise CommandError(f"{etcd} is older than etcd 3.4", status=STATUS_USAGE, hint="Install a newer one.")
    return str(found), etcd


def _check_patroni() -> None:
    try:
        version = importlib.metadata.version("patroni")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) < OLDEST_PATRONI:
        raise CommandError(
            f"Patroni is {f'{version}, which is too old' if version else 'not installed'}",
            status=STATUS_USAGE,
            hint="pip install 'integratedb[cluster]' brings 4.1.3 or newer.",
        )


@functools.cache
def versions(bindir: str) -> Mapping[str, str]:
    """Return the versions of Postgres and of the extension: the same on all nodes. Error: CommandError."""
    said = subprocess.run([f"{bindir}/postgres", "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"(\d+)", said)
    share = _share(Path(bindir))
    try:
        control = (share / "extension" / "integratedb.control").read_text()
    except OSError:
        raise CommandError(
            f"the extension is not installed for the Postgres in {bindir}",
            status=STATUS_USAGE,
            hint=f"make install PG_CONFIG={bindir}/pg_config",
        ) from None
    found = re.search(r"default_version *= *'([^']+)'", control)
    return {"Postgres": match[1] if match else "", "integratedb": found[1] if found else ""}


def _share(bindir: Path) -> Path:
    with contextlib.suppress(OSError):
        asked = subprocess.run([bindir / "pg_config", "--sharedir"], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return Path(asked.stdout.strip())
    # As Debian lays it out, whose server alone has no pg_config.
    return Path("/usr/share/postgresql") / bindir.parent.name


def memory_bytes() -> int:
    """Return the memory that this machine or container may use."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with contextlib.suppress(OSError, ValueError):
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(found)


def host_name() -> str:
    """Return this machine's name, as a node may have it."""
    return re.sub("[^a-z0-9-]", "-", socket.gethostname().partition(".")[0].lower()).strip("-")[:40] or "node"


def resolved(address: str) -> str:
    """Return the address of a host name. Error: CommandError."""
    try:
        return str(socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as problem:
        raise CommandError(
            f"{address} has no address: {problem.strerror}",
            status=STATUS_USAGE,
            hint="--address names an address of this machine, or a name that leads to one.",
        ) from None


def check_ports(settings: Settings) -> None:
    """Refuse ports that are taken, and addresses of other machines. Error: CommandError, which names the option."""
    for name, port in asdict(settings.ports).items():
        option = name.replace("_", "-")
        try:
            family, kind, _, _, address = socket.getaddrinfo(settings.address, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"port {port} of {settings.address}, that of {option}, is taken",
                    hint=f"--port-{option} PORT gives it another one.",
                ) from None
            raise CommandError(
                f"{settings.address} cannot be used: {problem.strerror}",
                status=STATUS_USAGE,
                hint="--address names an address of this machine.",
            ) from None

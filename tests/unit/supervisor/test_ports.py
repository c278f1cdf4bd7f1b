"""The port of a new Postgres, which is chosen seconds before Postgres listens there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from integratedb_companion.supervisor import postgres
from integratedb_companion.supervisor.directory import Directory
from integratedb_companion.supervisor.postgres import Server

Servers = tuple[Server, Server]


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """Two first starts at once."""
    monkeypatch.setattr(postgres, "find_programs", lambda _: tmp_path)
    directories = Directory(tmp_path / "one"), Directory(tmp_path / "two")
    servers = Server(directories[0], None, None), Server(directories[1], None, None)
    for directory, server in zip(directories, servers, strict=True):
        directory.path.mkdir()
        server.prepare(None)
    yield servers
    for server in servers:
        server.release()


def test_two_first_starts_at_once_choose_different_ports(prepared: Servers) -> None:
    one, two = prepared
    assert one.port in postgres.PORTS
    assert two.port in postgres.PORTS
    assert one.port != two.port


def test_postgres_may_listen_where_its_start_has_reserved(prepared: Servers) -> None:
    one, _ = prepared
    # As Postgres does, create_server sets SO_REUSEADDR.
    with socket.create_server(("127.0.0.1", one.port)):
        one.release()
        assert not postgres.port_is_free("127.0.0.1", one.port)

"""The directory: who has it, what is kept in it, what is ready."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import threading
from pathlib import Path

import psycopg
import pytest
from psycopg import pq

from integratedb_companion.common.errors import CommandError
from integratedb_companion.supervisor import holder, postgres
from integratedb_companion.supervisor.database import Database
from integratedb_companion.supervisor.directory import Directory


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """A directory that does not exist yet, and neither does the one above."""
    return Directory(tmp_path / "above" / "data")


def test_nobody_holds_a_directory_before_and_after_a_claim(directory: Directory) -> None:
    assert directory.holder() is None
    with directory.claimed():
        held = directory.holder()
        assert held is not None
        assert held["pid"] == os.getpid()
    assert directory.holder() is None
    assert directory.lock.read_bytes() == b""


def test_a_claimed_directory_is_refused_to_others(directory: Directory) -> None:
    words = f"in use: .* pid {os.getpid()}, since 20"
    with directory.claimed(), pytest.raises(CommandError, match=words), Directory(directory.path).claimed():
        pass


def test_what_a_killed_holder_has_written_means_nothing(directory: Directory) -> None:
    with directory.claimed():
        pass
    directory.lock.write_text('{"pid": 1, "since": "long ago"}')
    assert directory.holder() is None
    with directory.claimed():
        pass


def test_a_file_is_private_and_replaced_as_a_whole(directory: Directory) -> None:
    with directory.claimed():
        directory.write(directory.passwords, {"root": "one"})
        before = directory.passwords.stat().st_ino
        directory.write(directory.passwords, {"root": "two"})
        assert directory.read(directory.passwords) == {"root": "two"}
        assert directory.passwords.stat().st_ino != before
        assert stat.S_IMODE(directory.passwords.stat().st_mode) == 0o600
        assert sorted(path.name for path in directory.path.iterdir()) == ["lock", "passwords.json"]


def test_what_a_killed_holder_was_writing_is_removed(directory: Directory) -> None:
    directory.path.mkdir(parents=True)
    directory.lock.touch()
    for name in (".passwords.json.h2sscrrt", ".env.abcdefgh", ".kept"):
        (directory.path / name).write_text("secret")
    with directory.claimed():
        assert sorted(path.name for path in directory.path.iterdir()) == [".kept", "lock"]


def test_a_file_that_is_not_json_is_named(directory: Directory) -> None:
    with directory.claimed():
        directory.settings.write_text("{")
        with pytest.raises(CommandError, match=r"settings.json: not JSON"):
            directory.read(directory.settings)


def test_only_root_lets_others_go_through_the_directory(directory: Directory) -> None:
    with directory.claimed():
        assert stat.S_IMODE(directory.path.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
        assert stat.S_IMODE(directory.path.parent.stat().st_mode) == 0o755


def part(name: str, *, ready: bool) -> dict[str, object]:
    return {"name": name, "ready": ready, "pid": 1, "ready_url": None}


@pytest.mark.parametrize(
    ("parts", "ready"),
    [
        ([], False),
        ([part("postgres", ready=True)], False),
        ([part("postgres", ready=True), part("serve", ready=True)], True),
        ([part("postgres", ready=False), part("serve", ready=True)], False),
    ],
)
def test_all_is_ready_when_the_last_part_is_among_the_ready_ones(
    directory: Directory, parts: list[dict[str, object]], ready: bool
) -> None:
    with directory.claimed():
        directory.write(directory.parts, {"parts": parts})
        assert holder.status(directory)["ready"] is ready
    assert holder.status(directory)["ready"] is False


def hold(directory: Directory, content: str) -> int:
    """Hold the lock as its owner does, with this content; return the descriptor."""
    descriptor = os.open(directory.lock, os.O_RDWR | os.O_TRUNC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, content.encode())
    return descriptor


def test_nobody_else_can_lock_the_directory(directory: Directory) -> None:
    with directory.claimed():
        pass
    directory.lock.chmod(0o644)  # as earlier versions did
    with directory.claimed():
        assert stat.S_IMODE(directory.lock.stat().st_mode) == 0o600


@pytest.mark.parametrize("pid", ["-1", "0", '"7"', "[1]", "1.5", "-{own}"])
def test_what_a_foreign_directory_says_chooses_no_process_to_signal(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, pid: str
) -> None:
    signalled: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: signalled.append(pid))
    with directory.claimed():
        pass
    descriptor = hold(directory, f'{{"pid": {pid.replace("{own}", str(os.getpid()))}}}')
    with pytest.raises(CommandError, match="does not say by whom"):
        holder.stop(directory)
    assert signalled == []
    os.close(descriptor)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root signals the processes of others")
def test_root_stops_no_process_that_is_not_of_the_owner_of_the_directory(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    signalled: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: signalled.append(pid))
    with directory.claimed():
        pass
    os.chown(directory.path, 65_534, 65_534)
    descriptor = hold(directory, f'{{"pid": {os.getpid()}}}')
    with pytest.raises(CommandError, match="not of the user whose directory it is"):
        holder.stop(directory)
    assert signalled == []
    os.close(descriptor)


@pytest.mark.parametrize("kind", ["pipe", "link", "list"])
def test_a_lock_that_is_none_is_refused_at_once(directory: Directory, kind: str, tmp_path: Path) -> None:
    directory.path.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(directory.lock)
        assert directory.holder() is None
    elif kind == "link":
        directory.lock.symlink_to(tmp_path / "elsewhere")
        for act in (directory.holder, directory.claimed().__enter__):
            with pytest.raises((CommandError, OSError)):
                act()
        assert not (tmp_path / "elsewhere").exists()
    else:
        directory.lock.write_text("[1]")
        descriptor = hold(directory, "[1]")
        assert directory.holder() == {}
        os.close(descriptor)


def test_the_configuration_is_appended_to_a_file_of_the_cluster_only(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    for replace in (os.symlink, os.link, lambda _, path: os.mkfifo(path)):
        victim.write_text("")
        path = tmp_path / "postgresql.conf"
        replace(victim, path)
        with pytest.raises(CommandError):
            postgres._append(path, "text")
        assert victim.read_text() == ""
        path.unlink()
    path.write_text("old\n")
    postgres._append(path, "new\n")
    assert path.read_text() == "old\nnew\n"


@pytest.mark.skipif(pq.version() < 160_000, reason="libpq shows a password to every server")
def test_a_password_is_not_told_to_whoever_listens_on_the_port_of_a_postgres_that_is_down(directory: Directory) -> None:
    heard: list[bytes] = []

    def ask(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            first = connection.recv(1000)
            while first[4:8] in (b"\x04\xd2\x16/", b"\x04\xd2\x160"):  # wants TLS or GSSAPI
                connection.sendall(b"N")
                first = connection.recv(1000)
            connection.sendall(b"R\0\0\0\x08\0\0\0\x03")  # tell me the password
            heard.append(connection.recv(1000))

    with directory.claimed(), socket.create_server(("127.0.0.1", 0)) as listener:
        database = Database(directory, is_ours=True)
        port = str(listener.getsockname()[1])
        database.parameters = {"host": "127.0.0.1", "port": port, "dbname": "main"}
        thread = threading.Thread(target=ask, args=(listener,))
        thread.start()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(database.dsn("serve"), connect_timeout=5)
        thread.join()
    assert heard == [b""]

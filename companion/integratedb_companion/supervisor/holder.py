"""Stops the supervisor of a directory, and tells what it runs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from integratedb_companion.common.errors import CommandError

from .directory import Directory
from .parts import LAST, unready

#: Longer than all parts may take together.
STOP_S = 150.0


def stop(directory: Directory) -> int | None:
    """Stop the supervisor, wait until it has ended, and return its pid; None: it does not run. Error: CommandError."""
    holder = directory.holder()
    if holder is None:
        return None
    pid = holder.get("pid")
    # The file is that of whoever made the directory, who must not choose what root signals: 0 and -1 are everybody.
    if not isinstance(pid, int) or pid < 1:
        raise CommandError(f"{directory.path} is in use, and {directory.lock} does not say by whom")
    _check_owner(directory, pid)
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        raise CommandError(f"process {pid} belongs to another user", hint="Run this as that user or as root.") from None
    except ProcessLookupError:
        raise CommandError(f"there is no process {pid} here", hint="It may run in another container.") from None
    deadline = time.monotonic() + STOP_S
    while (now := directory.holder()) is not None and now.get("pid") == pid:
        if time.monotonic() > deadline:
            raise CommandError(f"process {pid} has not ended within {STOP_S:.0f} s")
        time.sleep(0.1)
    return pid


def _check_owner(directory: Directory, pid: int) -> None:
    """Refuse to signal a process of another user than the directory's. Error: CommandError."""
    try:
        process, owner = Path(f"/proc/{pid}").stat().st_uid, directory.path.stat().st_uid
    except OSError:  # no such process, or no /proc
        return
    if process != owner:
        raise CommandError(
            f"{directory.lock} names process {pid}, which is not of the user whose directory it is",
            hint="Whoever owns the directory stops what runs there.",
        )


def status(directory: Directory) -> dict[str, Any]:
    """Return who holds the directory, and its parts; each is asked whether it is ready."""
    holder = directory.holder()
    if holder is None:
        return {"data": str(directory.path), "pid": None, "since": None, "ready": False, "parts": []}
    parts = directory.read(directory.parts).get("parts", [])
    for part in parts:
        if part["pid"] is not None and part["ready_url"] is not None:
            part["problem"] = unready(part["ready_url"])
            part["ready"] = part["problem"] is None
    return {
        "data": str(directory.path),
        "pid": holder.get("pid"),
        "since": holder.get("since"),
        # Before the last part was started, the others are not all of it.
        "ready": all(part["ready"] for part in parts) and any(part["name"] == LAST for part in parts),
        "parts": parts,
    }

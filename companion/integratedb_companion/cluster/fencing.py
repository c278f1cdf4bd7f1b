"""Stops a primary whose Patroni does not come back, and gives its key back before the key ends by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

from .etcd import Etcd, EtcdError
from .nodes import Keys
from .processes import Part
from .settings import Settings

log = logging.getLogger(__name__)

#: How long Patroni may fail to start. The shortest ttl is 20 s, and Postgres must have ended before the key does.
PATIENCE_S = 6.0
TICK_S, STOP_S = 0.5, 5.0


async def watch(part: Part, etcd: Etcd, settings: Settings, data: Path, is_paused: Callable[[], bool]) -> None:
    """Look every half second whether Patroni fails, until cancelled.

    Without Patroni nobody demotes this Postgres when another node becomes the primary. So it is stopped first. While
    Patroni is paused, no other node becomes the primary.
    """
    keys = Keys(settings.cluster)
    while True:
        await asyncio.sleep(TICK_S)
        if part.failing_s < PATIENCE_S or is_paused() or not (data / "postmaster.pid").exists():
            continue
        log.error("Patroni does not come back: stopping Postgres", extra={"failing_s": round(part.failing_s, 1)})
        if not await asyncio.to_thread(_stop, settings.bindir, data):
            continue
        with contextlib.suppress(EtcdError):
            leader = (await etcd.snapshot(keys.leader())).get(keys.leader())
            if leader is not None and leader.value == settings.name:
                await etcd.swap({keys.leader(): leader.revision}, {}, [keys.leader()])
                log.warning("the key of the primary is given back")


def _stop(bindir: str, data: Path) -> bool:
    """Whether Postgres has ended: what is committed stays in both ways."""
    for mode in ("fast", "immediate"):
        command = [f"{bindir}/pg_ctl", "stop", "-D", str(data), "-m", mode, "-w", "-t", str(int(STOP_S))]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode == 0 or not (data / "postmaster.pid").exists():
            return True
    return False

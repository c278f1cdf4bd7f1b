"""Holds what the parts of the application share."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request

from integratedb_companion.http.bodies import Bodies
from integratedb_companion.http.metrics import Metrics
from integratedb_companion.http.rooms import Room

from .monitoring import History
from .passwords import Passwords
from .pool import DatabasePool
from .preview import Preview
from .settings import Settings

#: How long a request waits while its user has too many requests under way.
WORK_WAIT_S = 20


@dataclass(frozen=True, slots=True)
class Services:
    """The shared objects of the process."""

    settings: Settings
    database: DatabasePool
    preview: Preview | None
    work: Room
    bodies: Bodies = field(default_factory=Bodies.make)
    passwords: Passwords = field(default_factory=Passwords)
    metrics: Metrics = field(default_factory=Metrics)
    history: History = field(default_factory=History)

    @classmethod
    def make(cls, settings: Settings) -> Services:
        """Create the services, without connecting."""
        preview = None if settings.preview_dsn is None else Preview(settings.preview_dsn)
        # Two connections are reserved for logins, /ready and authentication; one user may take half of the others.
        connections = settings.connections
        work = Room(max(1, connections - 2), max(1, connections // 2), WORK_WAIT_S)
        return cls(settings, DatabasePool(settings.dsn, connections), preview, work)

    async def open(self) -> None:
        """Connect; raises ConfigurationError if the configuration is wrong."""
        await self.database.open()
        if self.preview is not None:
            await self.preview.check()

    async def close(self) -> None:
        """Disconnect."""
        await self.database.close()


def services(request: Request) -> Services:
    """Return the services of a request, from the state of its application part."""
    found: Services = request.app.state.services
    return found

"""What the parts of the application share."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request

from integratedb_companion.http.bodies import Bodies
from integratedb_companion.http.metrics import Metrics
from integratedb_companion.http.rooms import Room

from .passwords import Passwords
from .pool import Database
from .preview import Preview
from .settings import Settings

#: How long a request of a user waits for those that the same user has under way.
WORK_WAIT_S = 20


@dataclass(frozen=True, slots=True)
class Services:
    """One of each for the process."""

    settings: Settings
    database: Database
    preview: Preview | None
    work: Room
    bodies: Bodies = field(default_factory=Bodies.make)
    passwords: Passwords = field(default_factory=Passwords)
    metrics: Metrics = field(default_factory=Metrics)

    @classmethod
    def make(cls, settings: Settings) -> Services:
        """Make them; nothing is connected yet."""
        preview = None if settings.preview_dsn is None else Preview(settings.preview_dsn)
        # Connections are left for logins, for /ready, and for finding out who is asking; and half of them for others.
        connections = settings.connections
        work = Room(max(1, connections - 2), max(1, connections // 2), WORK_WAIT_S)
        return cls(settings, Database(settings.dsn, connections), preview, work)

    async def open(self) -> None:
        """Connect; raises ConfigurationError where that cannot work."""
        await self.database.open()
        if self.preview is not None:
            await self.preview.check()

    async def close(self) -> None:
        """Disconnect."""
        await self.database.close()


def services(request: Request) -> Services:
    """Give them to a request; the application of each part has them in its state."""
    found: Services = request.app.state.services
    return found

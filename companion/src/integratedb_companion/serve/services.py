"""What the parts of the application share."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request

from .database import Database
from .metrics import Metrics
from .passwords import Passwords
from .preview import Preview
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """One of each for the process."""

    settings: Settings
    database: Database
    preview: Preview | None
    passwords: Passwords = field(default_factory=Passwords)
    metrics: Metrics = field(default_factory=Metrics)

    @classmethod
    def make(cls, settings: Settings) -> Services:
        """Make them; nothing is connected yet."""
        preview = None if settings.preview_dsn is None else Preview(settings.preview_dsn)
        return cls(settings, Database(settings.dsn, settings.connections), preview)

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

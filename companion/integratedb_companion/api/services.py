"""Holds what the requests of one worker share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from integratedb.query.reading import read
from integratedb.query.surface import Surface

from . import transaction
from .authentication import Authentication
from .cross_origin import CrossOrigin
from .execution import Executor, Watch
from .faces import Faces
from .key_sets import KeySet
from .keys import read_all
from .metrics import Metrics
from .oauth import OAuth
from .own_keys import OwnKeys
from .page import Page
from .pool import Pool
from .settings import Settings
from .surfaces import Surfaces
from .tokens import Rules, Tokens

METRICS_EVERY_S = 2.0


class Services:
    """The shared objects of one worker."""

    def __init__(self, settings: Settings, secret: bytes, pool: Pool | None = None) -> None:
        """``secret`` signs the tokens that the service gives, where the database has no key for it."""
        self.settings = settings
        self.pool = pool or Pool(
            settings.dsn,
            settings.connections,
            settings.connection_timeout_s,
            prepares=settings.prepare,
            commit_timeout_s=settings.statement_timeout_s,
        )
        rules = Rules(
            role_claim=settings.role_claim,
            audience=settings.audience,
            issuer=settings.issuer_claim,
            needs_expiry=not settings.allow_no_expiry,
            anonymous=settings.anonymous,
        )
        self.tokens = Tokens(
            rules,
            read_all(settings.jwt_secrets, is_base64=settings.jwt_secret_base64),
            settings.token_cache,
        )
        self.own_keys = OwnKeys(settings.dsn, secret, self.tokens.replace_own)
        self.key_set = None
        if settings.jwks_url is not None or settings.issuer is not None:
            self.key_set = KeySet(settings.jwks_url, settings.issuer, self.tokens.replace_fetched)
        self.authentication = Authentication(
            self.tokens, [one for one in (self.own_keys, self.key_set) if one is not None], settings.anonymous
        )
        self.cross_origin = CrossOrigin(settings.cors_origins)
        self.metrics = Metrics()
        self.page = Page(settings)
        self.oauth = OAuth(settings, self.pool, self.own_keys)
        self.surfaces = Surfaces(self.pool, settings.schemas, self._read_surface)
        self.executor = Executor(
            self.pool,
            self.surfaces,
            before_role=transaction.service_settings(settings),
            pre_request=transaction.pre_request(settings.pre_request),
            opened=self.metrics.opened,
        )
        self.faces = Faces(settings, self.executor)
        self._tasks: list[asyncio.Task[Any]] = []

    def _read_surface(self, rows: Iterable[Any]) -> Surface:
        self.metrics.surfaces_read.inc()
        return read(rows)

    def watch(self) -> Watch:
        """Return what follows one request."""
        return Watch()

    async def open(self) -> None:
        """Start what goes on beside requests."""
        self._tasks.append(asyncio.create_task(self.pool.keep()))
        self._tasks.append(asyncio.create_task(self._show()))
        await self.own_keys.refresh()
        self._tasks.append(asyncio.create_task(self.own_keys.keep()))
        if self.key_set is not None:
            self._tasks.append(asyncio.create_task(self.key_set.keep()))

    async def _show(self) -> None:
        while True:
            self.metrics.connections(self.pool.open, self.pool.idle)
            await asyncio.sleep(METRICS_EVERY_S)

    async def close(self) -> None:
        """Stop it, and disconnect."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.metrics.write()
        self.pool.close()

"""Memberships of roles, which the version of a surface does not count."""

from __future__ import annotations

import asyncio

import pytest

from integratedb.query.reading import read
from integratedb_companion.api import surfaces
from integratedb_companion.api.pool import Pool
from tests.system.api.harness import LOGIN, Place, unique


def test_a_surface_follows_memberships(fresh: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    group = unique("group")
    fresh.superuser.run(f"CREATE ROLE {group}")
    fresh.superuser.run(f"GRANT SELECT ON notes TO {group}")

    async def run() -> None:
        pool = Pool(fresh.dsn, 2, 10, prepares=True)
        known = surfaces.Surfaces(pool, ("public",), read)

        async def sees(name: str) -> bool:
            return ("public", name) in (await known.of(fresh.anonymous)).surface.relations

        async def follows(*, is_seen: bool) -> None:
            async with asyncio.timeout(20):
                while await sees("notes") is not is_seen:
                    await asyncio.sleep(0.05)

        first = await known.of(fresh.anonymous)
        assert not await sees("notes")
        fresh.superuser.run(f"GRANT {group} TO {fresh.anonymous}")
        assert not await sees("notes")
        monkeypatch.setattr(surfaces, "MAX_AGE_S", 0.0)
        await follows(is_seen=True)
        second = await known.of(fresh.anonymous)
        await asyncio.sleep(0.5)
        # Without a change, the surface and its statements are kept.
        assert await known.of(fresh.anonymous) is second is not first
        fresh.superuser.run(f"REVOKE {group} FROM {fresh.anonymous}")
        await follows(is_seen=False)
        fresh.superuser.run(f"REVOKE {fresh.anonymous} FROM {LOGIN}")
        with pytest.raises(surfaces.RoleError):
            await follows(is_seen=True)
        pool.close()

    asyncio.run(run())
    fresh.superuser.run(f"DROP OWNED BY {group}; DROP ROLE {group}")

"""Bodies in batches: whole lines, whatever the portions are in which they come."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from integratedb.query.faces.url.comma_separated import parse_csv
from integratedb_companion.api import lines
from integratedb_companion.api.messages import Head, Request


def batches(kind: str, portions: list[bytes]) -> list[lines.Batch]:
    request = Request("POST", "/x", b"/x", "", Head([(b"content-type", kind.encode())]))
    left = list(portions)

    async def receive() -> dict[str, Any]:
        portion = left.pop(0)
        return {"type": "http.request", "body": portion, "more_body": bool(left)}

    async def read() -> list[lines.Batch]:
        reading = lines.Lines(request, receive, 1 << 20)
        found = []
        while (batch := await reading.next()) is not None:
            found.append(batch)
        return found

    return asyncio.run(read())


def cut(text: bytes, chosen: random.Random) -> list[bytes]:
    ends = sorted(chosen.choices(range(len(text) + 1), k=chosen.randrange(8)))
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


@pytest.mark.parametrize("seed", range(300))
def test_csv_is_cut_between_its_lines(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chosen = random.Random(seed)
    monkeypatch.setattr(lines, "BATCH_BYTES", chosen.randrange(1, 30))
    fields = ("a", "", '"b"', '"c""d"', '"e\nf"', '"\n\n"', '"g,h"')
    rows = [",".join(chosen.choices(fields, k=2)) + chosen.choice(["\n", "\r\n", "\n\n"]) for _ in range(9)]
    text = '\nx,"y\nz"\n' + "".join(rows)
    made = batches("text/csv", cut(text.encode(), chosen))
    keys, wanted = parse_csv(text)
    found = [parse_csv(batch.content.decode(), batch.first_line) for batch in made]
    assert [row for _, part in found for row in part] == wanted
    assert {part for part, _ in found} == {keys} == {("x", "y\nz")}
    for batch in made[1:]:
        # The number of its first line, of which the header is none.
        own = batch.content.decode().removeprefix('x,"y\nz"\n')
        assert text.split("\n")[batch.first_line + 1 :][: own.count("\n")] == own.split("\n")[:-1]


@pytest.mark.parametrize("seed", range(50))
def test_ndjson_is_cut_between_its_lines(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chosen = random.Random(seed)
    monkeypatch.setattr(lines, "BATCH_BYTES", chosen.randrange(1, 30))
    text = b"".join(b"\n" * chosen.randrange(3) + b'{"a": %d}\n' % number for number in range(20))
    made = batches("application/x-ndjson", cut(text, chosen))
    assert b"".join(batch.content for batch in made).split() == text.split()
    for batch in made:
        own = batch.content.split(b"\n")[:-1]
        assert text.split(b"\n")[batch.first_line - 1 :][: len(own)] == own

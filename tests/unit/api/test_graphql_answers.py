"""Answers about schemas are remembered, compressed, in bounded memory."""

from __future__ import annotations

import json
import zlib

import pytest

from integratedb_companion.api.graphql_answers import Answer, Answers, takes_gzip
from integratedb_companion.api.graphql_requests import GRAPHQL
from integratedb_companion.api.messages import Head, Request

LONG = json.dumps({"names": [str(number) for number in range(50_000)]}).encode()


def request(accept: str | None) -> Request:
    headers = [] if accept is None else [(b"accept-encoding", accept.encode())]
    made = Request.__new__(Request)
    made.head = Head(headers)
    return made


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        (None, False), ("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0, *", False), ("*, gzip;q=0.000", False),
        ("*", True), ("identity", False), ("", False), ("br", False),
    ],
)  # fmt: skip
def test_a_client_that_takes_gzip_gets_it(accept: str | None, takes: bool) -> None:
    assert takes_gzip(accept) is takes
    response = Answer([LONG.decode()]).response(GRAPHQL, request(accept))
    assert ((b"content-encoding", b"gzip") in response.headers) is takes
    assert (b"vary", b"Accept-Encoding") in response.headers
    body = zlib.decompress(response.body, 31) if takes else response.body
    assert json.loads(body) == {"data": json.loads(LONG)}


def test_a_short_answer_is_sent_as_it_is() -> None:
    response = Answer(["{", "}"]).response(GRAPHQL, request("gzip"))
    assert response.body == b'{"data":{}}'
    assert b"content-encoding" not in dict(response.headers)


def test_the_answers_asked_for_longest_ago_are_forgotten() -> None:
    answers = Answers(most_bytes=1000)
    for number in range(10):
        answers.keep(number, Answer(["x" * 300]))
        answers.get(0)
    assert [number for number in range(10) if answers.get(number)] == [0, 8, 9]
    answers.keep(9, Answer(["x" * 400]))
    assert answers.get(8) is not None
    answers.keep("large", Answer(["x" * 2000]))
    assert [key for key in (0, 8, 9, "large") if answers.get(key)] == []
    answers.keep(1, Answer(["x" * 1000]))
    assert answers.get(1) is not None

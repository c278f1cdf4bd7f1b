"""What a hostile peer may try below the requests: bodies that end early, chunks that are none, other encodings."""

from __future__ import annotations

import pytest

from tests.system.api.harness import Api, Place, unique
from tests.system.harness import eventually

JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n{}\r\n0\r\n\r\n", b"1\r\n{\r\nzz\r\n", b"-1\r\n{}\r\n", b"2\r\n{}oops\r\n0\r\n\r\n", b"f" * 17 + b"\r\n"],
    ids=["no number", "no number later", "negative", "longer than it says", "huge"],
)
@pytest.mark.parametrize("path", ["/notes", "/query", "/graphql", "/rpc/setting", "/oauth/token"])
def test_a_body_in_malformed_chunks_is_400(api: Api, place: Place, path: str, body: bytes) -> None:
    peer = api.raw("POST", path, JSON, CHUNKED, body=body, role=place.user)
    answer = peer.answer()
    assert answer.startswith("HTTP/1.1 400 ")
    assert "connection: close" in answer.lower()


def test_a_stream_in_malformed_chunks_is_400_and_inserts_nothing(api: Api, place: Place) -> None:
    mark = unique("mark")
    lines = b'{"body":"%s"}\n' % mark.encode() * 40_000
    body = b"%x\r\n" % len(lines) + lines + b"\r\nzz\r\n"
    kind = "Content-Type: application/x-ndjson"
    peer = api.raw("POST", "/notes", kind, CHUNKED, body=body, role=place.user, sub="ann")
    assert peer.answer().startswith("HTTP/1.1 400 ")
    assert place.superuser.value("SELECT count(*) FROM notes WHERE body = %s", mark) == 0


@pytest.mark.parametrize("path", ["/notes", "/query"])
def test_a_client_that_goes_in_the_middle_of_its_body_is_no_error(api: Api, place: Place, path: str) -> None:
    before = len(api.logs())
    peer = api.raw("POST", path, JSON, "Content-Length: 100", body=b"{", role=place.user)
    peer.connection.close()

    def noted() -> bool:
        return any(entry["message"] == "request" and entry["status"] in (400, 499) for entry in api.logs()[before:])

    eventually(noted)
    assert not [entry for entry in api.logs()[before:] if entry["level"] in ("error", "warning")]


#: In UTF-16, a byte of the first character is that of a quotation mark, so what follows looked like a text.
HIDDEN = '["\u2200",' + "[" * 2_000 + "]" * 2_000 + ',"\u2200"]'


@pytest.mark.parametrize("path", ["/notes", "/query", "/graphql"])
@pytest.mark.parametrize("text", ['{"query": {"from": "people"}}', HIDDEN], ids=["flat", "deep"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_json_in_another_encoding_is_refused(api: Api, place: Place, path: str, text: str, encoding: str) -> None:
    answer = api.send(
        "POST", path, text.encode(encoding), role=place.user, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert "JSON" in answer.text or "json" in answer.text

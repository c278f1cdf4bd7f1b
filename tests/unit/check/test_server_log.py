"""The server's log tells of claims that were broken."""

from __future__ import annotations

import json

from integratedb_companion.check.server_log import Refusal, refusals


def entry(message: str, detail: str, code: str = "01000") -> str:
    return json.dumps({"error_severity": "WARNING", "state_code": code, "message": message, "detail": detail})


def test_the_log_tells_what_was_let_through_and_what_was_refused() -> None:
    log = "\n".join(
        [
            entry("enforcement is explicit: 2 claims are unmet", "a (claims): s.t: one\nb (notifications): s.u: two"),
            entry("since an earlier transaction: a claim of a is unmet", "a (claims): s.t: other"),
            entry("invalid migration: it breaks a claim of c", "c (claims): s.v: three", "IDB01"),
            entry("overridden (why): a claim of a is unmet", "a (claims): s.w: four"),
            entry("something else", "a (claims): s.x: five"),
            '{"half',
        ]
    )
    assert list(refusals(log)) == [
        Refusal("a", "claims", "s.t: one", "refused"),
        Refusal("b", "notifications", "s.u: two", "refused"),
        Refusal("c", "claims", "s.v: three", "refused"),
        Refusal("a", "claims", "s.w: four", "overridden"),
    ]

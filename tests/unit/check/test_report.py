"""Reports as text, JUnit and annotations of GitHub."""

from __future__ import annotations

from xml.etree import ElementTree

from integratedb_companion.check.model import Break, Report, Step
from integratedb_companion.check.report import github, junit, text


def step(ok: bool, name: str = "migrations", said: str = "") -> Step:
    return Step(name, ok, 1.0, said)  # type: ignore[arg-type]  # the name is one of the literals


def test_reports_hold_whatever_a_tool_prints() -> None:
    nasty = "100%\x1b[31m\r\n::error::<&\x00,:"
    broken = Break("migrations", "a", "claims", nasty, file="c,d:e.yaml", line=3, hint="do\nthis")
    report = Report([step(False, said=nasty)], [broken], ["a", "b"], ["note"])
    suite = ElementTree.fromstring(junit(report).encode())[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    lines = github(report).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(("::error ", "::notice ")) for line in lines)
    assert "file=c%2Cd%3Ae.yaml,line=3," in lines[1]
    assert "100%25" in lines[1]
    assert "\x1b" not in text(Report([step(True)], [broken], ["a"])).split("claims: ")[1].split("\n")[0]

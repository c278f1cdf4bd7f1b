"""Renders a check's report as text, JSON, JUnit XML, or annotations of GitHub Actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.etree import ElementTree

from integratedb_companion.common.output import clean, clean_lines, styled, to_json

from .model import OK, Break, Report


def text(report: Report) -> str:
    """Render the report for people."""
    return "\n".join(_text(report))


def _text(report: Report) -> Iterator[str]:
    for step in report.steps:
        sign = styled("ok    ", fg="green") if step.ok else styled("FAILED", fg="red", bold=True)
        yield f"{sign}  {step.name.ljust(10)} {step.seconds:6.1f} s"
    for stakeholder in dict.fromkeys(entry.stakeholder for entry in report.breaks):
        yield ""
        yield styled(stakeholder, bold=True)
        entries = [entry for entry in report.breaks if entry.stakeholder == stakeholder]
        for entry in entries:
            yield f"  {_place(entry)}{entry.kind}: {clean(entry.message)}"
        for hint in dict.fromkeys(entry.hint for entry in entries if entry.hint):
            yield from (styled(f"  {line}", dim=True) for line in hint.split("\n"))
    for note in report.notes:
        yield ""
        yield styled(f"Note: {note}", fg="yellow")
    yield ""
    yield styled(_closing(report), fg="green" if report.status == OK else "red", bold=True)


def _closing(report: Report) -> str:
    if report.status == OK:
        return "Nobody would be hurt."
    if report.breaks:
        count = len(report.breaks)
        return f"{count} {'problem' if count == 1 else 'problems'}: contracts would break."
    return f"Failed: {', '.join(step.name for step in report.steps if not step.ok)}."


def _place(entry: Break) -> str:
    return f"{entry.file}:{entry.line}: " if entry.file else ""


def json(report: Report) -> str:
    """Render the report for programs."""
    return to_json(report.as_json())


def junit(report: Report) -> str:
    """Render the report for CI servers: a test case for each step and each stakeholder."""
    suite = ElementTree.Element("testsuite", name="integratedb check")
    failures = errors = 0
    for step in report.steps:
        case = ElementTree.SubElement(
            suite, "testcase", classname="integratedb.check", name=step.name, time=f"{step.seconds:.2f}"
        )
        if not step.ok:
            errors += 1
            ElementTree.SubElement(case, "error", message=f"{step.name} failed").text = _clean(step.said)
    names = dict.fromkeys([*report.stakeholders, *(entry.stakeholder for entry in report.breaks)])
    for stakeholder in names:
        case = ElementTree.SubElement(suite, "testcase", classname="integratedb.contracts", name=stakeholder, time="0")
        entries = [entry for entry in report.breaks if entry.stakeholder == stakeholder]
        if entries:
            failures += 1
            lines = [f"{_place(entry)}{entry.kind}: {entry.message}" for entry in entries]
            lines += dict.fromkeys(entry.hint for entry in entries if entry.hint)
            failure = ElementTree.SubElement(case, "failure", message=_clean(entries[0].message), type="contract")
            failure.text = _clean("\n".join(lines))
    suite.set("tests", str(len(report.steps) + len(names)))
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    suite.set("skipped", "0")
    suite.set("time", f"{sum(step.seconds for step in report.steps):.2f}")
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)


def _clean(value: str) -> str:
    """Replace control characters, which XML 1.0 cannot hold and which control a terminal; line breaks stay."""
    return "\n".join(clean_lines(value))


def github(report: Report) -> str:
    """Render annotations for GitHub Actions, at the line of the contract where it is known."""
    lines = [
        _annotation("error", step.said or f"{step.name} failed", title=f"integratedb check: {step.name}")
        for step in report.steps
        if not step.ok
    ]
    for entry in report.breaks:
        where = {"file": entry.file, "line": str(entry.line)} if entry.file else {}
        message = entry.message if entry.hint is None else f"{entry.message}\n{entry.hint}"
        lines.append(_annotation("error", message, **where, title=f"{entry.stakeholder} ({entry.kind})"))
    lines += [_annotation("notice", note, title="integratedb check") for note in report.notes]
    return "\n".join(lines)


def _annotation(level: str, message: str, **properties: str) -> str:
    """Write an annotation; characters that would end a property or the line are escaped."""

    def escaped(value: str) -> str:
        return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    shown = ",".join(
        f"{name}={escaped(value).replace(':', '%3A').replace(',', '%2C')}" for name, value in properties.items()
    )
    return f"::{level} {shown}::{escaped(_clean(message))}"


FORMATS: dict[str, Callable[[Report], str]] = {"text": text, "json": json, "junit": junit, "github": github}

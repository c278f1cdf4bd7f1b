"""docs/specification.md says what the parser does: every document on it is parsed, every refusal compared."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from integratedb.specification.intake import parse, shorten
from integratedb.specification.model import Refusal, Specification
from integratedb.specification.shape import schema

PAGE = (Path(__file__).parents[4] / "docs" / "specification.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```json(?: (\w+))?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
DOCUMENTS = [(kind or "claims", text) for kind, text in BLOCKS if kind != "schema"]
REFUSALS = re.findall(r"^\| `(.+)` \| `(#[^`]*)` \| (.+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("kind", "text"), DOCUMENTS)
def test_every_document_on_the_page_is_accepted(kind: str, text: str) -> None:
    assert isinstance(parse(json.loads(text), kind), Specification)


@pytest.mark.parametrize(("text", "pointer", "message"), REFUSALS)
def test_every_refusal_on_the_page_is_what_the_document_gets(text: str, pointer: str, message: str) -> None:
    assert parse(json.loads(text), "claims") == [Refusal(message, pointer)]


def test_the_page_has_examples() -> None:
    assert len(DOCUMENTS) > 10
    assert len(REFUSALS) > 10


def test_the_short_form_on_the_page_is_that_of_the_long_one() -> None:
    section = PAGE.split("## Short form")[1]
    long, short = (json.loads(text) for _, text in re.findall(r"^```(json)\n(.*?)^```$", section, re.DOTALL | re.M)[:2])
    specification = parse(long, "claims")
    assert isinstance(specification, Specification)
    assert shorten(specification) == short


def test_the_page_prints_the_published_schema() -> None:
    (printed,) = [text for kind, text in BLOCKS if kind == "schema"]
    assert json.loads(printed) == schema("claims")


def test_every_link_within_the_page_has_its_heading() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings

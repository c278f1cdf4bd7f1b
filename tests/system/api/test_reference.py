"""PostgREST's references, page by page: what each request is answered with. The schema is reference.sql."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.api.harness import Api
from tests.system.api.reference import SECTIONS, Case

CASES = [
    pytest.param(case, id=f"{page}-{number}") for page, cases in SECTIONS.items() for number, case in enumerate(cases)
]


@pytest.mark.parametrize("case", CASES)
def test_as_documented(reference_api: Api, case: Case) -> None:
    case.check(reference_api)


def scans(node: dict[str, Any], relation: str) -> int:
    """Return how often a plan has read a relation."""
    own = node["Actual Loops"] if node.get("Relation Name") == relation else 0
    return int(own) + sum(scans(child, relation) for child in node.get("Plans", []))


@pytest.mark.parametrize(
    ("url", "relation", "times"),
    [
        ("/films?select=id,roles(actor_id)&order=id&limit=1&offset=3", "roles", 1),
        ("/films?select=id,actors(last_name)&order=id&limit=1&offset=3", "roles", 1),
        ("/films?select=id,technical_specs(camera,sound),roles(actor_id)&order=id&offset=3", "roles", 1),
        # The order and the filters decide which rows are left out, so all are looked at.
        ("/films?select=id,roles!inner(actor_id)&order=id&limit=1&offset=1", "roles", 2),
        ("/films?select=id,roles(actor_id)&roles=not.is.null&order=id&limit=1&offset=1", "roles", 2),
    ],
)
def test_related_rows_of_skipped_rows_are_not_looked_up(
    reference_api: Api, url: str, relation: str, times: int
) -> None:
    plan = reference_api.send("GET", url, headers={"Accept": "application/vnd.pgrst.plan+json; options=analyze"})
    found = scans(plan.json()[0]["Plan"], relation)
    assert found == times if times == 1 else found >= times


@pytest.mark.parametrize("order", ["id", "id.desc", "title.desc", "year.nullsfirst,id", "directors(last_name),id"])
@pytest.mark.parametrize(
    "select",
    [
        "id,directors(last_name)",
        "id,...directors(last_name)",
        "id,roles(actors(last_name,films(id)))&roles.order=actor_id&roles.limit=1&roles.offset=1",
        "id,actors(id)&actors.order=id.desc&actors.offset=1",
        "id,directors(last_name)&directors.last_name=like.*a*",
        "id,directors!inner(last_name)",
        "id,directors()&directors=is.null",
        "id,...roles(actor_id)",
        "*,technical_specs(*),directors(films(id,technical_specs(camera)))&directors.films.order=id&directors.films.offset=1",
    ],
)
def test_a_page_is_that_part_of_all_rows(reference_api: Api, select: str, order: str) -> None:
    if "directors(" in order and "directors" not in select.partition("&")[0]:
        order = "id"
    url = f"/films?order={order}&select={select}"
    rows = reference_api.send("GET", url).json()
    for offset in range(6):
        for limit in (0, 1, 2, 9):
            answer = reference_api.send(
                "GET", f"{url}&limit={limit}&offset={offset}", headers={"Prefer": "count=exact"}
            )
            if offset > len(rows):
                assert answer.status_code == 416
                continue
            assert answer.json() == rows[offset : offset + limit]
            assert answer.headers["content-range"].endswith(f"/{len(rows)}")

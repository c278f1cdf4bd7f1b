"""PostgREST's references, page by page: what each request is answered with. The schema is reference.sql."""

from __future__ import annotations

import pytest

from tests.system.api.harness import Api
from tests.system.api.reference import SECTIONS, Case

CASES = [
    pytest.param(case, id=f"{page}-{number}") for page, cases in SECTIONS.items() for number, case in enumerate(cases)
]


@pytest.mark.parametrize("case", CASES)
def test_as_documented(reference_api: Api, case: Case) -> None:
    case.check(reference_api)

"""PostgREST's references, page by page: what a request is answered with. The schema is reference.sql.

The service rolls back what a request writes, so that no case depends on another.
"""

from __future__ import annotations

import pytest

from tests.system.api.harness import Api
from tests.system.api.reference import SECTIONS, Case

JSON = "application/json; charset=utf-8"

CASES = [
    pytest.param(case, id=f"{page}-{case.method}-{case.path}-{number}")
    for page, cases in SECTIONS.items()
    for number, case in enumerate(cases)
]


@pytest.mark.parametrize("case", CASES)
def test_as_documented(reference_api: Api, case: Case) -> None:
    case.check(reference_api)

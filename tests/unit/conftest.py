"""Hypothesis for the unit tests: no time limits, because the machine may be busy, and failures print how to repeat.

Each run draws other examples, so many runs of a few find what one run of many does. INTEGRATEDB_EXAMPLES says how many
of each property; a test that needs more takes a multiple of ``settings.get_profile("integratedb").max_examples``.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "integratedb",
    max_examples=int(os.environ.get("INTEGRATEDB_EXAMPLES", "25")),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("integratedb")

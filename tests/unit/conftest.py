"""Hypothesis for the unit tests: no time limits, because the machine may be busy, and failures print how to repeat.

A run draws the same examples from the same tests, so that a gate that turns red names the change that did it.
INTEGRATEDB_EXAMPLES draws so many of each property, and others in each run; a test that needs more takes a multiple of
``settings.get_profile("integratedb").max_examples``.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

examples = os.environ.get("INTEGRATEDB_EXAMPLES")
settings.register_profile(
    "integratedb",
    max_examples=int(examples or "25"),
    derandomize=not examples,
    deadline=None,
    print_blob=True,
    # Explaining a failure takes minutes.
    phases=[phase for phase in Phase if phase is not Phase.explain],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("integratedb")

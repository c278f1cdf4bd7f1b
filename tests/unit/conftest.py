"""Hypothesis for the unit tests: no time limits, because the machine may be busy, and failures print how to repeat."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("integratedb", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("integratedb")

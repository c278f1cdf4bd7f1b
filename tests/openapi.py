"""Prints the OpenAPI document of the management API, without a database: the console's types are generated from it."""

from __future__ import annotations

import json

from integratedb_companion.serve import management
from integratedb_companion.serve.services import Services
from integratedb_companion.serve.settings import DEFAULTS, build


def document() -> str:
    """Return the document."""
    services = Services.make(build({**DEFAULTS, "dsn": "dbname=unused"}))
    return json.dumps(management.create(services).openapi())


if __name__ == "__main__":
    print(document())

"""Selects the target of new credentials."""

from __future__ import annotations

from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.extras import needing

from .credentials import CredentialsError, Target


def target(where: str) -> Target:
    """Return the target that an option names: FILE, `-`, `vault:MOUNT/PATH` or `k8s:FILE`. Error: CredentialsError."""
    kind, colon, rest = where.partition(":")
    if kind == "vault" and colon:
        try:
            with needing("vault"):
                from .vault import VaultTarget
        except ConfigurationError as problem:
            raise CredentialsError(f"{where}: {problem}") from None

        return VaultTarget.from_environment(rest)
    if kind == "k8s" and colon:
        from .kubernetes import SecretManifest

        return SecretManifest(rest)
    from .credential_files import JsonFile, StandardOutput

    return StandardOutput() if where == "-" else JsonFile(where)

"""Writes credentials as Kubernetes Secrets, in a manifest for kubectl."""

from __future__ import annotations

from typing import Any

import yaml

from .credential_files import PrivateFile
from .credentials import Credentials, CredentialsError

STAKEHOLDER = "integratedb/stakeholder"


class SecretManifest(PrivateFile):
    """A file of Secrets, one for each stakeholder; other Secrets and objects in the file stay."""

    def __init__(self, path: str) -> None:
        if not path:
            raise CredentialsError("k8s: needs the name of a file, as in k8s:secrets.yaml")
        super().__init__(path)

    def content(self, credentials: list[Credentials]) -> bytes:
        """Return the whole manifest."""
        try:
            stored = [entry for entry in yaml.safe_load_all(self.before or b"") if entry is not None]
        except (yaml.YAMLError, ValueError, RecursionError):
            raise CredentialsError(f"{self}: the file is there, and is not YAML") from None
        if not all(isinstance(entry, dict) for entry in stored):
            raise CredentialsError(f"{self}: the file is there, and is not a manifest")
        new = [secret(entry) for entry in credentials]
        names = {entry["metadata"]["name"] for entry in new}
        kept = [entry for entry in stored if not (entry.get("kind") == "Secret" and _name(entry) in names)]
        text: str = yaml.safe_dump_all([*kept, *new], sort_keys=False, explicit_start=True)
        return text.encode()


def secret(credentials: Credentials) -> dict[str, Any]:
    """Return the Secret of a stakeholder; object names have no underscores, and end in a letter or digit."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"integratedb-{credentials.stakeholder.replace('_', '-')}-login",
            "labels": {"app.kubernetes.io/managed-by": "integratedb"},
            "annotations": {STAKEHOLDER: credentials.stakeholder},
        },
        "type": "Opaque",
        "stringData": credentials.fields(),
    }


def _name(entry: dict[str, Any]) -> object:
    metadata = entry.get("metadata")
    return metadata.get("name") if isinstance(metadata, dict) else None

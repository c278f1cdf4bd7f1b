"""Writes credentials to HashiCorp Vault's key-value store, version 2: one secret for each stakeholder under a path."""

from __future__ import annotations

import os
from typing import Any

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, Unauthorized, UnsupportedOperation, VaultError

from integratedb_companion.common.outside_text import LIMIT, one_line

from .credentials import Credentials, CredentialsError

TIMEOUT_S = 15


class RedirectedError(requests.RequestException):
    """Vault answered with a redirect. It is not followed, because it could send the token and passwords anywhere."""


def _refuse_redirect(answer: requests.Response, **_: object) -> None:
    if 300 <= answer.status_code < 400:
        raise RedirectedError("it answers with another address")


#: After these errors it is certain that nothing was written.
REFUSALS = (
    RedirectedError,
    requests.ConnectTimeout,
    InvalidRequest,
    Unauthorized,
    Forbidden,
    InvalidPath,
    UnsupportedOperation,
)


class VaultTarget:
    """Writes MOUNT/PATH/STAKEHOLDER; uses VAULT_ADDR, VAULT_TOKEN or ~/.vault-token, VAULT_NAMESPACE, VAULT_CACERT."""

    def __init__(self, client: Any, mount: str, path: str) -> None:
        self.client, self.mount, self.path = client, mount, path
        self.written: list[tuple[str, int]] = []

    @classmethod
    def from_environment(cls, where: str) -> VaultTarget:
        """Return the target at MOUNT/PATH. Error: CredentialsError if the path, the address or the token is missing."""
        mount, _, path = where.strip("/").partition("/")
        if not mount or not path:
            raise CredentialsError("vault: needs a mount and a path, as in vault:secret/integratedb")
        if not os.environ.get("VAULT_ADDR"):
            raise CredentialsError("vault: the environment variable VAULT_ADDR is not set")
        # hvac reads the variables of Vault's own command, and ~/.vault-token.
        client = hvac.Client(
            timeout=TIMEOUT_S, namespace=os.environ.get("VAULT_NAMESPACE") or None, allow_redirects=False
        )
        # hvac would take a redirect that is not followed for a success.
        client.session.hooks["response"].append(_refuse_redirect)
        if not client.token:
            raise CredentialsError("vault: neither VAULT_TOKEN nor ~/.vault-token is there")
        return cls(client, mount, path)

    def __str__(self) -> str:
        return f"Vault, {self.mount}/{self.path}"

    def prepare(self) -> None:
        """Check that Vault answers and accepts the token."""
        try:
            known = self.client.is_authenticated()
        except Exception as problem:
            raise CredentialsError(f"{self}: {_described(problem, [self.client.token])}") from None
        if not known:
            raise CredentialsError(f"{self}: permission denied: the token is not known, or has expired")

    def write(self, credentials: list[Credentials]) -> None:
        """Write a new version of each secret; if one fails, destroy those written before it."""
        # hvac raises anything for an answer that is not Vault's.
        for entry in credentials:
            path = f"{self.path}/{entry.stakeholder}"
            try:
                answer = self.client.secrets.kv.v2.create_or_update_secret(
                    path=path, secret=entry.fields(), mount_point=self.mount
                )
            except Exception as problem:
                described = _described(problem, [self.client.token, entry.password])
                raise self._failed(path, described, is_certain=isinstance(problem, REFUSALS)) from None
            version = _version(answer)
            if version is None:
                raise self._failed(path, "Vault's answer tells no version of the secret", is_certain=False)
            self.written.append((path, version))

    def _failed(self, path: str, described: str, *, is_certain: bool) -> CredentialsError:
        """Destroy what was written before, and return the error that names all that Vault may still have."""
        told = [f"Vault, {self.mount}/{path}: {described}"]
        try:
            self.undo()
        except CredentialsError as second:
            told.append(str(second))
        failed = CredentialsError("; ".join(told))
        if not is_certain or len(told) > 1:
            failed.hint = "The database was not changed."
        if len(told) > 1:
            failed.hint += " The passwords in versions that could not be destroyed are void."
        if not is_certain:
            failed.hint += (
                " Whether Vault has the secret is not known: "
                f"if {self.mount}/{path} has a new version, its password is void; destroy it."
            )
        return failed

    def undo(self) -> None:
        """Destroy the written versions; earlier versions stay. The error names each that could not be destroyed."""
        failed = []
        for path, version in self.written:
            try:
                self.client.secrets.kv.v2.destroy_secret_versions(path=path, versions=[version], mount_point=self.mount)
            except Exception as problem:
                described = _described(problem, [self.client.token])
                failed.append(f"version {version} of {self.mount}/{path} could not be destroyed: {described}")
        self.written.clear()
        if failed:
            raise CredentialsError("; ".join(failed))


def _version(answer: object) -> int | None:
    """Return the written version from the answer; None when the answer is not Vault's."""
    data = answer.get("data") if isinstance(answer, dict) else None
    version = data.get("version") if isinstance(data, dict) else None
    return version if type(version) is int and version > 0 else None


def _described(problem: Exception, secrets: list[str]) -> str:
    """Describe an error in one line, without the request, which holds the secret, also where the answer repeats it."""
    if isinstance(problem, VaultError):
        errors = problem.errors if isinstance(problem.errors, list) else [problem.errors or ""]
        words = ", ".join(str(error) for error in errors)
        if not words or any(secret in words for secret in secrets):
            return f"Vault refused ({type(problem).__name__})"
        return one_line(words[:LIMIT])
    if isinstance(problem, RedirectedError):
        return (
            "Vault answers with a redirect, which is not followed: the token would go there. "
            "VAULT_ADDR must name the active node"
        )
    if not isinstance(problem, requests.RequestException):
        return f"the answer is not Vault's ({type(problem).__name__})"
    reason = getattr(problem.args[0], "reason", None) if problem.args else None
    return one_line(f"Vault cannot be reached ({type(problem).__name__}{f': {reason}' if reason else ''})"[:LIMIT])

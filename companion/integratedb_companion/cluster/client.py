"""Asks agents over HTTPS, for the commands."""

from __future__ import annotations

import hmac
import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from integratedb_companion.common.errors import STATUS_NO_CONNECTION, STATUS_REFUSED, STATUS_USAGE, CommandError
from integratedb_companion.common.outside_text import plain

from . import certificates
from .layout import Layout
from .tokens import Token

CONNECT_S, MOST_BYTES = 5.0, 4 << 20


class Client:
    """The agents of a cluster; the first one that answers is asked."""

    def __init__(self, addresses: Sequence[str], tls: ssl.SSLContext, token: str) -> None:
        self._addresses, self._tls, self._token = list(dict.fromkeys(addresses)), tls, token

    @classmethod
    def of(cls, layout: Layout, *, only_own: bool = False) -> Client:
        """Return the client of a node: its own agent first, then the others. Error: CommandError."""
        settings = layout.read_settings()
        tls = ssl.create_default_context(cafile=str(layout.ca))
        tls.load_cert_chain(layout.certificate, layout.key)
        addresses = [settings.agent] if only_own else [settings.agent, *settings.peers]
        return cls(addresses, tls, layout.read_secrets()["admin_token"])

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, timeout_s: float = 15.0
    ) -> tuple[int, Any]:
        """Return the status and the document of an answer. Error: CommandError, where no agent answers."""
        problem = ""
        for address in self._addresses:
            try:
                return _exchange(address, self._tls, method, path, self._token, body, timeout_s)
            except (OSError, http.client.HTTPException) as error:
                problem = f"{problem}; " if problem else ""
                problem += f"{address}: {plain(getattr(error, 'verify_message', '') or error.__class__.__name__)}"
                # A change that was sent may have been made.
                if method != "GET" and not isinstance(error, ConnectionRefusedError):
                    break
        raise CommandError(
            f"no agent answers ({problem})",
            status=STATUS_NO_CONNECTION,
            hint="systemctl start integratedb-agent, or integratedb agent --dir DIR, starts the one of a node.",
        )

    def want(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, timeout_s: float = 15.0
    ) -> dict[str, Any]:
        """Return the document of an answer that is not a refusal. Error: CommandError."""
        return checked(*self.ask(method, path, body, timeout_s))


def checked(status: int, document: Any) -> dict[str, Any]:
    """Return the document of an answer. Error: CommandError, where it is a refusal."""
    if status < 400 and isinstance(document, dict):
        return document
    errors = document.get("errors", {}) if isinstance(document, dict) else {}
    raise CommandError(
        plain(str(errors.get("detail") or f"HTTP status {status}")),
        status=STATUS_REFUSED,
        hint=plain(str(errors["hint"])) if errors.get("hint") else None,
    )


def _exchange(
    address: str,
    tls: ssl.SSLContext,
    method: str,
    path: str,
    token: str,
    body: Mapping[str, Any] | None,
    timeout_s: float,
) -> tuple[int, Any]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPSConnection(host.strip("[]"), int(port), timeout=CONNECT_S, context=tls)
    try:
        connection.connect()
        assert connection.sock is not None
        connection.sock.settimeout(timeout_s)
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        said = answer.read(MOST_BYTES)
    finally:
        connection.close()
    try:
        return answer.status, json.loads(said)
    except ValueError:
        return answer.status, said.decode(errors="replace")


def verified(address: str, token: Token) -> tuple[Client, str]:
    """Return a client for a join, and this machine's address as that node sees it. Error: CommandError.

    Nothing is known of the cluster but the fingerprint in the token. So the authority's certificate is fetched first
    and compared; what proves to have its key gets the secret.
    """
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    try:
        status, pem = _exchange(address, unverified, "GET", "/ca", "", None, CONNECT_S)
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(
            f"no agent answers at {address} ({plain(str(error) or error.__class__.__name__)})",
            status=STATUS_NO_CONNECTION,
            hint="Give the HOST:PORT of an agent: integratedb cluster status on a node shows the nodes.",
        ) from None
    try:
        found = certificates.fingerprint(str(pem).encode())
    except certificates.CertificateError:
        found = b""
    if status != 200 or not hmac.compare_digest(found, token.pin):
        raise CommandError(
            f"the certificate authority at {address} is not the one that made the token",
            hint="Compare the address with the cluster's. Somebody may be in between: the token was not sent.",
        )
    tls = ssl.create_default_context(cadata=str(pem))
    host, _, port = address.rpartition(":")
    try:
        connection = http.client.HTTPSConnection(host.strip("[]"), int(port), timeout=CONNECT_S, context=tls)
        connection.connect()
        assert connection.sock is not None
        own = str(connection.sock.getsockname()[0])
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(
            f"{address} does not prove to be a node of the cluster: {plain(str(error))}",
            hint="Name the node as its certificate does: by its address in integratedb cluster status.",
        ) from None
    return Client([address], tls, token.secret), own


def split_addresses(text: str, port: int) -> list[str]:
    """Read HOST:PORT, or several of them separated by commas. Error: CommandError."""
    found = []
    for one in text.split(","):
        host, colon, given = one.strip().rpartition(":")
        if not colon or given.endswith("]") or (host.count(":") > 1 and not host.startswith("[")):
            host, given = one.strip(), str(port)
        if not host or not given.isdecimal() or not 0 < int(given) < 65_536:
            raise CommandError(f"{one.strip()[:60]!a} is not HOST:PORT", status=STATUS_USAGE)
        found.append(f"{host}:{given}")
    return found

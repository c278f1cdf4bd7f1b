"""Reads from the headers of trusted proxies who the client is, and how it came to them. Pure.

What a proxy adds stands at the end of a list, and the client may have written what stands before. So the list is read
from its end, as long as the addresses are those of trusted proxies.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from .messages import Request

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

SCHEMES: Final = ("http", "https")
#: More proxies than this do not stand in a row.
MAX_PROXIES: Final = 20
_PAIR: Final = re.compile(r"""\s*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*(?:;|$)""")
_ELEMENTS: Final = re.compile(r"""(?:[^",]|"(?:[^"\\]|\\.)*"?)+""")


class Proxies:
    """The networks of proxies whose headers are believed."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def apply(self, request: Request) -> None:
        """Replace the address and the scheme of a request by those that trusted proxies tell."""
        if not self._networks or not self._is_trusted(_address(request.address)):
            return
        addresses = request.header(b"x-forwarded-for")
        if addresses is not None:
            self._follow(request, addresses.split(",")[-MAX_PROXIES:])
            scheme = (request.header(b"x-forwarded-proto") or "").rpartition(",")[2]
        else:
            elements = [_pairs(one) for one in _ELEMENTS.findall(request.header(b"forwarded") or "")[-MAX_PROXIES:]]
            self._follow(request, [one.get("for", "") for one in elements])
            # Without an address, the scheme may stand in the other header alone.
            told = request.header(b"x-forwarded-proto") or ""
            scheme = elements[-1].get("proto", "") if elements else told.rpartition(",")[2]
        if scheme.strip().lower() in SCHEMES:
            request.scheme = scheme.strip().lower()

    def _follow(self, request: Request, told: Sequence[str]) -> None:
        for text in reversed(told):
            address = _address(text)
            if address is None:
                return
            request.address = str(address)
            if not self._is_trusted(address):
                return

    def _is_trusted(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _address(text: str) -> Address | None:
    """Return an address that is written with or without a port; None: it is no address."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _pairs(element: str) -> dict[str, str]:
    """Return the pairs of an element of Forwarded (RFC 7239)."""
    found: dict[str, str] = {}
    position = 0
    while position < len(element) and (pair := _PAIR.match(element, position)):
        found[pair[1].lower()] = pair[3] if pair[2] is None else pair[2]
        position = pair.end()
    return found

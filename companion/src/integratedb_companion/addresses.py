"""Decides which network addresses may be called: never link-local ones (cloud metadata lives there), nor denied ones."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any, Final

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Link-local, and the address of the metadata service that is not.
ALWAYS_DENIED: Final[tuple[IPNetwork, ...]] = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::254/128"),
)


class AddressRefusedError(OSError):
    """The address is one that is never called."""


class AddressPolicy:
    """The networks that are not called."""

    def __init__(self, denied: Iterable[IPNetwork] = ()) -> None:
        self._denied = (*ALWAYS_DENIED, *denied)

    def refuses(self, address: str) -> bool:
        """Whether an address must not be called, whichever way it is written."""
        ip: IPAddress = ipaddress.ip_address(address.partition("%")[0])
        forms: list[IPAddress] = [ip]
        if isinstance(ip, ipaddress.IPv6Address):
            # The same IPv4 address behind a translation.
            forms += [form for form in (ip.ipv4_mapped, ip.sixtofour) if form is not None]
            if ip in ipaddress.ip_network("64:ff9b::/96"):
                forms.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        return any(form in network for form in forms for network in self._denied if form.version == network.version)

    def check(self, address: str) -> None:
        """Raise when an address must not be called."""
        if self.refuses(address):
            raise AddressRefusedError(errno.EACCES, f"address {address} is not called (link-local or denied)")

    def socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """Make the socket for an address that a name was resolved to, unless that address is refused."""
        family, kind, protocol, _, address = address_info
        self.check(address[0])
        return socket.socket(family, kind, protocol)

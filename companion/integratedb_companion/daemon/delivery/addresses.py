"""Decides which network addresses may be called: never link-local ones (cloud metadata services), nor denied ones.

An address is compared by its destination. An IPv6 address may embed an IPv4 address, to which a router or the kernel
then connects. An unspecified address connects to the machine itself.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Iterator
from typing import Any, Final

from integratedb_companion.common.networks import IPNetwork

from .names import stakeholder
from .receiver_sockets import ReceiverSockets

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Link-local networks, and the one address of the metadata service that is not link-local.
ALWAYS_DENIED: Final[tuple[IPNetwork, ...]] = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::254/128"),
)

#: Networks whose last 32 bits are an IPv4 address.
_EMBEDDING_NETWORKS: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "::ffff:0:0/96",  # mapped (RFC 4291): the kernel itself connects to the IPv4 address
        "::/96",  # compatible (RFC 4291)
        "::ffff:0:0:0/96",  # translated (RFC 2765)
        "64:ff9b::/96",  # NAT64 (RFC 6052)
    )
)
#: NAT64 of a site (RFC 8215): the site chooses the length of the prefix, and with it the place of the IPv4 address.
_SITE_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_LOOPBACK: Final = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
#: "This network" (RFC 1122).
_THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")
_LOW_32: Final = 0xFFFFFFFF
_ISATAP_WITHOUT_FLAGS: Final = 0xFDFFFFFF
_ISATAP: Final = 0x00005EFE


#: The limit of sockets where no limit is given.
UNBOUNDED: Final = 1 << 30


class AddressRefusedError(OSError):
    """The address is never called."""


class AddressPolicy:
    """Holds the networks that are not called, and opens the sockets to all others."""

    def __init__(self, denied: Iterable[IPNetwork] = (), sockets: ReceiverSockets | None = None) -> None:
        self.sockets = sockets or ReceiverSockets(UNBOUNDED)
        self._denied = tuple(form for network in (*ALWAYS_DENIED, *denied) for form in _equivalent_networks(network))

    def refuses(self, address: str) -> bool:
        """Whether an address must not be called, in any notation; a text that is not an address is refused too."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return True
        return any(
            form in network for form in _destinations(ip) for network in self._denied if form.version == network.version
        )

    def check(self, address: str) -> None:
        """Raise when an address must not be called."""
        if self.refuses(address):
            # All addresses get the same message: connecting raises a plain OSError unless all of a name agree.
            raise AddressRefusedError(errno.EACCES, "an address that is link-local or denied is not called")

    def socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """Open the socket for a resolved address, unless the address is refused. Errors: OSError."""
        family, kind, protocol, _, address = address_info
        self.check(address[0])
        return self.sockets.open(family, kind, protocol, stakeholder.get())


def _destinations(ip: IPAddress) -> set[IPAddress]:
    """Return the address, and each address that it may lead to."""
    forms: set[IPAddress] = {ip}
    if isinstance(ip, ipaddress.IPv6Address):
        forms.update(_embedded_addresses(ip))
    if any(form.is_unspecified or form in _THIS_NETWORK for form in list(forms)):
        forms.update(_LOOPBACK)
    return forms


def _embedded_addresses(ip: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address may embed."""
    number = int(ip)
    if any(ip in embedding for embedding in _EMBEDDING_NETWORKS) or ip in _SITE_NAT64:
        yield ipaddress.IPv4Address(number & _LOW_32)
    if ip in _SITE_NAT64:  # a prefix of /48, /56 or /64: the octets around bits 64 to 71, which are zero
        yield ipaddress.IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
        yield ipaddress.IPv4Address((number >> 64 & 0xFF) << 24 | number >> 32 & 0xFFFFFF)
        yield ipaddress.IPv4Address(number >> 24 & _LOW_32)
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if number >> 32 & _ISATAP_WITHOUT_FLAGS == _ISATAP:
        yield ipaddress.IPv4Address(number & _LOW_32)


def _equivalent_networks(network: IPNetwork) -> Iterator[IPNetwork]:
    """Return a denied network, and the IPv4 network that it embeds, if any."""
    yield network
    if isinstance(network, ipaddress.IPv6Network):
        for embedding in _EMBEDDING_NETWORKS:
            if (
                network.prefixlen >= embedding.prefixlen
                and network.subnet_of(embedding)
                and embedding.network_address != _ZERO
            ):
                low = int(network.network_address) & _LOW_32
                yield ipaddress.IPv4Network((low, network.prefixlen - embedding.prefixlen))


#: ::1/128 is the loopback address, not 0.0.0.1 in the compatible form.
_ZERO: Final = ipaddress.IPv6Address("::")

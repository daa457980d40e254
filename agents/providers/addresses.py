"""Which addresses a provider may have. An organization's own must not lead into our network.

The address is looked at when a connection is made to it, not when the URL is stored: what a name
resolves to can change in between.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore2
from django.conf import settings
from httpcore2._backends.auto import AutoBackend

from agents.providers.errors import AddressRefused, Unreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class BaseURLRefused(ValueError):
    """An organization's provider cannot be there. The text says why."""


def check_base_url(url: str) -> None:
    """Raise BaseURLRefused for a URL that no organization's provider may have.

    What its name resolves to is looked at with each connection.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise BaseURLRefused("This is no URL.") from error
    if parts.scheme not in ("https", "http") or not host or any(c.isspace() for c in url):
        raise BaseURLRefused("Write a URL such as https://models.example.com/v1.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BaseURLRefused("Write the URL without a user, a query and a fragment.")
    if parts.scheme == "http" and not settings.MODEL_ORGANIZATION_NETWORKS:
        raise BaseURLRefused("The URL must begin with https://.")
    address = _parsed(host)
    if address and not is_allowed(address, is_plain=parts.scheme == "http"):
        raise BaseURLRefused("This address is not allowed for a provider.")


def is_allowed(address: Address, *, is_plain: bool) -> bool:
    """Whether an organization's provider may be there: in public, or where the setting says so.

    Plain HTTP is for the latter alone.
    """
    address = _effective(address)
    if any(address in network for network in settings.MODEL_ORGANIZATION_NETWORKS):
        return True
    return not is_plain and address.is_global and not address.is_multicast


class GuardedBackend(AutoBackend):
    """Connects to allowed addresses only, and to the very address that was looked at."""

    def __init__(self, *, is_plain: bool):
        self.is_plain = is_plain

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        async with asyncio.timeout(timeout):
            found = await _resolve(host, port)
        allowed = [a for a in found if is_allowed(a, is_plain=self.is_plain)]
        if not allowed:
            raise AddressRefused("address not allowed")
        for address in allowed[:-1]:
            try:
                return await super().connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await super().connect_tcp(
            str(allowed[-1]), port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> Any:
        raise AddressRefused("no address")


async def _resolve(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("name not found") from None
    addresses = [_parsed(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]
    return list(dict.fromkeys(address for address in addresses if address))


def _parsed(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _effective(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, where it does."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address

"""Connections to what an organization calls its provider: to addresses that are allowed alone."""

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

import httpcore2
from httpcore2._backends.auto import AutoBackend

from agents.providers.addresses import Address, is_allowed, parsed
from agents.providers.errors import AddressRefused, Unreachable


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
    addresses = [parsed(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]
    return list(dict.fromkeys(address for address in addresses if address))

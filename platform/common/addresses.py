"""Where a request comes from."""

import ipaddress
from typing import Any

from django.conf import settings

# What a provider gives to one customer: a person has as many addresses as they like within it.
_IPV6_NETWORK_BITS = 64


def client_address(request: Any) -> str:
    """The client's IPv4 address or IPv6 network; "" when it has none, as on a Unix socket.

    Behind a proxy it is what the proxy added last to `X-Forwarded-For`: all before that is what
    the client says of itself.
    """
    found = request.META if request is not None else {}
    address = found.get("REMOTE_ADDR") or ""
    if settings.BEHIND_PROXY:
        address = found.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or address
    return _network(address)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(_without_port(address))
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    if isinstance(parsed, ipaddress.IPv4Address) or mapped:
        return str(mapped or parsed)
    return str(ipaddress.ip_network((int(parsed), _IPV6_NETWORK_BITS), strict=False))


def _without_port(address: str) -> str:
    """Some proxies write 192.0.2.1:4711 and [2001:db8::1]:4711."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address

"""Which addresses a provider may have. An organization's own must not lead into our network.

What a name resolves to can change: it is looked at with each connection (agents.providers.guarded).
"""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

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
    address = parsed(host)
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


def parsed(host: str) -> Address | None:
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

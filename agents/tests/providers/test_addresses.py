"""An organization's provider is in public, or where the platform says: never in our own network."""

import asyncio
import socket

import pytest

from agents.providers import errors
from agents.providers.addresses import BaseURLRefused, check_base_url
from agents.providers.fake.testing import fake_server
from agents.tests.providers.asking import PROTOCOLS, access_to, ask

PRIVATE = [
    "127.0.0.1",
    "10.0.0.8",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "[::1]",
    "[fe80::1]",
    "[fd00::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
]


@pytest.fixture
def loopback_allowed(settings):
    from ipaddress import ip_network

    settings.MODEL_ORGANIZATION_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_that_is_not_public_is_refused(host):
    with pytest.raises(BaseURLRefused):
        check_base_url(f"https://{host}/v1")
    check_base_url("https://93.184.215.14/v1")


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example.com/v1",
        "ftp://models.example.com",
        "models.example.com",
        "https://",
        "https://user:password@models.example.com",
        "https://models.example.com/v1?key=1",
        "https://models.example.com/#there",
        "https://models.example.com:port/",
        "https://models example.com/",
        "https://[::1/",
    ],
)
def test_a_url_that_leads_elsewhere_or_nowhere_is_refused(url):
    with pytest.raises(BaseURLRefused):
        check_base_url(url)
    check_base_url("https://models.example.com/v1")


def test_plain_http_is_for_the_networks_that_the_platform_names(loopback_allowed):
    check_base_url("http://127.0.0.1:8080/v1")
    check_base_url("https://127.0.0.1:8080/v1")
    with pytest.raises(BaseURLRefused):
        check_base_url("http://93.184.215.14/v1")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_connection_into_our_own_network_is_not_made(impatient, protocol):
    with fake_server(protocol) as server:
        access = access_to(protocol, server.url, is_guarded=True)
        assert type(ask(protocol, "", access=access).error) is errors.AddressRefused
        assert server.received == []
        # The platform's own may be there.
        assert ask(protocol, server.url).error is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_where_the_platform_allows_it_the_connection_is_made(impatient, loopback_allowed, protocol):
    with fake_server(protocol) as server:
        access = access_to(protocol, server.url, is_guarded=True)
        assert ask(protocol, "", access=access).reason == "stop"


def test_a_name_is_judged_by_what_it_resolves_to(impatient, monkeypatch):
    async def resolve(loop, host, port, **kwargs):
        assert host == "models.example.com"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    with fake_server("openai") as server:
        url = server.url.replace("127.0.0.1", "models.example.com")
        access = access_to("openai", url, is_guarded=True)
        assert type(ask("openai", "", access=access).error) is errors.AddressRefused
        assert server.received == []


def test_a_name_that_leads_nowhere_is_told_as_such(impatient, monkeypatch):
    async def resolve(loop, host, port, **kwargs):
        raise socket.gaierror("no such name")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    access = access_to("openai", "https://models.example.com/v1", is_guarded=True)
    assert type(ask("openai", "", access=access).error) is errors.Unreachable

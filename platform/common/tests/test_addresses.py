"""Where a request comes from, and who may say so."""

import pytest
from django.test import RequestFactory

from common.addresses import client_address


def address(peer, forwarded=None):
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_address_is_an_ipv4_address_or_an_ipv6_network(peer, expected):
    assert address(peer) == expected


def test_nobody_is_believed_who_says_for_whom_they_ask():
    assert address("192.0.2.1", "203.0.113.9") == "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 10.0.0.1,203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::/64"),
        ("2001:db8::1", "2001:db8::/64"),
        ("", "192.0.2.1"),
        (None, "192.0.2.1"),
    ],
)
def test_behind_a_proxy_it_is_what_the_proxy_added_last(settings, forwarded, expected):
    settings.BEHIND_PROXY = True
    assert address("192.0.2.1", forwarded) == expected


def test_who_asks_through_no_request_has_none():
    assert client_address(None) == ""

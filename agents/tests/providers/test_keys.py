"""A stored key is encrypted, and opens for its own provider where that was alone."""

import base64
import os

import pytest

from agents.providers.keys import KeyUnreadable, seal, unseal

KEY = "sk-secret-of-the-test-4711"


def field_key():
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def test_a_key_is_sealed_and_opened():
    sealed = seal(KEY, place="here")
    assert KEY not in sealed
    assert unseal(sealed, place="here") == KEY
    assert seal(KEY, place="here") != sealed


@pytest.mark.parametrize("damage", [lambda s: s[:-4] + "AAAA", lambda s: "", lambda s: "no token"])
def test_what_was_tampered_with_does_not_open(damage):
    sealed = seal(KEY, place="here")
    with pytest.raises(KeyUnreadable):
        unseal(damage(sealed), place="here")
    assert unseal(sealed, place="here")


def test_a_key_that_was_moved_does_not_open():
    sealed = seal(KEY, place="here")
    with pytest.raises(KeyUnreadable):
        unseal(sealed, place="there")


def test_a_new_field_key_goes_in_front_of_the_old_one(settings):
    settings.FIELD_KEYS = [field_key()]
    sealed = seal(KEY, place="here")
    settings.FIELD_KEYS = [field_key(), *settings.FIELD_KEYS]
    assert unseal(sealed, place="here") == KEY
    newest = seal(KEY, place="here")
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    assert unseal(newest, place="here") == KEY
    with pytest.raises(KeyUnreadable):
        unseal(sealed, place="here")

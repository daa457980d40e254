"""How often a password can be guessed: by whom, from where, by how many at once."""

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection
from django.db.models import F
from django.test import RequestFactory

from common.attempts import TooManyAttempts
from tenants import tasks
from tenants.models import AttemptCount, KnownAddress
from tenants.testing import PASSWORD
from tenants.tests.racing import race

pytestmark = pytest.mark.django_db(databases=["default", "platform"])

HOME, OFFICE, ELSEWHERE = "192.0.2.1", "192.0.2.2", "203.0.113.9"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def limits(settings):
    """Three by an account from one address, twenty from an address, six by an account."""
    settings.SIGN_IN_LIMITS = (3, 20, 6)


@pytest.fixture(autouse=True)
def hashed(monkeypatch):
    """Collect what would be hashed: hundreds of passwords would take minutes."""
    passwords = []

    def verify(self, password, encoded):
        passwords.append(password)
        return password == PASSWORD

    def encode(self, password, salt):
        passwords.append(password)
        return "hashed"

    monkeypatch.setattr(Argon2PasswordHasher, "verify", verify)
    monkeypatch.setattr(Argon2PasswordHasher, "encode", encode)
    return passwords


def guess(login, password="wrong", *, at=ELSEWHERE):
    """The person, None for a wrong password, "paused" when it was not even looked at."""
    request = RequestFactory().post("/", REMOTE_ADDR=at)
    try:
        return authenticate(request, username=login, password=password)
    except TooManyAttempts:
        return "paused"


def guesses(count, login, **kwargs):
    return [guess(login, **kwargs) for _ in range(count)]


def later(by=DAY):
    AttemptCount.objects.update(resets_at=F("resets_at") - by)
    KnownAddress.objects.update(seen_at=F("seen_at") - by)


@pytest.mark.parametrize("login", ["acme-member", "member@acme.test", "nobody", "no@body.test"])
def test_a_few_guesses_are_looked_at_whether_the_name_is_somebodys_or_nobodys(people, login):
    assert guesses(5, login) == [None, None, None, "paused", "paused"]


def test_the_right_password_does_not_end_a_pause(people):
    guesses(3, "acme-member")
    assert guess("acme-member", PASSWORD) == "paused"
    later()
    assert guess("acme-member", PASSWORD) == people["acme-member"]


def test_a_pause_does_not_grow_by_trying_on(people):
    guesses(3, "acme-member")
    ends = set(AttemptCount.objects.values_list("resets_at", flat=True))
    guesses(10, "acme-member")
    assert set(AttemptCount.objects.values_list("resets_at", flat=True)) == ends


def test_a_name_is_the_same_however_it_is_written(people):
    spellings = ["member@acme.test", "MEMBER@acme.test", "member@ACME.test", " member@acme.tesT "]
    assert [guess(login) for login in spellings] == [None, None, None, "paused"]
    assert guess("ﬀ") is guess("FF") is guess("ff") is None
    assert guess("Ff") == "paused"


def test_signing_in_makes_up_for_mistakes_before(people):
    for _ in range(4):
        assert guesses(2, "acme-member") == [None, None]
        assert guess("acme-member", PASSWORD)


def test_who_is_known_at_an_address_signs_in_while_the_account_is_attacked(people):
    assert guess("acme-member", PASSWORD, at=HOME)
    attackers = [f"198.51.100.{n}" for n in range(4)]
    seen = [answer for at in attackers for answer in guesses(3, "acme-member", at=at)]
    assert seen == [None] * 6 + ["paused"] * 6
    assert guess("acme-member", PASSWORD, at=ELSEWHERE) == "paused"
    assert guess("acme-member", PASSWORD, at=HOME)


@pytest.mark.parametrize("login", ["acme-member", "member@acme.test"])
def test_somebody_is_known_by_their_address_and_their_username(people, login):
    assert guess("acme-member", PASSWORD, at=HOME)
    for at in ("198.51.100.1", "198.51.100.2", "198.51.100.3"):
        guesses(3, login, at=at)
    assert guess(login, PASSWORD, at=HOME)


def test_one_address_alone_does_not_use_up_what_an_account_has(people):
    guesses(20, "acme-member", at=ELSEWHERE)
    assert guess("acme-member", PASSWORD, at=HOME)


def test_one_persons_mistakes_are_nobody_elses(people):
    guesses(5, "acme-member", at=OFFICE)
    assert guess("acme-member", PASSWORD, at=OFFICE) == "paused"
    assert guess("acme-manager", PASSWORD, at=OFFICE)


def test_an_address_that_tries_many_names_is_paused_but_not_for_who_is_known_there(people):
    assert guess("acme-member", PASSWORD, at=OFFICE)
    tried = [guess(f"name-{n}", at=OFFICE) for n in range(25)]
    assert tried == [None] * 20 + ["paused"] * 5
    assert guess("acme-manager", PASSWORD, at=OFFICE) == "paused"
    assert guess("acme-manager", PASSWORD, at=HOME)
    assert guess("acme-member", PASSWORD, at=OFFICE)


def test_an_account_of_ones_own_gives_no_more_guesses_at_others(people):
    for n in range(10):
        guesses(2, f"name-{n}")
        assert guess("acme-viewer", PASSWORD)
    assert guess("acme-member", PASSWORD) == "paused"


def test_addresses_of_one_ipv6_network_are_one(people):
    tried = [guess("acme-member", at=f"2001:db8::{n}") for n in range(1, 5)]
    assert tried == [None, None, None, "paused"]


def test_no_name_and_no_address_is_kept(people):
    guess("acme-member", PASSWORD, at=HOME)
    guess("acme-member", at=ELSEWHERE)
    kept = [*AttemptCount.objects.values_list(), *KnownAddress.objects.values_list()]
    assert len(kept) > 3
    for told in ("member", HOME, ELSEWHERE):
        assert told not in str(kept)


def test_another_key_keeps_other_digests(people, settings):
    guess("acme-member")
    before = set(AttemptCount.objects.values_list("digest", flat=True))
    settings.SECRET_KEY = "another"
    guess("acme-member")
    assert len(before) == 3
    assert AttemptCount.objects.count() == 6


def test_what_is_over_is_swept(people):
    guess("acme-member", PASSWORD, at=HOME)
    guess("acme-member")
    assert tasks.forget_attempts(0) == 0
    later()
    assert tasks.forget_attempts(0) == 5
    assert not AttemptCount.objects.exists()
    assert KnownAddress.objects.count() == 2
    later(180 * DAY)
    assert tasks.forget_attempts(0) == 2


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
@pytest.mark.parametrize("login", ["acme-member", "nobody"])
def test_of_64_guesses_at_once_no_more_than_the_limit_are_looked_at(people, login, hashed):
    answers = race(*[lambda: guess(login)] * 64)
    assert answers.count(None) == len(hashed) == 3
    assert answers.count("paused") == 61


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_of_64_addresses_at_once_no_more_than_the_accounts_limit_are_looked_at(people, hashed):
    runners = [lambda n=n: guess("acme-member", at=f"198.51.100.{n}") for n in range(64)]
    answers = race(*runners)
    assert answers.count(None) == len(hashed) == 6
    assert answers.count("paused") == 58


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_a_count_is_kept_though_nothing_else_of_the_request_is(people, client):
    for _ in range(3):
        client.post("/api/v1/auth/login/", {"login": "acme-member", "password": "wrong"})
    connection.close()
    assert AttemptCount.objects.filter(count=3).count() == 3


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_all_of_24_at_once_who_know_the_password_come_in(people, settings):
    """A program's threads, say: those who come last wait for how the first ones end."""
    settings.SIGN_IN_LIMITS = (3, 30, 6)
    answers = race(*[lambda: guess("acme-member", PASSWORD)] * 24)
    assert answers == [people["acme-member"]] * 24
    assert not AttemptCount.objects.exclude(count=0, pending=0).exists()


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_those_who_wait_are_refused_when_the_others_were_wrong(people, hashed):
    answers = race(
        *[lambda: guess("acme-member")] * 20, *[lambda: guess("acme-member", PASSWORD)] * 4
    )
    wrong = hashed.count("wrong")
    assert answers.count(None) == wrong
    assert wrong < 20
    assert AttemptCount.objects.exclude(pending=0).count() == 0


def test_an_error_on_the_way_is_counted_and_is_not_under_way_for_ever(people, monkeypatch):
    def break_down(login):
        raise RuntimeError("the database has gone")

    with monkeypatch.context() as broken:
        broken.setattr("tenants.lookup.find_by_login", break_down)
        with pytest.raises(RuntimeError):
            guess("acme-member")
    assert set(AttemptCount.objects.values_list("count", "pending")) == {(1, 0)}


def test_counting_takes_a_few_small_statements(people, django_assert_num_queries):
    """Whether the address is known, three counts, the person, the end; one count where known.

    Beside them, what failed is written to the audit trail.
    """
    with django_assert_num_queries(6 + 6):
        guess("acme-member")
    guess("acme-member", PASSWORD, at=HOME)
    with django_assert_num_queries(4 + 6):
        guess("acme-member", at=HOME)

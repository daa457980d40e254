"""Everybody tries to write every field over the API: what they may is listed, else nobody does."""

import pytest

from config.tests.escalation.allowed_api import ALLOWED_OVER_API
from config.tests.escalation.api import achieved
from config.tests.escalation.judging import complaints

pytestmark = pytest.mark.django_db(databases=["default", "platform"])

# What they may an owner may, who is asked each time.
LONG = ("manager", "people")
SHORT = ("owner", "member", "viewer", "roles", "foreigner", "deactivated", "anonymous", "staff")
ACTORS = [*SHORT, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)]


@pytest.mark.parametrize("actor", ACTORS)
def test_nobody_writes_what_is_not_theirs(scene, actor):
    found = list(complaints(achieved(scene, actor), ALLOWED_OVER_API, actor))
    assert not found, "\n".join(found)


def test_who_is_let_in_by_nobody_is_in_no_rule():
    named = {actor for rule in ALLOWED_OVER_API for actor in rule.actors.split()}
    assert named <= {*SHORT, *LONG} - {"foreigner", "deactivated", "anonymous", "staff"}
    viewers = {rule.way for rule in ALLOWED_OVER_API if "viewer" in rule.actors.split()}
    assert viewers == {"DELETE tokens/{pk}/"}

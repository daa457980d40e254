"""Everybody tries every form, inline, action and page of the admin: what they may is listed."""

import pytest

from config.tests.escalation.admin import achieved
from config.tests.escalation.allowed_admin import ALLOWED_IN_ADMIN
from config.tests.escalation.judging import complaints

pytestmark = pytest.mark.django_db(databases=["default", "platform"])

# Who may do most takes minutes; what a member may do here, a viewer may.
LONG = ("owner", "staff", "manager", "member", "people", "roles")
ACTORS = [
    *(pytest.param(name, marks=pytest.mark.long) for name in LONG),
    "viewer",
    "foreigner",
    "boss",
    "deactivated",
    "anonymous",
]


@pytest.mark.parametrize("actor", ACTORS)
def test_nobody_writes_what_is_not_theirs(scene, actor):
    found = list(complaints(achieved(scene, actor), ALLOWED_IN_ADMIN, actor))
    assert not found, "\n".join(found)

"""The suite is tried itself: with one guard taken away, it must notice."""

import pytest

from agents.api.serializers import ConversationSerializer
from config.tests.escalation import admin, api
from config.tests.escalation.allowed_admin import ALLOWED_IN_ADMIN
from config.tests.escalation.allowed_api import ALLOWED_OVER_API
from config.tests.escalation.judging import Achieved, Rule, complaints
from tenants import delegation
from tenants.admin import token as token_admin
from tenants.admin import user as user_admin
from tenants.admin.base import OrganizationAdmin
from tenants.api.permissions import HoldsPermission, IsMember
from tenants.api.views import people
from tenants.models import AccessToken, Project, User

pytestmark = [pytest.mark.long, pytest.mark.django_db(databases=["default", "platform"])]


@pytest.fixture(autouse=True)
def _ways_are_found_anew():
    api._all_ways.cache_clear()
    yield
    api._all_ways.cache_clear()


def beyond_api(scene, actor, way):
    """What somebody achieves beyond what is allowed."""
    found = complaints(api.achieved(scene, actor, only=way), ALLOWED_OVER_API, actor)
    return [complaint for complaint in found if "did what" in complaint]


def beyond_admin(scene, actor, model):
    found = complaints(admin.achieved(scene, actor, [model]), ALLOWED_IN_ADMIN, actor)
    return [complaint for complaint in found if "did what" in complaint]


OVER_API = {
    "people": ("PATCH users/", delegation, "may_administer", lambda user, person: True),
    "people gives": ("POST users/", people, "_refuse_to_give", lambda by, roles: None),
    "owner": ("PATCH users/", people, "_refuse_to_lock_out", lambda is_oneself: None),
    "roles": (
        "PATCH roles/",
        people.RoleViewSet,
        "_refuse_to_permit",
        lambda self, permissions: None,
    ),
    "viewer": ("POST projects/", HoldsPermission, "has_permission", IsMember.has_permission),
    "member": ("PATCH conversations/", ConversationSerializer.Meta, "read_only_fields", []),
}


@pytest.mark.parametrize("name", OVER_API)
def test_a_guard_of_the_api_that_is_missing_is_noticed(scene, monkeypatch, name):
    way, where, guard, nothing = OVER_API[name]
    actor = name.split()[0]
    monkeypatch.setattr(where, guard, nothing)
    assert beyond_api(scene, actor, way)


IN_ADMIN = {
    "people": (User, user_admin, "may_administer", lambda user, person: True),
    "people revoke": (AccessToken, token_admin, "may_administer", lambda user, person: True),
    "people themselves": (User, user_admin, "OWN_RIGHTS", []),
    "viewer": (Project, OrganizationAdmin, "may", lambda self, request, action, row=None: True),
}


@pytest.mark.parametrize("name", IN_ADMIN)
def test_a_guard_of_the_admin_that_is_missing_is_noticed(scene, monkeypatch, name):
    model, where, guard, nothing = IN_ADMIN[name]
    actor = name.split()[0]
    monkeypatch.setattr(where, guard, nothing)
    assert beyond_admin(scene, actor, model)


def test_what_no_rule_names_and_what_no_one_can_do_is_told():
    rules = [Rule("owner", "PATCH x/", "own joined", "name; title")]
    found = [
        Achieved("owner", "PATCH x/", "own", "name"),
        Achieved("owner", "PATCH x/", "other", "name"),
    ]
    assert len(list(complaints(found, rules, "owner"))) == 3
    assert [text for text in complaints(found, rules, "owner") if "other: name" in text]
    both = [
        Achieved("owner", "PATCH x/", target, what)
        for target, what in [("own", "name"), ("joined", "title")]
    ]
    assert not list(complaints(both, rules, "owner"))

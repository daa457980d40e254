"""Each action of the API is refused without the permission it names, and with it is not."""

import re
from uuid import uuid4

import pytest

from config.tests.test_api import ROUTES
from tenants.api.testing import api_as, problem
from tenants.api.viewsets import OrganizationViewSet
from tenants.permissions import Permissions

pytestmark = pytest.mark.django_db

# (path, method, permissions of which one is enough), as they stand when the tests begin.
ACTIONS = [
    (path, method, view.cls, action, required if isinstance(required, tuple) else (required,))
    for path, view in ROUTES
    if issubclass(view.cls, OrganizationViewSet)
    for method, action in sorted(view.actions.items())
    for required in [view.cls.required_permissions[action]]
]
NAMES = [f"{method} {path}" for path, method, *_ in ACTIONS]


def address(path):
    return "/api/v1/" + re.sub(r"\(\?P<\w+>\[\^/\.\]\+\)", lambda _: str(uuid4()), path.strip("^$"))


def refuse_without_its_permission(owner, path, method, required):
    """Whoever holds all other permissions is told which one is missing."""
    scopes = sorted(set(Permissions.values) - set(required))
    refusal = problem(getattr(api_as(owner, scopes=scopes), method)(address(path)), 403)
    assert refusal["detail"] == f"This needs the permission {' or '.join(required)}."


def let_in_with_its_permission(owner, path, method, required):
    """Whoever holds it alone comes as far as to what they sent, or to which row."""
    for permission in required:
        answer = getattr(api_as(owner, scopes=[permission]), method)(address(path))
        assert answer.status_code in (200, 400, 404, 415), answer.content


@pytest.mark.parametrize(("path", "method", "view", "action", "required"), ACTIONS, ids=NAMES)
def test_an_action_takes_its_permission(people, path, method, view, action, required):
    refuse_without_its_permission(people["acme-owner"], path, method, required)
    let_in_with_its_permission(people["acme-owner"], path, method, required)


def test_somebody_of_no_role_may_do_nothing(people, acme):
    from tenants.context import acting_for
    from tenants.models import UserRole

    with acting_for(acme):
        UserRole.objects.filter(user=people["acme-viewer"]).delete()
    nobody = api_as(people["acme-viewer"])
    for path, method, _, _, _ in ACTIONS:
        problem(getattr(nobody, method)(address(path)), 403)

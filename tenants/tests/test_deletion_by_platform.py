"""Deleting what platform staff administer takes content along that their login cannot reach."""

import pytest
from django.db import transaction

from tenants.context import acting_as_platform, acting_for
from tenants.deletion import delete, restore
from tenants.models import User
from tenants.testing import as_owner
from tenants.tests.trees import GOES_WITH, living, make_tree, wrong_counters

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def living_people():
    return set(User.objects.values_list("username", flat=True))


@pytest.mark.parametrize("label", ["tenants.Project", "tenants.User", "agents.AgentConfig"])
def test_what_platform_staff_delete_takes_content_with_it(acme, label):
    with acting_for(acme):
        tree = make_tree(acme)
    with acting_as_platform():
        delete(tree[label])
    with acting_for(acme):
        assert tree.keys() - living(tree) == GOES_WITH[label]
        assert not wrong_counters(acme.pk)
    with acting_as_platform():
        restore(tree[label])
    with acting_for(acme):
        assert living(tree) == tree.keys()
        assert not wrong_counters(acme.pk)


def test_what_platform_staff_did_not_commit_takes_nothing_with_it(acme):
    with acting_for(acme):
        tree = make_tree(acme)
    with acting_as_platform():
        delete(tree["tenants.Project"])
        transaction.set_rollback(True, using="platform")
    with acting_for(acme):
        assert living(tree) == tree.keys()


def test_platform_staff_delete_an_organization_and_bring_it_back(acme):
    with acting_for(acme):
        tree = make_tree(acme)
    with acting_as_platform():
        before = living_people()
        delete(acme)
        assert not {name for name in living_people() if name.startswith("acme-")}
        restore(acme)
        assert living_people() == before
    with acting_for(acme):
        assert living(tree) == tree.keys()


def test_an_organization_goes_with_all_that_it_has(acme, globex):
    with acting_for(acme):
        tree = make_tree(acme)
    with as_owner():
        before = living_people()
        delete(acme)
        assert living(tree) == set()
        assert not living_people() & {name for name in before if name.startswith("acme-")}
        assert living_people() >= {name for name in before if name.startswith("globex-")}
        restore(acme)
        assert living(tree) == tree.keys()
        assert living_people() == before

"""Purging and restoring at the same moment: a deletion goes wholly or comes back wholly."""

import pytest

from tenants.context import acting_for
from tenants.deletion import RestoreConflict, delete, restore
from tenants.purging import purge_organization
from tenants.testing import as_owner
from tenants.tests.purging import left, let_time_pass, purge
from tenants.tests.racing import in_another_transaction, race
from tenants.tests.trees import GOES_WITH, living, make_tree, wrong_counters

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tree(acme):
    with acting_for(acme):
        tree = make_tree(acme)
        delete(tree["tenants.Project"])
    let_time_pass()
    return tree


def test_what_is_being_restored_is_left_alone(acme, tree):
    with in_another_transaction(acting_for(acme), lambda: restore(tree["tenants.Project"])):
        assert "1 kept for now" in purge()
    with acting_for(acme):
        assert living(tree) == tree.keys()
        assert not wrong_counters(acme.pk)


def test_what_is_purged_cannot_be_restored_at_the_same_time(acme, tree):
    stale = tree["tenants.Project"]
    purge()
    with acting_for(acme), pytest.raises(type(stale).DoesNotExist):
        restore(stale)
    assert left(acme, tree) == tree.keys() - GOES_WITH["tenants.Project"]


def test_another_parent_that_comes_back_does_not_bring_what_is_being_purged(acme, tree):
    """The conversation of a person who is restored goes with its project all the same."""
    project, person = tree["tenants.Project"], tree["tenants.User"]
    with acting_for(acme):
        delete(person)

    def restore_the_person(tally):
        if left(acme, tree) & {"agents.Conversation"} and person.is_deleted:
            with_another_connection(lambda: restore(person))
            person.is_deleted = False

    def with_another_connection(verb):
        with in_another_transaction(acting_for(acme), verb):
            pass

    with as_owner():
        purge_organization(acme, older_than=20, progress=restore_the_person)
    assert not person.is_deleted
    assert left(acme, tree) == tree.keys() - GOES_WITH["tenants.Project"]
    with acting_for(acme):
        assert living({"person": person})
        assert not type(project).all_objects.filter(pk=project.pk).exists()
        assert not wrong_counters(acme.pk)


@pytest.mark.parametrize("rounds", [4, pytest.param(60, marks=pytest.mark.long)])
def test_of_a_purge_and_a_restore_one_wins_wholly(acme, rounds):
    outcomes = set()
    for number in range(rounds):
        with acting_for(acme):
            tree = make_tree(acme, name=f"t{number}")
            project = tree["tenants.Project"]
            delete(project)
        let_time_pass()

        def come_back(project=project):
            with acting_for(acme):
                restore(project)

        with as_owner():
            purged, restored = race(lambda: purge_organization(acme), come_back)
        assert not isinstance(purged, Exception), purged
        with acting_for(acme):
            there = living(tree)
        if restored is None:
            assert there == tree.keys()
        else:
            assert isinstance(restored, RestoreConflict | type(project).DoesNotExist)
            purge()
            assert left(acme, tree) == tree.keys() - GOES_WITH["tenants.Project"]
        outcomes.add(restored is None)
        with acting_for(acme):
            assert not wrong_counters(acme.pk)
            if restored is None:
                delete(project)  # its room is for the next round
    assert outcomes

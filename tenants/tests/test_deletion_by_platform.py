"""Deleting what platform staff administer takes content along that their login cannot reach."""

import pytest
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from tenants.context import acting_as_platform, acting_for
from tenants.deletion import delete, restore
from tenants.models import User
from tenants.tasks import settle_deletion
from tenants.testing import as_owner
from tenants.tests.purging import let_time_pass, purge, rows_by_table
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


class Died(Exception):
    """What happens to a process between a commit and what it meant to do after."""


def as_staff_who_die_after_the_commit(verb):
    def die():
        raise Died

    with pytest.raises(Died), acting_as_platform():
        transaction.on_commit(die, using="platform")
        verb()


def run_jobs():
    """Do what a worker would do with the jobs that were queued; return how many there were."""
    queued = list(ProcrastinateJob.objects.filter(task_name=settle_deletion.name).order_by("pk"))
    assert {job.queue_name for job in queued} <= {"people"}
    for job in queued:
        settle_deletion(**job.args)
    return len(queued)


@pytest.mark.parametrize("label", ["tenants.Project", "tenants.User", "agents.AgentConfig"])
def test_when_the_process_dies_a_job_finishes_what_platform_staff_began(acme, label):
    with acting_for(acme):
        tree = make_tree(acme)
    as_staff_who_die_after_the_commit(lambda: delete(tree[label]))
    with acting_for(acme):
        assert tree.keys() - living(tree) < GOES_WITH[label]
    assert run_jobs() == 1
    with acting_for(acme):
        assert tree.keys() - living(tree) == GOES_WITH[label]
        assert not wrong_counters(acme.pk)
    as_staff_who_die_after_the_commit(lambda: restore(tree[label]))
    with acting_for(acme):
        assert living(tree) < tree.keys()
    assert run_jobs() == 2
    with acting_for(acme):
        assert living(tree) == tree.keys()
        assert not wrong_counters(acme.pk)


def test_a_job_that_comes_late_goes_by_how_things_are_by_then(acme):
    with acting_for(acme):
        tree = make_tree(acme)
    project = tree["tenants.Project"]
    as_staff_who_die_after_the_commit(lambda: delete(project))
    as_staff_who_die_after_the_commit(lambda: restore(project))
    run_jobs()
    with acting_for(acme):
        assert living(tree) == tree.keys()
    as_staff_who_die_after_the_commit(lambda: delete(project))
    for _ in range(2):
        assert run_jobs() == 3
        with acting_for(acme):
            assert tree.keys() - living(tree) == GOES_WITH["tenants.Project"]
            assert not wrong_counters(acme.pk)


def test_what_was_rolled_back_leaves_no_job(acme):
    with acting_for(acme):
        tree = make_tree(acme)
    with acting_as_platform():
        delete(tree["tenants.Project"])
        transaction.set_rollback(True, using="platform")
    assert run_jobs() == 0


def test_a_job_for_a_row_that_is_gone_for_good_does_nothing(acme):
    with acting_for(acme):
        tree = make_tree(acme)
    with acting_as_platform():
        delete(tree["tenants.Project"])
    let_time_pass()
    purge()
    before = rows_by_table(acme.pk)
    assert run_jobs() == 1
    assert rows_by_table(acme.pk) == before


def test_what_an_organizations_own_people_delete_needs_no_job(acme):
    with acting_for(acme):
        delete(make_tree(acme)["tenants.Project"])
    assert run_jobs() == 0

from functools import partial

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction

from tenants import counters
from tenants.baker_recipes import project_recipe, user_recipe
from tenants.context import acting_for
from tenants.counters import QuotaExceeded
from tenants.deletion import delete, restore
from tenants.models import Organization, OrganizationUsage, Project, ProjectMember, User
from tenants.services import add_member, create_project, create_user, remove_member
from tenants.testing import as_owner
from tenants.tests.racing import race
from tenants.tests.trees import living, make_tree, wrong_counters

FEW_AND_MANY = [8, pytest.param(64, marks=pytest.mark.long)]


def used(quota="users"):
    return OrganizationUsage.objects.values_list(quota, flat=True).get()


def limit(organization, **limits):
    with as_owner():
        Organization.objects.filter(pk=organization.pk).update(**limits)


@pytest.mark.parametrize(
    ("quota", "room"),
    [("users", 50 - 4), ("projects", 10), ("storage_bytes", 100 * 10**9)],
)
def test_a_quota_can_be_used_up_to_its_limit_and_no_further(acme, quota, room):
    with acting_for(acme):
        before = used(quota)
        counters.claim(acme.pk, quota, room)
        assert used(quota) == before + room
        with pytest.raises(QuotaExceeded):
            counters.claim(acme.pk, quota)
        assert used(quota) == before + room
        counters.release(acme.pk, quota)
        counters.claim(acme.pk, quota)


def test_a_refusal_says_what_there_was_and_what_was_asked(acme):
    said = "quota of users is 50; 4 are used"
    with acting_for(acme), pytest.raises(QuotaExceeded, match=said) as refusal:
        counters.claim(acme.pk, "users", 47)
    found = refusal.value
    assert (found.quota, found.limit, found.used, found.asked) == ("users", 50, 4, 47)


def test_no_more_can_be_given_back_than_was_taken(acme):
    with acting_for(acme), pytest.raises(IntegrityError), transaction.atomic():
        counters.release(acme.pk, "projects")


def test_an_organization_takes_nothing_of_anothers_room(acme, globex):
    with acting_for(acme), pytest.raises(ObjectDoesNotExist):
        counters.claim(globex.pk, "users")
    with acting_for(globex):
        assert used() == 4


def test_a_counter_beside_the_row_in_hand(acme):
    with acting_for(acme):
        project = project_recipe.make()
        counters.add(project, "member_count", 2)
        assert project.member_count == 2
        project.refresh_from_db()
        assert project.member_count == 2


def test_letting_a_member_in_twice_counts_once(acme, people):
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        assert add_member(project=project, user=people["acme-member"])[1]
        assert not add_member(project=project, user=people["acme-member"])[1]
        assert project.member_count == 1
        assert remove_member(project=project, user=people["acme-member"])
        assert not remove_member(project=project, user=people["acme-member"])
        project.refresh_from_db()
        assert project.member_count == 0


def test_letting_a_deleted_person_in_counts_nobody(acme):
    with acting_for(acme):
        project, user = project_recipe.make(), user_recipe.make()
        stale = User.objects.get(pk=user.pk)
        delete(user)
        add_member(project=project, user=stale)
        assert project.member_count == 0
        restore(user)
        project.refresh_from_db()
        assert project.member_count == 1


def test_a_project_over_quota_is_not_made(acme):
    with acting_for(acme):
        counters.claim(acme.pk, "projects", 10)
        with pytest.raises(QuotaExceeded):
            create_project(organization_id=acme.pk, name="Eleventh")
        assert not Project.objects.exists()


def test_a_wrong_counter_is_found_and_set_right(acme):
    with acting_for(acme):
        tree = make_tree(acme)
        OrganizationUsage.objects.update(storage_bytes=7)
        Project.objects.update(member_count=9)
        type(tree["agents.Conversation"]).objects.update(message_count=0)
        assert {found[:2] for found in wrong_counters(acme.pk)} == {
            ("tenants.OrganizationUsage", "storage_bytes"),
            ("tenants.Project", "member_count"),
            ("agents.Conversation", "message_count"),
        }
        counters.recount_all(acme.pk)
        assert wrong_counters(acme.pk) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("racers", FEW_AND_MANY)
def test_the_last_seat_goes_to_one(acme, racers):
    limit(acme, max_users=5)

    def take(number):
        with acting_for(acme):
            return create_user(
                organization=acme, username=f"racer-{number}", email=f"racer-{number}@acme.test"
            )

    ran = race(*(partial(take, number) for number in range(racers)))
    assert sum(isinstance(found, User) for found in ran) == 1
    assert sum(isinstance(found, QuotaExceeded) for found in ran) == racers - 1
    with acting_for(acme):
        assert used() == 5 == User.objects.count()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("racers", FEW_AND_MANY)
def test_those_who_fit_all_get_in(acme, racers):
    limit(acme, max_projects=racers)

    def take(number):
        with acting_for(acme):
            return create_project(organization_id=acme.pk, name=f"Project {number}")

    ran = race(*(partial(take, number) for number in range(racers)))
    assert all(isinstance(found, Project) for found in ran), ran
    with acting_for(acme):
        assert used("projects") == racers
        assert wrong_counters(acme.pk) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("racers", FEW_AND_MANY)
def test_those_who_let_in_and_take_out_the_same_member_count_right(acme, people, racers):
    with acting_for(acme):
        create_project(organization_id=acme.pk, name="Rocket")

    def change(verb):
        with acting_for(acme):
            return verb(project=Project.objects.get(), user=people["acme-member"])

    ran = race(*(partial(change, [add_member, remove_member][n % 2]) for n in range(racers)))
    assert not [found for found in ran if isinstance(found, Exception)]
    with acting_for(acme):
        assert Project.objects.get().member_count == ProjectMember.objects.count()


@pytest.mark.django_db(transaction=True)
def test_a_seat_of_who_is_deleted_meanwhile_is_not_counted(acme):
    with acting_for(acme):
        projects = [create_project(organization_id=acme.pk, name=name) for name in "abc"]
        user = user_recipe.make()
        counters.recount_all(acme.pk)

    def let_in(project):
        with acting_for(acme):
            add_member(project=project, user=user)

    def leave():
        with acting_for(acme):
            delete(User.objects.get(pk=user.pk))

    ran = race(leave, *(partial(let_in, project) for project in projects))
    assert ran == [None] * 4
    with acting_for(acme):
        assert wrong_counters(acme.pk) == []
        assert not ProjectMember.objects.filter(user=user).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "labels",
    [
        ["agents.Conversation"],
        ["tenants.Project", "tenants.User"],
        ["tenants.Project", "knowledge.Document"],
        ["tenants.Project", "agents.Conversation"],
        ["agents.AgentConfig", "agents.Conversation"],
        ["agents.Conversation", "agents.Message"],
        ["tenants.User", "agents.Message", "reply"],
    ],
    ids=str,
)
def test_those_who_delete_at_the_same_time_do_not_wait_in_a_circle(acme, labels):
    with acting_for(acme):
        trees = [make_tree(acme, name=name) for name in "abcd"]
    rows = [tree[label] for tree in trees for label in labels]

    def remove(row):
        with acting_for(acme):
            return delete(row)

    ran = race(*(partial(remove, row) for row in rows))
    assert not [found for found in ran if isinstance(found, Exception)]
    with acting_for(acme):
        assert wrong_counters(acme.pk) == []
        assert living(dict(enumerate(rows))) == set()


@pytest.mark.django_db(transaction=True)
def test_one_deletion_takes_a_row_that_many_delete(acme):
    with acting_for(acme):
        tree = make_tree(acme)

    def remove():
        with acting_for(acme):
            return delete(Project.objects.get(pk=tree["tenants.Project"].pk))

    found = {ran for ran in race(*[remove] * 8) if not isinstance(ran, Project.DoesNotExist)}
    assert len(found) == 1
    with acting_for(acme):
        assert used("projects") == 0
        restore(Project.all_objects.get())
        assert living(tree) == tree.keys()

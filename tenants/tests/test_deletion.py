import pytest
from django.core.exceptions import PermissionDenied

from common.ids import uuid7
from tenants import services
from tenants.baker_recipes import role_recipe, user_recipe, user_role_recipe
from tenants.context import acting_for
from tenants.counters import QuotaExceeded
from tenants.deletion import RestoreConflict, delete, restore, what_goes_with
from tenants.models import Organization, OrganizationUsage, Project, ProjectMember, Role, User
from tenants.testing import as_owner
from tenants.tests.trees import (
    ENTITIES,
    GOES_WITH,
    OF_A_CONVERSATION,
    OF_A_PROJECT,
    living,
    make_tree,
    model,
    orphans,
    wrong_counters,
)


@pytest.fixture
def tree(acme):
    with acting_for(acme):
        yield make_tree(acme)


def used(quota):
    return OrganizationUsage.objects.values_list(quota, flat=True).get()


@pytest.mark.parametrize("label", sorted(GOES_WITH))
def test_what_belongs_to_a_row_goes_with_it_and_comes_back_with_it(acme, tree, label):
    other = make_tree(acme, name="b")
    foreseen = {found._meta.label: count for found, count in what_goes_with([tree[label]])}
    deletion_id = delete(tree[label])
    gone = tree.keys() - living(tree)
    assert gone == GOES_WITH[label]
    assert all(
        type(tree[name])._base_manager.get(pk=tree[name].pk).deletion_id == deletion_id
        for name in gone
    )
    assert sum(foreseen.values()) == len(gone) - 1
    assert living(other) == other.keys()
    assert not wrong_counters(acme.pk)
    restore(tree[label])
    assert living(tree) == tree.keys()
    assert not wrong_counters(acme.pk)


def test_what_was_deleted_before_stays_deleted(acme, tree):
    delete(tree["reply"])
    delete(tree["agents.Conversation"])
    restore(tree["agents.Conversation"])
    assert living(tree) == tree.keys() - {"reply"}
    assert not wrong_counters(acme.pk)
    restore(tree["reply"])
    assert living(tree) == tree.keys()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("agents.AgentConfig", "tenants.User"),
        ("tenants.User", "agents.AgentConfig"),
        ("tenants.User", "tenants.Project"),
        ("tenants.Project", "tenants.User"),
    ],
)
@pytest.mark.parametrize("same_order", [True, False])
def test_what_belongs_to_two_deleted_rows_waits_for_both(acme, tree, first, second, same_order):
    delete(tree[first])
    delete(tree[second])
    back = (first, second) if same_order else (second, first)
    restore(tree[back[0]])
    assert not living(tree) & OF_A_CONVERSATION
    assert not orphans()
    restore(tree[back[1]])
    assert living(tree) == tree.keys()
    assert not wrong_counters(acme.pk)


def test_a_row_does_not_come_back_before_what_it_belongs_to(tree):
    delete(tree["tenants.Project"])
    document = type(tree["knowledge.Document"]).all_objects.get()
    with pytest.raises(RestoreConflict, match="Restore a first"):
        restore(document)
    assert document.is_deleted
    assert not living({"document": document})


def test_deleting_again_changes_nothing(tree):
    stale = Project.objects.get(pk=tree["tenants.Project"].pk)
    deletion_id = delete(tree["tenants.Project"])
    assert delete(stale) == deletion_id
    assert stale.is_deleted
    assert stale.deletion_id == deletion_id
    restore(stale)
    assert living(tree) == tree.keys()


def test_restoring_goes_by_what_is_stored(tree):
    stale = Project.objects.get(pk=tree["tenants.Project"].pk)
    delete(tree["tenants.Project"])
    restore(stale)  # which does not know that it was deleted
    assert living(tree) == tree.keys()
    restore(tree["tenants.Project"])  # which does not know that it is back
    assert not tree["tenants.Project"].is_deleted


def test_a_row_that_is_nowhere_cannot_be_deleted_or_restored(tree):
    nobody = Project(name="Nowhere")
    for verb in (delete, restore):
        with pytest.raises(Project.DoesNotExist):
            verb(nobody)


def test_another_organizations_row_cannot_be_deleted(acme, globex):
    with acting_for(globex):
        tree = make_tree(globex)
    with acting_for(acme), pytest.raises(Project.DoesNotExist):
        delete(tree["tenants.Project"])
    with acting_for(globex):
        assert living(tree) == tree.keys()


def test_a_built_in_role_cannot_be_deleted_by_an_organization(acme):
    with acting_for(acme):
        role = Role.objects.get(name="Member", organization=None)
        with pytest.raises(PermissionDenied, match="Member cannot be deleted"):
            delete(role)
        assert Role.objects.contains(role)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity._meta.label)
def test_a_deleted_row_is_seen_by_all_objects_alone(entity):
    assert entity._default_manager.name == "objects"
    assert entity._base_manager.name == "all_objects"
    hidden = str(entity.objects.all().query)
    assert 'NOT "' in hidden
    assert f'NOT "{entity._meta.db_table}"."is_deleted"' in hidden
    assert '"is_deleted" =' not in str(entity.all_objects.all().query)


def test_a_deleted_row_is_in_no_list_of_its_relations(acme, tree):
    project, user = tree["tenants.Project"], tree["tenants.User"]
    delete(tree["knowledge.Document"])
    delete(tree["agents.Message"])
    assert not project.documents.exists()
    assert list(tree["agents.Conversation"].messages.all()) == [tree["reply"]]
    assert not Project.objects.prefetch_related("documents").get(pk=project.pk).documents.all()
    delete(user)
    assert not project.members.exists()
    assert not project.memberships.exists()
    assert not ProjectMember.objects.filter(project=project).exists()
    assert ProjectMember.all_objects.filter(project=project).exists()
    project.refresh_from_db()
    assert project.member_count == 0


def test_a_deleted_role_gives_no_rights_and_is_nobodys(acme):
    with acting_for(acme):
        link = user_role_recipe.make()
        link.role.permissions.add(
            model("tenants.Permission").objects.get(name="tenants.view_user"),
            through_defaults={"organization_id": acme.pk},
        )
        assert User.objects.get(pk=link.user_id).has_perm("tenants.view_user")
        delete(link.role)
        assert not User.objects.get(pk=link.user_id).has_perm("tenants.view_user")
        assert not link.user.roles.exists()
        restore(link.role)
        assert User.objects.get(pk=link.user_id).has_perm("tenants.view_user")


def test_restoring_over_a_name_that_was_taken_changes_nothing(acme, tree):
    delete(tree["tenants.Project"])
    agent = model("agents.AgentConfig")
    agent.objects.create(name="New", slug="agent-a", agent_type="doc", system_prompt="Answer.")
    with pytest.raises(RestoreConflict, match="another has its name"):
        restore(tree["tenants.Project"])
    assert not living(tree) & OF_A_PROJECT
    assert tree["tenants.Project"].is_deleted
    assert not wrong_counters(acme.pk)


def test_a_role_restored_beside_its_namesake_is_a_conflict(acme):
    with acting_for(acme):
        role = role_recipe.make(name="Editor")
        delete(role)
        role_recipe.make(name="Editor")
        with pytest.raises(RestoreConflict):
            restore(role)


def test_a_restored_row_takes_its_room_again(acme, tree):
    document = tree["knowledge.Document"]
    assert used("storage_bytes") == 1000
    delete(document)
    assert used("storage_bytes") == 0
    restore(document)
    assert used("storage_bytes") == 1000


@pytest.mark.django_db(transaction=True)
def test_where_there_is_no_room_any_more_nothing_comes_back(acme):
    with acting_for(acme):
        tree = make_tree(acme)
        delete(tree["tenants.User"])
    limit_people(acme, 4)
    with acting_for(acme):
        with pytest.raises(QuotaExceeded) as refusal:
            restore(tree["tenants.User"])
        assert (refusal.value.quota, refusal.value.limit) == ("users", 4)
        assert (refusal.value.used, refusal.value.asked) == (4, 1)
        assert not living({"user": tree["tenants.User"]})


@pytest.mark.django_db(transaction=True)
def test_another_quota_that_is_full_is_no_obstacle(acme):
    with acting_for(acme):
        tree = make_tree(acme)
        delete(tree["knowledge.Document"])
        delete(tree["tenants.Project"])
    limit_people(acme, 1)
    with acting_for(acme):
        restore(tree["tenants.Project"])
        restore(tree["knowledge.Document"])


def limit_people(organization, limit):
    with as_owner():
        Organization.objects.filter(pk=organization.pk).update(max_users=limit)


def test_a_member_who_was_deleted_is_not_counted_twice(acme, tree):
    project, user = tree["tenants.Project"], tree["tenants.User"]
    delete(user)
    project.refresh_from_db()
    assert not services.remove_member(project=project, user=user)
    assert project.member_count == 0
    restore(user)
    project.refresh_from_db()
    assert project.member_count == 1


def test_a_project_that_comes_back_counts_the_members_of_today(acme, tree):
    project = tree["tenants.Project"]
    services.add_member(project=project, user=user_recipe.make())
    delete(project)
    delete(tree["tenants.User"])
    restore(project)
    project.refresh_from_db()
    assert project.member_count == 1
    assert not wrong_counters(acme.pk)


def test_ids_of_deletions_are_time_ordered(tree):
    before = uuid7()
    assert before < delete(tree["agents.Message"]) < delete(tree["tenants.Project"])


def test_a_counter_is_right_after_every_deletion(acme, tree):
    assert [used(quota) for quota in ("users", "projects", "storage_bytes")] == [5, 1, 1000]
    delete(tree["tenants.Project"])
    assert [used(quota) for quota in ("users", "projects", "storage_bytes")] == [5, 0, 0]
    delete(tree["tenants.User"])
    assert [used(quota) for quota in ("users", "projects", "storage_bytes")] == [4, 0, 0]

"""Deleted rows in the admin's lists: hidden, shown when asked for, restored."""

import pytest

from tenants.admin.testing import page, signed_in
from tenants.baker_recipes import project_recipe, role_recipe, token_recipe, user_recipe
from tenants.context import acting_as_platform, acting_for
from tenants.deletion import delete
from tenants.models import AccessToken, Organization, Permission, Project, Role, User
from tenants.services import create_project, create_user, set_permissions

TRASH = {"deleted": "yes"}
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


@pytest.fixture
def gone(acme):
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="canary")
        delete(project)
        create_project(organization_id=acme.pk, name="sparrow")
    return project


def ask_to_restore(browser, model, *rows, query="?deleted=yes"):
    data = {"action": "restore", "_selected_action": [str(row.pk) for row in rows]}
    return browser.post(page(model, "changelist") + query, data, follow=True)


def is_living(row):
    with acting_for(row.organization_id):
        return type(row).objects.filter(pk=row.pk).exists()


def test_a_list_hides_what_is_deleted_until_it_is_asked_for(gone):
    browser = signed_in("acme-owner")
    living = browser.get(page(Project, "changelist")).content
    assert b"sparrow" in living
    assert b"canary" not in living
    trash = browser.get(page(Project, "changelist"), TRASH).content
    assert b"canary" in trash
    assert b"sparrow" not in trash
    assert page(Project, "change", gone.pk).encode() not in trash


def test_what_is_deleted_can_be_searched_and_filtered(gone):
    browser = signed_in("acme-owner")
    for asked, found in (({"q": "can"}, True), ({"q": "spar"}, False)):
        assert (b"canary" in browser.get(page(Project, "changelist"), TRASH | asked).content) == (
            found
        )
    inactive = TRASH | {"is_active__exact": "0"}
    assert b"canary" not in browser.get(page(Project, "changelist"), inactive).content


def test_what_is_deleted_is_restored_by_an_action(gone):
    browser = signed_in("acme-owner")
    offered = browser.get(page(Project, "changelist"), TRASH).content.decode()
    assert 'value="restore"' in offered
    assert "delete_selected" not in offered
    assert 'value="restore"' not in browser.get(page(Project, "changelist")).content.decode()
    answer = ask_to_restore(browser, Project, gone)
    assert "Restored 1." in answer.content.decode()
    assert is_living(gone)


def test_a_living_row_cannot_be_restored(gone):
    browser = signed_in("acme-owner")
    ask_to_restore(browser, Project, gone, query="")
    assert not is_living(gone)


def test_a_conflict_is_told_and_the_others_come_back(acme):
    with acting_for(acme):
        first, second = role_recipe.make(name="Editor"), role_recipe.make(name="Reader")
        delete(first)
        delete(second)
        role_recipe.make(name="Editor")
    answer = ask_to_restore(signed_in("acme-owner"), Role, first, second).content.decode()
    assert "Rename or delete that one first" in answer
    assert "Restored 1." in answer
    assert (is_living(first), is_living(second)) == (False, True)


def staff_with(organization, *names):
    with acting_for(organization):
        role = role_recipe.make(name="Lesser")
        set_permissions(role=role, permissions=Permission.objects.filter(name__in=names))
        create_user(
            organization=organization,
            username="lesser",
            email="lesser@acme.test",
            password="correct horse battery",
            is_staff=True,
            roles=[role],
        )
    return signed_in("lesser")


def test_who_may_not_delete_sees_no_trash_and_restores_nothing(acme, gone):
    browser = staff_with(acme, "tenants.view_project", "tenants.view_all_projects")
    assert b"sparrow" in browser.get(page(Project, "changelist")).content
    assert b"canary" not in browser.get(page(Project, "changelist"), TRASH, follow=True).content
    ask_to_restore(browser, Project, gone)
    assert not is_living(gone)


def test_who_could_not_see_a_row_does_not_see_it_deleted(acme, gone):
    browser = staff_with(acme, "tenants.view_project", "tenants.delete_project")
    assert b"canary" not in browser.get(page(Project, "changelist"), TRASH).content
    ask_to_restore(browser, Project, gone)
    assert not is_living(gone)


def test_more_rights_than_ones_own_are_not_brought_back(acme):
    rights = [f"tenants.{verb}_{of}" for verb in ("view", "delete") for of in ("role", "user")]
    browser = staff_with(acme, *rights)
    with acting_for(acme):
        greater, lesser = role_recipe.make(name="Greater"), role_recipe.make(name="Like mine")
        set_permissions(role=greater, permissions=Permission.objects.all())
        set_permissions(role=lesser, permissions=Permission.objects.filter(name=rights[0]))
        owner = Role.objects.get(name="Owner", organization=None)
        boss = create_user(
            organization=acme, username="boss", email="boss@acme.test", roles=[owner]
        )
        colleague = user_recipe.make()
        for row in (greater, lesser, boss, colleague):
            delete(row)
    assert "not yours to restore" in ask_to_restore(browser, Role, greater).content.decode()
    assert "not yours to restore" in ask_to_restore(browser, User, boss).content.decode()
    ask_to_restore(browser, Role, lesser)
    ask_to_restore(browser, User, colleague)
    assert [is_living(row) for row in (greater, boss, lesser, colleague)] == [
        False,
        False,
        True,
        True,
    ]


def test_a_revoked_token_stays_revoked(acme, people):
    with acting_for(acme):
        token = token_recipe.make(user=people["acme-member"], prefix="canary")
        delete(token)
    browser = signed_in("acme-owner")
    page_of_it = browser.get(page(AccessToken, "changelist"), TRASH, follow=True)
    assert b"canary" not in page_of_it.content
    ask_to_restore(browser, AccessToken, token)
    assert not is_living(token)


@both_logins
def test_platform_staff_restore_an_organization(acme, globex):
    with acting_as_platform():
        delete(acme)
    browser = signed_in("staff")
    assert b"acme" not in browser.get(page(Organization, "changelist")).content
    assert b"acme" in browser.get(page(Organization, "changelist"), TRASH).content
    assert "Restored 1." in ask_to_restore(browser, Organization, acme).content.decode()
    assert b"acme" in browser.get(page(Organization, "changelist")).content


@both_logins
def test_platform_staff_see_whose_the_deleted_rows_are(acme, globex):
    for organization in (acme, globex):
        with acting_for(organization):
            delete(project_recipe.make(name=f"{organization.slug}-canary"))
    trash = signed_in("staff").get(page(Project, "changelist"), TRASH).content.decode()
    assert "acme-canary" in trash
    assert "globex-canary" in trash
    owners = signed_in("acme-owner").get(page(Project, "changelist"), TRASH).content.decode()
    assert "acme-canary" in owners
    assert "globex-canary" not in owners


@both_logins
def test_platform_staff_alone_say_how_long_deleted_rows_are_kept(acme):
    address = page(Organization, "change", acme.pk)
    assert b'name="retention_days"' in signed_in("staff").get(address).content
    own = signed_in("acme-owner").get(address).content
    assert b'name="retention_days"' not in own
    assert b"Days that deleted rows are kept" in own

"""Projects in the admin: made, staffed and removed with exact counts."""

import pytest

from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.context import acting_as_platform, acting_for
from tenants.models import OrganizationUsage, Project, ProjectMember, User, UserRole
from tenants.services import add_member, create_project

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


def person(role, organization):
    with acting_for(organization):
        return User.objects.get(username=f"{organization.slug}-{role}")


def use_of(organization):
    with acting_for(organization):
        return OrganizationUsage.objects.get().projects


def members_of(project):
    with acting_for(project.organization_id):
        project.refresh_from_db()
        memberships = ProjectMember.objects.filter(project=project).select_related("user")
        names = {membership.user.username for membership in memberships}
        assert project.member_count == len(names)
        return names


def project_with(organization, *roles, name="Rocket"):
    with acting_for(organization):
        project = create_project(organization_id=organization.pk, name=name)
        for role in roles:
            add_member(project=project, user=person(role, organization))
        return project


def test_an_owner_makes_a_project_and_is_in_it(acme):
    manager = person("manager", acme)
    data = {"name": "Rocket", "manager": str(manager.pk), "is_active": "on", **NO_MEMBERS}
    assert signed_in("acme-owner").post(page(Project, "add"), data).status_code == 302
    with acting_for(acme):
        project = Project.objects.get(name="Rocket")
        assert (project.organization_id, project.manager) == (acme.pk, manager)
    assert members_of(project) == {"acme-owner"}
    assert use_of(acme) == 1


@both_logins
def test_nobody_of_the_platform_manages_a_project(acme):
    """They belong to no organization, which is not to belong to every one."""
    client = signed_in("staff")
    with acting_as_platform():
        staff = User.objects.get(username="staff")
    data = {"name": "Rocket", "organization": str(acme.pk), "is_active": "on", **NO_MEMBERS}
    refused = client.post(page(Project, "add"), data | {"manager": str(staff.pk)})
    assert errors_of(refused) == {"manager": ["This belongs to another organization."]}
    own = person("manager", acme)
    assert client.post(page(Project, "add"), data | {"manager": str(own.pk)}).status_code == 302


def test_a_project_is_made_with_members(acme):
    data = {"name": "Rocket", **NO_MEMBERS, "memberships-TOTAL_FORMS": "1"}
    data["memberships-0-user"] = str(person("member", acme).pk)
    signed_in("acme-owner").post(page(Project, "add"), data)
    with acting_for(acme):
        project = Project.objects.get(name="Rocket")
    assert members_of(project) == {"acme-owner", "acme-member"}


@both_logins
def test_platform_staff_make_a_project_and_stay_out_of_it(acme):
    data = {"organization": str(acme.pk), "name": "Rocket", **NO_MEMBERS}
    assert signed_in("staff").post(page(Project, "add"), data).status_code == 302
    with acting_for(acme):
        project = Project.objects.get(name="Rocket")
    assert members_of(project) == set()
    assert use_of(acme) == 1


@both_logins
def test_a_manager_of_another_organization_is_an_error_of_the_form(acme, globex):
    data = {"organization": str(acme.pk), "name": "Rocket", **NO_MEMBERS}
    data["manager"] = str(person("manager", globex).pk)
    answer = signed_in("staff").post(page(Project, "add"), data)
    assert errors_of(answer) == {"manager": ["This belongs to another organization."]}


@both_logins
def test_a_member_of_another_organization_is_an_error_too(acme, globex):
    project = project_with(acme)
    client, address = signed_in("staff"), page(Project, "change", project.pk)
    added = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-0-user": str(person("member", globex).pk),
        "memberships-0-project": str(project.pk),
    }
    answer = client.post(address, filled(client.get(address), **added))
    assert errors_of(answer) == {"": ["Globex Member belongs to another organization."]}
    assert members_of(project) == set()


def test_another_organizations_people_are_no_choice(acme, globex):
    data = {"name": "Rocket", "manager": str(person("manager", globex).pk), **NO_MEMBERS}
    answer = signed_in("acme-owner").post(page(Project, "add"), data)
    assert "not one of the available choices" in errors_of(answer)["manager"][0]


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_members_come_and_go(acme, username):
    project = project_with(acme, "member", "viewer")
    client, address = signed_in(username), page(Project, "change", project.pk)
    changes = {
        "memberships-0-DELETE": "on",
        "memberships-TOTAL_FORMS": "3",
        "memberships-2-project": str(project.pk),
        "memberships-2-user": str(person("manager", acme).pk),
        "name": "Rocket 2",
    }
    assert client.post(address, filled(client.get(address), **changes)).status_code == 302
    assert members_of(project) == {"acme-viewer", "acme-manager"}
    assert project.name == "Rocket 2"


def test_a_member_twice_is_an_error_of_the_form(acme):
    project = project_with(acme, "member")
    client, address = signed_in("acme-owner"), page(Project, "change", project.pk)
    again = {
        "memberships-TOTAL_FORMS": "2",
        "memberships-1-project": str(project.pk),
        "memberships-1-user": str(person("member", acme).pk),
    }
    client.post(address, filled(client.get(address), **again))
    assert members_of(project) == {"acme-member"}


def test_the_last_project_of_the_quota_is_the_last(acme):
    with acting_for(acme):
        OrganizationUsage.objects.update(projects=acme.max_projects)
    answer = signed_in("acme-owner").post(page(Project, "add"), {"name": "Rocket", **NO_MEMBERS})
    assert errors_of(answer) == {
        "": ["The organization's quota of projects is 10, and 10 is in use already."]
    }


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_a_project_is_removed(acme, username):
    project, client = project_with(acme, "member"), signed_in(username)
    assert "Rocket" in client.get(page(Project, "delete", project.pk)).content.decode()
    client.post(page(Project, "delete", project.pk), {"post": "yes"})
    assert str(project.pk) not in client.get(page(Project, "changelist")).content.decode()
    assert use_of(acme) == 0


def test_who_sees_their_own_projects_only_lists_and_chooses_only_them(acme):
    """The built-in Member, let into the admin."""
    mine = project_with(acme, "member", name="Mine")
    others = project_with(acme, "manager", name="Others")
    with acting_for(acme):
        User.objects.filter(username="acme-member").update(is_staff=True)
        assert UserRole.objects.filter(user__username="acme-member").exists()
    client = signed_in("acme-member")
    shown = client.get(page(Project, "changelist")).content.decode()
    assert str(mine.pk) in shown
    assert str(others.pk) not in shown
    assert client.get(page(Project, "change", others.pk)).status_code == 302
    assert client.get(page(Project, "change", mine.pk)).status_code == 200
    assert client.post(page(Project, "change", mine.pk), {"name": "x"}).status_code == 403


@pytest.mark.parametrize("text", ["no id", "\x00", "1"])
def test_what_is_no_id_is_refused(acme, text):
    client = signed_in("acme-owner")
    data = {"name": "Rocket", **NO_MEMBERS, "memberships-TOTAL_FORMS": "1"}
    own = str(person("member", acme).pk)
    for field in ("manager", "memberships-0-user"):
        refused = client.post(page(Project, "add"), data | {"memberships-0-user": own, field: text})
        assert refused.status_code == 200
    selected = {"action": "delete_selected", "post": "yes", "_selected_action": text}
    assert client.post(page(Project, "changelist"), selected).status_code == 400
    assert use_of(acme) == 0
    good = data | {"manager": own, "memberships-0-user": own}
    assert client.post(page(Project, "add"), good).status_code == 302

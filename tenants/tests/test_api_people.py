from uuid import uuid4

import pytest

from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.models import OrganizationUsage, Role, User
from tenants.permissions import Permissions
from tenants.services import set_permissions, set_roles

USERS, ROLES, PERMISSIONS = "/api/v1/users/", "/api/v1/roles/", "/api/v1/permissions/"


def built_in(name):
    return Role.objects.get(name=name, organization=None)


def make_role(*permissions, name="Auditor"):
    """An own role of the organization acted for."""
    from tenants.models import Permission

    role = Role.objects.create(name=name)
    set_permissions(role=role, permissions=Permission.objects.filter(name__in=permissions))
    return role


def new_person(**fields):
    return {
        "email": "New@acme.test",
        "username": "acme-new",
        "full_name": "New",
        "password": "a rather long sentence",
    } | fields


@pytest.fixture
def owner(people):
    return api_as(people["acme-owner"])


@pytest.fixture
def people_manager(people, acme):
    """Somebody with every right over people and roles, and little else."""
    with acting_for(acme):
        rights = [right for right in Permissions if "_user" in right or "_role" in right]
        set_roles(user=people["acme-viewer"], roles=[make_role(*rights, name="People")])
    return api_as(people["acme-viewer"])


def test_people_of_the_organization_are_listed(owner, people):
    names = {person["username"] for person in owner.get(USERS).json()["results"]}
    assert names == {"acme-owner", "acme-manager", "acme-member", "acme-viewer"}


def test_who_may_not_see_people_sees_none(people):
    problem(api_as(people["acme-member"]).get(USERS), 403)
    assert api_as(people["acme-manager"]).get(USERS).status_code == 200
    problem(api_as(people["acme-manager"]).post(USERS, new_person()), 403)


def test_a_person_is_added_and_can_sign_in(owner, acme):
    with acting_for(acme):
        role = str(built_in("Member").pk)
    answer = owner.post(USERS, new_person(roles=[role]))
    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert (body["email"], body["roles"]) == ("new@acme.test", [role])
    assert "password" not in body
    signed_in = owner.post(
        "/api/v1/auth/login/", {"login": "acme-new", "password": "a rather long sentence"}
    )
    assert signed_in.status_code == 200
    with acting_for(acme):
        assert OrganizationUsage.objects.get().users == 5


@pytest.mark.parametrize(
    ("taken", "field"),
    [({"email": "member@%s.test"}, "email"), ({"username": "%s-member"}, "username")],
)
def test_a_name_taken_here_and_one_taken_elsewhere_are_answered_alike(owner, taken, field):
    def refusal(slug):
        return owner.post(USERS, new_person(**{k: v % slug for k, v in taken.items()}))

    here, elsewhere = refusal("acme"), refusal("globex")
    assert fields_at_fault(here) == {field}
    assert here.content == elsewhere.content


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"username": "somebody@acme.test"}, "username"),
        ({"username": "two words"}, "username"),
        ({"email": "no address"}, "email"),
        ({"password": "123"}, "password"),
        ({"roles": ["not an id"]}, "roles"),
        ({"roles": [str(uuid4())]}, "roles"),
    ],
)
def test_a_new_person_is_validated(owner, fields, at_fault):
    found = fields_at_fault(owner.post(USERS, new_person(**fields)))
    assert {field.partition(".")[0] for field in found} == {at_fault}


@pytest.mark.parametrize(
    "field", ["id", "organization", "is_staff", "is_superuser", "is_email_verified", "is_deleted"]
)
def test_what_a_person_is_cannot_be_written(owner, people, globex, field):
    value = {"id": str(uuid4()), "organization": str(globex.pk)}.get(field, True)
    assert owner.post(USERS, new_person(**{field: value})).status_code == 201
    member = people["acme-member"]
    assert owner.patch(f"{USERS}{member.pk}/", {field: value}).status_code == 200
    with acting_for(member.organization_id):
        for person in User.objects.filter(username__in=["acme-new", member.username]):
            found = person.organization_id if field == "organization" else getattr(person, field)
            assert str(found) != str(value)


def test_a_person_is_changed(owner, people, acme):
    member = people["acme-member"]
    with acting_for(acme):
        roles = [str(built_in("Viewer").pk)]
    answer = owner.patch(f"{USERS}{member.pk}/", {"full_name": "Bob", "roles": roles})
    assert answer.status_code == 200
    assert (answer.json()["full_name"], answer.json()["roles"]) == ("Bob", roles)
    assert api_as(member).get("/api/v1/me/").json()["roles"][0]["name"] == "Viewer"


def test_a_person_is_removed_and_frees_a_seat(owner, people, acme):
    member = people["acme-member"]
    theirs = api_as(member)
    assert owner.delete(f"{USERS}{member.pk}/").status_code == 204
    problem(owner.get(f"{USERS}{member.pk}/"), 404)
    problem(theirs.get("/api/v1/me/"), 401)
    with acting_for(acme):
        assert OrganizationUsage.objects.get().users == 3


def test_nobody_locks_themselves_out(owner, people):
    own = f"{USERS}{people['acme-owner'].pk}/"
    problem(owner.delete(own), 409)
    problem(owner.patch(own, {"is_active": False}), 409)
    problem(owner.patch(own, {"roles": []}), 409)
    assert owner.patch(own, {"full_name": "Alice"}).status_code == 200


def test_nobody_gives_a_role_that_permits_more_than_they_may(people_manager, people, acme):
    with acting_for(acme):
        owner_role, own_role = str(built_in("Owner").pk), str(Role.objects.get(name="People").pk)
    assert fields_at_fault(people_manager.post(USERS, new_person(roles=[owner_role])), 403)
    assert people_manager.post(USERS, new_person(roles=[own_role])).status_code == 201
    problem(
        people_manager.patch(f"{USERS}{people['acme-viewer'].pk}/", {"roles": [owner_role]}), 409
    )


def test_nobody_changes_people_who_may_do_more(people_manager, people):
    owner = f"{USERS}{people['acme-owner'].pk}/"
    assert people_manager.get(owner).status_code == 200
    problem(people_manager.patch(owner, {"email": "mine@acme.test"}), 403)
    problem(people_manager.delete(owner), 403)


def test_roles_are_the_built_in_ones_and_the_organizations_own(owner, people, acme, globex):
    with acting_for(acme):
        make_role(Permissions.DOCUMENTS_VIEW, name="Auditor")
    with acting_for(globex):
        make_role(Permissions.DOCUMENTS_VIEW, name="Secret")
    roles = {role["name"]: role for role in owner.get(ROLES).json()["results"]}
    assert roles.keys() == {"Owner", "Manager", "Member", "Viewer", "Auditor"}
    assert roles["Auditor"]["permissions"] == [Permissions.DOCUMENTS_VIEW]
    assert roles["Owner"]["is_built_in"]
    assert not roles["Auditor"]["is_built_in"]


def test_a_role_is_made_changed_and_deleted(owner, people, acme):
    made = owner.post(ROLES, {"name": "Auditor", "permissions": [Permissions.DOCUMENTS_VIEW]})
    assert made.status_code == 201, made.json()
    path = f"{ROLES}{made.json()['id']}/"
    changed = owner.patch(path, {"permissions": [Permissions.PROJECTS_VIEW]})
    assert changed.json()["permissions"] == [Permissions.PROJECTS_VIEW]
    assert owner.patch(path, {"description": "Looks on"}).json()["permissions"]
    assert owner.delete(path).status_code == 204
    problem(owner.get(path), 404)


def test_a_roles_name_is_taken_once(owner):
    role = {"name": "Auditor", "permissions": []}
    assert owner.post(ROLES, role).status_code == 201
    assert fields_at_fault(owner.post(ROLES, role)) == {"name"}


def test_a_permission_that_there_is_not_is_refused(owner):
    answer = owner.post(ROLES, {"name": "Auditor", "permissions": ["everything"]})
    assert "permissions" in {field.partition(".")[0] for field in fields_at_fault(answer)}


@pytest.mark.parametrize(
    "permissions", [["\x00"], [Permissions.DOCUMENTS_VIEW + "\x00"], {}, {Permissions.USERS_ADD: 1}]
)
def test_what_is_no_list_of_names_is_refused(owner, permissions):
    for answer in (
        owner.post(ROLES, {"name": "Auditor", "permissions": permissions}),
        owner.post(USERS, new_person(roles=permissions)),
    ):
        assert fields_at_fault(answer) & {"permissions", "roles"}
    assert owner.post(ROLES, {"name": "Auditor", "permissions": []}).status_code == 201


def test_built_in_roles_are_nobodys_to_change(owner, acme):
    with acting_for(acme):
        path = f"{ROLES}{built_in('Viewer').pk}/"
    problem(owner.patch(path, {"name": "Mine"}), 403)
    problem(owner.delete(path), 403)
    assert owner.get(path).json()["name"] == "Viewer"


def test_nobody_makes_a_role_that_permits_more_than_they_may(people_manager, acme):
    with acting_for(acme):
        strong = make_role(Permissions.DOCUMENTS_DELETE, name="Strong")
    for asked in (
        people_manager.post(ROLES, {"name": "Mine", "permissions": [Permissions.DOCUMENTS_DELETE]}),
        people_manager.patch(f"{ROLES}{strong.pk}/", {"description": "Mine"}),
        people_manager.delete(f"{ROLES}{strong.pk}/"),
    ):
        problem(asked, 403)


def test_the_catalogue_of_permissions_is_read_only(owner):
    listed = owner.get(PERMISSIONS, {"page_size": 200}).json()["results"]
    assert {right["name"] for right in listed} == set(Permissions.values)
    problem(owner.post(PERMISSIONS, {"name": "x"}), 405)


def test_another_organizations_people_and_roles_are_as_unknown_as_none(owner, people, globex):
    with acting_for(globex):
        theirs = make_role(Permissions.DOCUMENTS_VIEW, name="Secret")
    for path, foreign in ((USERS, people["globex-member"].pk), (ROLES, theirs.pk)):
        for method in ("get", "patch", "delete"):
            answers = [
                problem(getattr(owner, method)(f"{path}{key}/"), 404)
                for key in (foreign, uuid4(), "not-an-id", "%00")
            ]
            assert all(answer == answers[0] for answer in answers)


def test_another_organizations_role_cannot_be_given(owner, people, globex):
    with acting_for(globex):
        theirs = make_role(name="Secret")
    path = f"{USERS}{people['acme-member'].pk}/"
    foreign, unknown = (owner.patch(path, {"roles": [str(key)]}) for key in (theirs.pk, uuid4()))
    assert fields_at_fault(foreign) == {"roles"}
    assert foreign.content == unknown.content


def test_the_length_of_a_list_costs_no_queries(owner, acme, django_assert_max_num_queries):
    from tenants.services import create_user

    with acting_for(acme):
        for number in range(20):
            create_user(
                organization=acme,
                username=f"acme-{number}",
                email=f"{number}@acme.test",
                roles=[built_in("Member")],
            )
            make_role(Permissions.DOCUMENTS_VIEW, name=f"Role {number}")
    for path in (USERS, ROLES):
        with django_assert_max_num_queries(10):
            assert len(owner.get(path).json()["results"]) > 20

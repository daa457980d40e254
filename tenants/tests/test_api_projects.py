from uuid import uuid4

import pytest

from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.models import Project
from tenants.services import add_member, create_project

PROJECTS = "/api/v1/projects/"


@pytest.fixture
def project(acme, people):
    """A project of Acme that its member has joined."""
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        add_member(project=project, user=people["acme-member"])
    return project


@pytest.fixture
def manager(people):
    return api_as(people["acme-manager"])


def names(answer):
    return [project["name"] for project in answer.json()["results"]]


def test_members_see_the_projects_they_joined_and_managers_all(project, people):
    assert names(api_as(people["acme-member"]).get(PROJECTS)) == ["Rocket"]
    assert names(api_as(people["acme-viewer"]).get(PROJECTS)) == []
    assert names(api_as(people["acme-manager"]).get(PROJECTS)) == ["Rocket"]
    assert names(api_as(people["globex-owner"]).get(PROJECTS)) == []
    problem(api_as(people["acme-viewer"]).get(f"{PROJECTS}{project.pk}/"), 404)


def test_who_makes_a_project_joins_it(manager, people):
    made = manager.post(PROJECTS, {"name": "Rocket", "member_count": 7, "organization": "x"})
    assert made.status_code == 201
    assert made.json()["member_count"] == 1
    members = manager.get(f"{PROJECTS}{made.json()['id']}/members/").json()["results"]
    assert [member["username"] for member in members] == ["acme-manager"]


def test_a_project_is_changed_and_deleted(manager, project):
    path = f"{PROJECTS}{project.pk}/"
    assert manager.patch(path, {"name": "Moon"}).json()["name"] == "Moon"
    problem(manager.put(path, {"name": "Moon"}), 405)
    assert manager.delete(path).status_code == 204
    for answer in (manager.get(path), manager.patch(path, {"name": ""}), manager.delete(path)):
        problem(answer, 404)


def test_members_change_no_project(project, people):
    member = api_as(people["acme-member"])
    problem(member.post(PROJECTS, {"name": "Mine"}), 403)
    problem(member.patch(f"{PROJECTS}{project.pk}/", {"name": "Mine"}), 403)
    problem(member.post(f"{PROJECTS}{project.pk}/members/", {"user": str(uuid4())}), 403)


def test_people_join_and_leave(manager, project, people):
    members, viewer = f"{PROJECTS}{project.pk}/members/", people["acme-viewer"]
    asked = {"user": str(viewer.pk)}
    assert manager.post(members, asked).status_code == 201
    assert manager.post(members, asked).status_code == 200
    assert manager.get(f"{PROJECTS}{project.pk}/").json()["member_count"] == 2
    assert manager.get(f"{members}{viewer.pk}/").json()["user"] == str(viewer.pk)
    assert manager.delete(f"{members}{viewer.pk}/").status_code == 204
    problem(manager.delete(f"{members}{viewer.pk}/"), 404)
    assert manager.get(f"{PROJECTS}{project.pk}/").json()["member_count"] == 1


def test_another_organizations_person_is_as_unknown_as_none(manager, project, people):
    foreign, unknown = (
        manager.post(f"{PROJECTS}{project.pk}/members/", {"user": str(key)})
        for key in (people["globex-member"].pk, uuid4())
    )
    assert fields_at_fault(foreign) == {"user"}
    assert foreign.content == unknown.content
    foreign, unknown = (
        manager.patch(f"{PROJECTS}{project.pk}/", {"manager": str(key)})
        for key in (people["globex-member"].pk, uuid4())
    )
    assert fields_at_fault(foreign) == {"manager"}
    assert foreign.content == unknown.content


def test_another_organizations_a_deleted_and_no_project_are_answered_alike(
    manager, project, acme, globex
):
    with acting_for(globex):
        foreign = create_project(organization_id=globex.pk, name="Secret")
    with acting_for(acme):
        delete(Project.objects.get(pk=project.pk))
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "members/"),
        ("POST", "members/"),
    ):
        bodies = [
            problem(
                manager.generic(method, f"{PROJECTS}{key}/{rest}", "{bad", "application/json"), 404
            )
            for key in (foreign.pk, project.pk, uuid4(), "not-an-id")
        ]
        assert all(body == bodies[0] for body in bodies)


def test_the_length_of_a_list_costs_no_queries(
    manager, project, acme, people, django_assert_max_num_queries
):
    with acting_for(acme):
        for number in range(9):
            create_project(organization_id=acme.pk, name=f"Project {number}")
        for name in ("acme-owner", "acme-manager", "acme-viewer"):
            add_member(project=project, user=people[name])
    with django_assert_max_num_queries(9):
        assert len(manager.get(PROJECTS).json()["results"]) == 10
    with django_assert_max_num_queries(10):
        members = manager.get(f"{PROJECTS}{project.pk}/members/").json()["results"]
        assert len(members) == 4


def test_pages_follow_each_other_while_rows_come_and_go(manager, acme):
    with acting_for(acme):
        made = [create_project(organization_id=acme.pk, name=f"P{n}") for n in range(7)]
    first = manager.get(PROJECTS, {"page_size": 3}).json()
    assert [row["name"] for row in first["results"]] == ["P6", "P5", "P4"]
    assert first["previous"] is None
    assert first["next"].startswith("http://testserver/api/v1/projects/?")
    with acting_for(acme):
        create_project(organization_id=acme.pk, name="New")
        delete(made[6])
    second = manager.get(first["next"]).json()
    assert [row["name"] for row in second["results"]] == ["P3", "P2", "P1"]
    third = manager.get(second["next"]).json()
    assert [row["name"] for row in third["results"]] == ["P0"]
    assert third["next"] is None
    assert manager.get(third["previous"]).json()["results"] == second["results"]
    back = manager.get(second["previous"]).json()
    assert [row["name"] for row in back["results"]] == ["New", "P5", "P4"]
    assert back["previous"] is None


@pytest.mark.parametrize("cursor", ["x", "n", "nothing", "n%00", "q0199", "p" + "9" * 40])
def test_what_is_no_cursor_is_a_bad_request(manager, cursor):
    assert fields_at_fault(manager.get(f"{PROJECTS}?cursor={cursor}")) == {"cursor"}


@pytest.mark.parametrize(("asked", "found"), [("2", 2), ("0", 3), ("-1", 3), ("x", 3), ("900", 3)])
def test_a_page_has_the_size_that_is_asked_within_limits(manager, acme, asked, found):
    with acting_for(acme):
        for number in range(3):
            create_project(organization_id=acme.pk, name=f"P{number}")
    assert len(manager.get(PROJECTS, {"page_size": asked}).json()["results"]) == found

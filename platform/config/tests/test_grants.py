"""Grants over the API, alike for documents, agents and projects; and who can see what, and why."""

from uuid import uuid4

import pytest

from agents.baker_recipes import agent_recipe
from agents.models import AgentConfig
from agents.services import publish_agent
from knowledge import baker_recipes as knowledge_recipes
from knowledge.models import Document
from tenants import sharing
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.baker_recipes import project_recipe, role_recipe, user_recipe
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.grants import right
from tenants.models import Permission, Project, Role, User
from tenants.permissions import BUILT_IN_ROLES, Permissions
from tenants.services import add_member, set_permissions, set_roles

KINDS = {"documents": Document, "agents": AgentConfig, "projects": Project}


def built_in(name):
    return Role.objects.get(name=name, organization=None)


def make(kind, by, **fields):
    """A row of the kind, in a project of its own that nobody has joined."""
    project = project_recipe.make(name="Closed")
    if kind == "projects":
        return project
    if kind == "documents":
        return knowledge_recipes.document.make(project=project, **fields)
    agent = agent_recipe.make(project=project, **fields)
    publish_agent(agent=agent, by=by)
    return agent


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def row(acme, people, kind):
    with acting_for(acme):
        return make(kind, people["acme-owner"])


@pytest.fixture
def path(kind, row):
    return f"/api/v1/{kind}/{row.pk}/"


@pytest.fixture
def owner(people):
    return api_as(people["acme-owner"])


@pytest.fixture
def member(people):
    return api_as(people["acme-member"])


def test_a_grant_is_given_seen_and_taken_back(owner, member, people, kind, path):
    problem(member.get(path), 404)
    asked = {"user": str(people["acme-member"].pk), "action": "change"}
    made = owner.post(f"{path}grants/", asked)
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["user"]["username"], body["role"]) == ("acme-member", None)
    assert body["action"] == "change"
    assert member.get(path).status_code == 200
    assert member.patch(path, {}).status_code == 200
    assert owner.post(f"{path}grants/", asked).status_code == 200
    listed = owner.get(f"{path}grants/").json()
    assert listed["grants"] == [body]
    people_listed = {entry["user"]["username"]: entry for entry in listed["results"]}
    entry = people_listed["acme-member"]
    assert entry["actions"] == ["view", "change"]
    assert entry["reasons"] == [{"kind": "grant", "detail": "change", "grant": body["id"]}]
    assert people_listed["acme-owner"]["reasons"][0]["detail"] == "Owner"
    assert "acme-viewer" not in people_listed
    assert owner.delete(f"{path}grants/{body['id']}/").status_code == 204
    problem(member.get(path), 404)
    problem(owner.delete(f"{path}grants/{body['id']}/"), 404)
    assert owner.get(f"{path}grants/").json()["grants"] == []


def test_a_role_is_granted_and_all_who_have_it_see(owner, people, acme, path):
    viewer = api_as(people["acme-viewer"])
    problem(viewer.get(path), 404) if "agents" not in path else problem(viewer.get(path), 403)
    with acting_for(acme):
        role = built_in("Viewer")
    made = owner.post(f"{path}grants/", {"role": str(role.pk), "action": "view"}).json()
    assert (made["role"]["name"], made["user"]) == ("Viewer", None)
    assert viewer.get(path).status_code == 200
    listed = {e["user"]["username"]: e for e in owner.get(f"{path}grants/").json()["results"]}
    assert listed["acme-viewer"]["reasons"] == [
        {"kind": "role grant", "detail": "Viewer: view", "grant": made["id"]}
    ]
    problem(viewer.patch(path, {}), 403)
    with acting_for(acme):
        set_roles(user=people["acme-viewer"], roles=[built_in("Member")])
    problem(api_as(people["acme-viewer"]).get(path), 404)


def test_the_list_goes_on_by_cursor(owner, acme, people, path):
    url, found = f"{path}grants/?page_size=1", []
    while url:
        page = owner.get(url).json()
        found += [entry["user"]["username"] for entry in page["results"]]
        url = page["next"]
    assert sorted(found) == ["acme-manager", "acme-owner"]


@pytest.mark.parametrize(
    ("asked", "at_fault"),
    [
        ({"action": "view"}, {None}),
        ({"user": str(uuid4()), "action": "view"}, {"user"}),
        ({"role": str(uuid4()), "action": "view"}, {"role"}),
        ({"user": "no id", "action": "view"}, {"user"}),
        ({"action": "own"}, {"action"}),
    ],
)
def test_what_is_asked_is_validated(owner, path, asked, at_fault):
    assert fields_at_fault(owner.post(f"{path}grants/", asked)) == at_fault


def test_who_is_gone_or_elsewhere_is_like_nobody(owner, acme, globex, people, path):
    with acting_for(globex):
        stranger, foreign = people["globex-member"], role_recipe.make()
    with acting_for(acme):
        gone, lost = user_recipe.make(), role_recipe.make()
        delete(gone)
        delete(lost)
    for field, ids in (("user", (stranger, gone)), ("role", (foreign, lost))):
        answers = {
            owner.post(f"{path}grants/", {field: str(pk), "action": "view"}).content
            for pk in (*(one.pk for one in ids), uuid4())
        }
        assert len(answers) == 1
    both = {"user": str(people["acme-member"].pk), "role": str(uuid4()), "action": "view"}
    problem(owner.post(f"{path}grants/", both), 400)


def test_sharing_needs_the_right_to_change(owner, member, people, acme, row, path):
    mine = {"user": str(people["acme-member"].pk), "action": "change"}
    with acting_for(acme):
        viewing, _ = sharing.give(row=row, action="view", to=people["acme-member"])
    for answer in (
        member.get(f"{path}grants/"),
        member.post(f"{path}grants/", mine),
        member.delete(f"{path}grants/{viewing.pk}/"),
    ):
        problem(answer, 403)
    with acting_for(acme):
        sharing.give(row=row, action="change", to=people["acme-member"])
    theirs = {"user": str(people["acme-viewer"].pk), "action": "change"}
    assert member.get(f"{path}grants/").status_code == 200
    assert member.post(f"{path}grants/", theirs).status_code == 201
    assert member.delete(f"{path}grants/{viewing.pk}/").status_code == 204


def test_what_is_granted_of_one_row_is_not_granted_of_another(member, people, acme, kind, row):
    """A row that is seen beside it, and one that is not."""
    with acting_for(acme):
        other, hidden = (make(kind, people["acme-owner"]) for _ in range(2))
        sharing.give(row=row, action="change", to=people["acme-member"])
        sharing.give(row=other, action="view", to=people["acme-member"])
    base = f"/api/v1/{kind}/"
    assert member.patch(f"{base}{row.pk}/", {}).status_code == 200
    assert member.get(f"{base}{other.pk}/").status_code == 200
    problem(member.patch(f"{base}{other.pk}/", {}), 403)
    problem(member.get(f"{base}{other.pk}/grants/"), 403)
    problem(member.patch(f"{base}{hidden.pk}/", {}), 404)
    for one in (row, other):
        problem(member.delete(f"{base}{one.pk}/"), 403)
    for nested in {"agents": ["versions"], "projects": []}.get(kind, []):
        assert member.get(f"{base}{row.pk}/{nested}/").status_code == 200
        problem(member.get(f"{base}{other.pk}/{nested}/"), 403)
    if kind == "projects":
        user = {"user": str(people["acme-viewer"].pk)}
        assert member.post(f"{base}{row.pk}/members/", user).status_code == 201
        problem(member.post(f"{base}{other.pk}/members/", user), 403)
    if kind == "documents":
        assert member.post(f"{base}{row.pk}/reprocess/").status_code == 202
        problem(member.post(f"{base}{other.pk}/reprocess/"), 403)
    if kind == "agents":
        assert member.post(f"{base}{row.pk}/publish/", {}).status_code == 201
        problem(member.post(f"{base}{other.pk}/publish/", {}), 403)


def test_a_token_of_a_narrower_scope_uses_no_grant_beyond_it(people, acme, kind, row, path):
    with acting_for(acme):
        sharing.give(row=row, action="change", to=people["acme-member"])
    view = right(KINDS[kind], "view")
    narrow = api_as(people["acme-member"], scopes=[view])
    assert narrow.get(path).status_code == 200
    problem(narrow.patch(path, {}), 403)
    problem(api_as(people["acme-member"], scopes=["tenants.view_role"]).get(path), 403)


def test_another_organizations_is_not_found(people, acme, row, path):
    stranger = api_as(people["globex-owner"])
    with acting_for(acme):
        granted, _ = sharing.give(row=row, action="view", to=people["acme-member"])
    problem(stranger.get(f"{path}grants/"), 404)
    problem(stranger.post(f"{path}grants/", {"user": "x"}), 404)
    problem(stranger.delete(f"{path}grants/{granted.pk}/"), 404)


def test_the_length_of_the_list_costs_no_queries(
    owner, acme, row, path, django_assert_max_num_queries
):
    with acting_for(acme):
        for _ in range(20):
            sharing.give(row=row, action="view", to=user_recipe.make())
    with django_assert_max_num_queries(22):
        assert len(owner.get(f"{path}grants/").json()["results"]) == 22


def test_what_is_in_a_granted_project_is_seen_because_of_it(owner, people, acme):
    with acting_for(acme):
        document = make("documents", people["acme-owner"])
        sharing.give(row=document.project, action="view", to=people["acme-viewer"])
        add_member(project=document.project, user=people["acme-member"])
    listed = owner.get(f"/api/v1/documents/{document.pk}/grants/").json()
    reasons = {entry["user"]["username"]: entry["reasons"] for entry in listed["results"]}
    assert reasons["acme-viewer"] == [
        {"kind": "grant", "detail": "view of project Closed", "grant": None}
    ]
    assert reasons["acme-member"] == [{"kind": "membership", "detail": "Closed", "grant": None}]
    assert listed["grants"] == []


# Who can see what, and why: what the list says is what the querysets and `has_perm` do.


def make_people():
    """A person for each of many sets of rights, joined or not."""
    sets = [
        *(set(rights) for _, rights in BUILT_IN_ROLES.values()),
        set(),
        {Permissions.DOCUMENTS_VIEW_ALL},
        {Permissions.DOCUMENTS_VIEW, Permissions.DOCUMENTS_CHANGE},
        {Permissions.PROJECTS_VIEW_ALL, Permissions.DOCUMENTS_VIEW},
        {Permissions.AGENTS_CHANGE},
        {Permissions.AGENTS_USE, Permissions.AGENTS_VIEW, Permissions.PROJECTS_VIEW},
    ]
    for rights in sets:
        role = role_recipe.make()
        set_permissions(role=role, permissions=list(Permission.objects.filter(name__in=rights)))
        for _ in range(2):
            user = user_recipe.make()
            set_roles(user=user, roles=[role])
            yield user, role


def make_rows(by):
    for is_open in (True, False):
        project = project_recipe.make()
        yield project
        within = None if is_open else project
        for restricted in (True, False):
            yield knowledge_recipes.document.make(project=within, is_restricted=restricted)
        for active in (True, False):
            agent = agent_recipe.make(project=within, is_active=active)
            publish_agent(agent=agent, by=by)
            yield agent
    yield agent_recipe.make()


def test_the_list_says_what_everything_else_does(acme, people):
    with acting_for(acme):
        made = list(make_people())
        rows = list(make_rows(people["acme-owner"]))
        for number, (user, role) in enumerate(made):
            for place, row in enumerate(rows):
                if (number + place) % 5 == 0:
                    action = row.grantable[(number + place) % len(row.grantable)]
                    sharing.give(row=row, action=action, to=user)
                if (number * place) % 17 == 1:
                    sharing.give(row=row, action=row.grantable[-1], to=role)
                if isinstance(row, Project) and number % 4 == 1:
                    add_member(project=row, user=user)
        rows[0].manager = made[8][0]
        rows[0].save()
        found = set()
        for row in rows:
            access = sharing.Access(row)
            for user in User.objects.all():
                kind = type(row)
                held = [a for a in row.grantable if user.has_perm(right(kind, a), row)]
                assert access.actions(user.pk) == held, (row, user, access.reasons(user.pk))
                if "view" in held:
                    assert kind.objects.visible_to(user).contains(row)
                found.add((kind, tuple(held)))
        assert len(found) > 8

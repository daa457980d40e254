"""Rows that a member may see beside rows of the same organization that they may not."""

from typing import Any

from agents.baker_recipes import agent_recipe, message_recipe
from agents.services import publish_agent, start_conversation
from agents.testing import make_agent
from knowledge.baker_recipes import chunk, document
from tenants import sharing
from tenants.api.testing import api_as
from tenants.context import acting_for
from tenants.services import add_member, create_project


def make_rows(organization: Any, people: Any) -> dict[str, str]:
    """Make them; return what each is called, by id."""
    owner, member = people["acme-owner"], people["acme-member"]
    with acting_for(organization) as pk:
        found: dict[str, Any] = {
            name: create_project(organization_id=pk, name=name) for name in ("joined", "closed")
        }
        add_member(project=found["joined"], user=member)
        add_member(project=found["joined"], user=owner)
        for name, project in (("joined", found["joined"]), ("closed", found["closed"])):
            found[f"document of {name}"] = document.make(project=project)
            found[f"agent of {name}"] = make_agent(by=owner, project=project, slug=name)
        found["document of all"] = document.make()
        found["agent of all"] = make_agent(by=owner, slug="all")
        found["draft"] = agent_recipe.make(slug="draft")
        found["switched off"] = agent_recipe.make(slug="off", is_active=False)
        publish_agent(agent=found["switched off"], by=owner)
        for user, name in ((member, "own conversation"), (owner, "another's conversation")):
            asked = {"agent": found["agent of all"], "project": found["joined"]}
            found[name] = start_conversation(by=user, **asked)
            message_recipe.make(conversation=found[name])
        for name in ("document of closed", "document of joined"):
            chunk.make(document=found[name])
        for name in ("document of all", "agent of all", "joined"):
            sharing.give(row=found[name], action="view", to=member)
    return {str(row.pk): name for name, row in found.items()}


MAY_SEE = {
    "projects": {"joined"},
    "documents": {"document of all", "document of joined"},
    "agents": {"agent of all", "agent of joined"},
    "conversations": {"own conversation"},
}


def shown(user: Any, what: str, names: dict[str, str]) -> set[str]:
    """What a list shows somebody of the rows, by name."""
    listed = api_as(user).get(f"/api/v1/{what}/").json()["results"]
    return {names[row["id"]] for row in listed if row["id"] in names}


def opened(user: Any, what: str, names: dict[str, str]) -> set[str]:
    """Which of the rows they can open one by one, or what lies under them."""
    client, under = api_as(user), {"projects": "members/", "documents": "chunks/"}
    found = set()
    for pk, name in names.items():
        for path in (f"/api/v1/{what}/{pk}/", f"/api/v1/{what}/{pk}/{under.get(what, '')}"):
            if client.get(path).status_code == 200:
                found.add(name)
    return found


def check(user: Any, what: str, names: dict[str, str]) -> None:
    """Fail unless a member is shown, and can open, what they may see and no more."""
    assert shown(user, what, names) == MAY_SEE[what]
    assert opened(user, what, names) == MAY_SEE[what]


UNDER = {
    "projects/joined/members": 2,
    "projects/closed/members": 0,
    "documents/document of joined/chunks": 1,
    "documents/document of all/chunks": 0,
    "agents/agent of all/versions": 1,
    "agents/draft/versions": 0,
    "conversations/own conversation/messages": 1,
    "projects/joined/grants": 1,
    "projects/closed/grants": 0,
    "documents/document of all/grants": 1,
    "documents/document of joined/grants": 0,
    "agents/agent of all/grants": 1,
    "agents/draft/grants": 0,
}


def check_what_lies_under(owner: Any, names: dict[str, str]) -> None:
    """Fail unless a row shows what lies under itself, and nothing of others."""
    ids, client = {name: pk for pk, name in names.items()}, api_as(owner)
    for path, count in UNDER.items():
        what, name, part = path.split("/")
        page = client.get(f"/api/v1/{what}/{ids[name]}/{part}/").json()
        assert len(page["grants" if part == "grants" else "results"]) == count, path

"""Whoever adds to a row that is just being deleted either comes first or finds it gone."""

import pytest

from agents.models import AgentConfig, AgentVersion, Conversation, Message
from agents.services import post_message, publish_agent, start_conversation
from agents.testing import make_agent, make_project
from knowledge.models import Document
from knowledge.testing import upload
from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.api.testing import api_as
from tenants.context import acting_as_platform, acting_for
from tenants.deletion import Gone, delete, restore
from tenants.models import Project, User
from tenants.tests.racing import in_another_transaction, second_of
from tenants.tests.trees import orphans, wrong_counters

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


@pytest.fixture
def world(acme, people):
    """Rows that one can add to, by what they are called below."""
    person = people["acme-owner"]
    with acting_for(acme):
        project = make_project(person)
        agent = make_agent(by=person, project=project)
        conversation = start_conversation(agent=agent, project=project, by=person)
        colleague = User.objects.get(username="acme-member")
        return {
            "person": person,
            "colleague": colleague,
            "project": project,
            "agent": agent,
            "conversation": conversation,
        }


def uploading(world):
    upload("# Notes\n\nFive days.", by=world["person"], project=world["project"])


def starting(world):
    start_conversation(agent=world["agent"], project=world["project"], by=world["person"])


def asking(world):
    post_message(conversation=world["conversation"], content="How many?", by=world["person"])


def publishing(world):
    publish_agent(agent=world["agent"], by=world["person"])


ADDING = {
    "upload": (uploading, "project", Document),
    "conversation in a project": (starting, "project", Conversation),
    "conversation with an agent": (starting, "agent", Conversation),
    "message": (asking, "conversation", Message),
    "message below a project": (asking, "project", Message),
    "message below an agent": (asking, "agent", Message),
    "version": (publishing, "agent", AgentVersion),
    "version below a project": (publishing, "project", AgentVersion),
}
cases = pytest.mark.parametrize(("verb", "parent", "model"), ADDING.values(), ids=ADDING)


def within(acme, verb):
    def run():
        with acting_for(acme):
            verb()

    return run


def check(acme):
    with acting_for(acme):
        assert orphans() == []
        assert wrong_counters(acme.pk) == []


@cases
def test_what_comes_after_a_deletion_finds_the_row_gone(acme, world, verb, parent, model):
    with acting_for(acme):
        before = model.all_objects.count()
    found = second_of(
        acting_for(acme), lambda: delete(world[parent]), within(acme, lambda: verb(world))
    )
    assert isinstance(found, Gone)
    with acting_for(acme):
        assert model.all_objects.count() == before
    check(acme)


@cases
def test_what_comes_before_a_deletion_goes_with_it(acme, world, verb, parent, model):
    found = second_of(
        acting_for(acme), lambda: verb(world), within(acme, lambda: delete(world[parent]))
    )
    assert found is None
    with acting_for(acme):
        assert not model.objects.exists()
    check(acme)


@pytest.mark.parametrize(
    ("verb", "parent"), [(uploading, "project"), (starting, "project"), (starting, "agent")]
)
def test_platform_staff_who_delete_are_waited_for_as_well(acme, world, verb, parent):
    found = second_of(
        acting_as_platform(), lambda: delete(world[parent]), within(acme, lambda: verb(world))
    )
    assert isinstance(found, Gone)
    check(acme)


@pytest.mark.parametrize(("verb", "model"), [(uploading, Document), (starting, Conversation)])
def test_what_platform_staff_delete_takes_along_what_came_before(acme, world, verb, model):
    def by_staff():
        with acting_as_platform():
            delete(world["project"])

    found = second_of(acting_for(acme), lambda: verb(world), by_staff)
    assert found is None
    with acting_for(acme):
        assert not model.objects.exists()
    check(acme)


def test_several_add_at_once_to_what_is_not_deleted(acme, world):
    """They hold it together: none waits for another's end."""
    with in_another_transaction(acting_for(acme), lambda: starting(world)), acting_for(acme):
        starting(world)
    with acting_for(acme):
        assert Conversation.objects.count() == 3


@pytest.mark.parametrize("path", ["documents", "agents"])
def test_a_row_is_not_moved_into_a_project_that_is_being_deleted(acme, world, path):
    with acting_for(acme):
        other = Project.objects.create(name="Other")
        rows = {"agents": world["agent"], "documents": None}
    rows["documents"] = upload("# Notes", by=world["person"])
    client, answers = api_as(world["person"]), []
    address = f"/api/v1/{path}/{rows[path].pk}/"

    def move():
        answers.append(client.patch(address, {"project": str(other.pk)}))

    assert not second_of(acting_for(acme), lambda: delete(other), move)
    [answer] = answers
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "project"
    check(acme)


@pytest.mark.parametrize("path", ["projects", "agents", "conversations"])
def test_a_change_does_not_bring_back_a_row_that_is_being_deleted(acme, world, path):
    row = world[path.removesuffix("s")]
    field = "title" if path == "conversations" else "name"
    client, answers = api_as(world["person"]), []

    def change():
        answers.append(client.patch(f"/api/v1/{path}/{row.pk}/", {field: "New"}))

    assert not second_of(acting_for(acme), lambda: delete(row), change)
    assert answers[0].status_code == 404
    with acting_for(acme):
        assert not type(row).objects.filter(pk=row.pk).exists()
        restore(row)
    assert client.patch(f"/api/v1/{path}/{row.pk}/", {field: "New"}).status_code == 200


def test_a_new_agent_is_not_put_into_a_project_that_is_being_deleted(acme, world):
    client, answers = api_as(world["person"]), []
    body = {
        "name": "New",
        "slug": "new",
        "agent_type": "doc",
        "system_prompt": "Answer.",
        "project": str(world["project"].pk),
    }

    def create():
        answers.append(client.post("/api/v1/agents/", body))

    assert not second_of(acting_for(acme), lambda: delete(world["project"]), create)
    assert answers[0].status_code == 400
    with acting_for(acme):
        assert not AgentConfig.all_objects.filter(slug="new").exists()


def test_an_action_of_the_admin_upon_a_row_that_is_being_deleted_is_told(acme, world):
    browser, answers = signed_in("acme-owner"), []
    data = {"action": "publish", "_selected_action": [str(world["agent"].pk)]}

    def publish():
        answers.append(browser.post(page(AgentConfig, "changelist"), data, follow=True))

    assert not second_of(acting_for(acme), lambda: delete(world["agent"]), publish)
    assert "This has just been deleted. Nothing was done." in answers[0].content.decode()
    check(acme)


def test_a_form_of_the_admin_is_shown_again_when_its_project_is_being_deleted(acme, world):
    with acting_for(acme):
        other = Project.objects.create(name="Other")
    browser, answers = signed_in("acme-owner"), []
    address = page(AgentConfig, "change", world["agent"].pk)
    data = filled(browser.get(address), project=str(other.pk))

    def save():
        answers.append(browser.post(address, data))

    assert not second_of(acting_for(acme), lambda: delete(other), save)
    assert errors_of(answers[0]).keys() == {"project"}
    check(acme)

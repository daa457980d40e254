"""All that belongs to a project, a person and an agent, and what must hold for it at any time."""

from typing import Any

from django.apps import apps

from common.models import Entity
from tenants import counters
from tenants.baker_recipes import project_recipe, user_recipe
from tenants.services import add_member
from tenants.tests.rows import make_row

ENTITIES: list[Any] = [
    model
    for model in apps.get_models()
    if issubclass(model, Entity) and not model._meta.proxy and model._meta.managed
]

OF_A_PROJECT = {
    "tenants.Project",
    "agents.AgentConfig",
    "agents.AgentVersion",
    "agents.Conversation",
    "agents.Message",
    "reply",
    "knowledge.Document",
    "knowledge.DocumentChunk",
}
OF_A_CONVERSATION = {"agents.Conversation", "agents.Message", "reply"}
GOES_WITH = {
    "tenants.Project": OF_A_PROJECT,
    "tenants.User": OF_A_CONVERSATION | {"tenants.User"},
    "agents.AgentConfig": OF_A_CONVERSATION | {"agents.AgentConfig", "agents.AgentVersion"},
    "agents.Conversation": OF_A_CONVERSATION,
    "agents.Message": {"agents.Message"},
    "knowledge.Document": {"knowledge.Document", "knowledge.DocumentChunk"},
}


def model(label: str) -> Any:
    return apps.get_model(label)


def make_tree(organization: Any, *, name: str = "a") -> dict[str, Any]:
    """Make a project with a member, a document, an agent and a conversation; return them by label.

    The caller acts for the organization.
    """
    made = {
        "tenants.Organization": organization,
        "tenants.Project": project_recipe.make(name=name),
        "tenants.User": user_recipe.make(),
    }
    project = made["tenants.Project"]
    for label, given in (
        ("agents.AgentConfig", {"project": project, "slug": f"agent-{name}"}),
        ("agents.AgentVersion", {}),
        ("agents.Conversation", {}),
        ("agents.Message", {}),
        ("knowledge.Document", {"project": project, "file_size": 1000}),
        ("knowledge.DocumentChunk", {}),
    ):
        made[label] = make_row(model(label), made, organization.slug, **given)
    answer = {"role": "assistant", "reply_to": made["agents.Message"], "idempotency_key": ""}
    made["reply"] = make_row(model("agents.Message"), made, organization.slug, **answer)
    add_member(project=project, user=made["tenants.User"])
    counters.recount_all(organization.pk)
    return made


def living(rows: dict[str, Any]) -> set[str]:
    """The names of those rows that are not deleted."""
    return {
        name
        for name, row in rows.items()
        if type(row)._base_manager.filter(pk=row.pk, is_deleted=False).exists()
    }


def wrong_counters(organization_id: Any) -> list[Any]:
    return [
        (counter.holder, counter.field, *found)
        for counter in counters.COUNTERS
        for found in counters.drift(counter, organization_id)
    ]


def orphans() -> list[Any]:
    """Living rows that belong to a deleted one."""
    return [
        row
        for child in ENTITIES
        for field in child._meta.fields
        if field.many_to_one
        and field.remote_field.on_delete.__name__ == "CASCADE"
        and issubclass(field.related_model, Entity)
        for row in child._base_manager.filter(
            **{"is_deleted": False, f"{field.name}__is_deleted": True}
        )
    ]

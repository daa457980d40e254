"""Verbs on agents and conversations: several rows, one transaction."""

from django.core.exceptions import PermissionDenied
from django.db import router, transaction

from agents.models import AgentConfig, AgentVersion, Conversation
from agents.models.agent import AgentSettings
from agents.providers import ModelUnavailable
from agents.turns import (
    NEWEST,
    AgentNotPublished,
    IdempotencyConflict,
    TurnInProgress,
    post_message,
    regenerate_reply,
    stop_reply,
)
from tenants import deletion
from tenants.grants import is_granted
from tenants.models import Project, User
from tenants.permissions import Permissions

__all__ = [
    "NEWEST",
    "AgentNotPublished",
    "IdempotencyConflict",
    "InvalidConversation",
    "ModelUnavailable",
    "TurnInProgress",
    "post_message",
    "publish_agent",
    "regenerate_reply",
    "start_conversation",
    "stop_reply",
]


class InvalidConversation(Exception):
    """A conversation cannot be had so. Carries the field at fault (agent, project) and why."""

    def __init__(self, reason: str, field: str):
        super().__init__(reason)
        self.reason = reason
        self.field = field


def publish_agent(*, agent: AgentConfig, by: User, note: str = "") -> AgentVersion:
    """Copy the stored draft of an agent to its next version, which conversations run from now on.

    Two who publish at once queue on the agent's row. Raises Gone when it has just been deleted.
    """
    with transaction.atomic(using=router.db_for_write(AgentConfig)):
        deletion.hold_to_change(agent)
        draft = AgentConfig.objects.get(pk=agent.pk)
        latest = AgentVersion.all_objects.filter(agent=draft).order_by("-number").first()
        return AgentVersion.objects.create(
            organization_id=draft.organization_id,
            agent=draft,
            number=latest.number + 1 if latest else 1,
            note=note,
            # Platform staff, who belong to no organization, are not named in one's rows.
            published_by=by if by.organization_id == draft.organization_id else None,
            **{field.name: getattr(draft, field.name) for field in AgentSettings._meta.fields},
        )


def start_conversation(
    *, agent: AgentConfig, project: Project, by: User, title: str = ""
) -> Conversation:
    """Open a conversation with an agent in a project; InvalidConversation says what is wrong.

    An agent that may be used by a grant may be used in every project that the user sees. Raises
    Gone when one of them has just been deleted.
    """
    if not by.has_perm(Permissions.AGENTS_USE) and not is_granted(
        by, Permissions.AGENTS_USE, agent
    ):
        raise PermissionDenied("Conversing with this agent is not among your rights.")
    if not AgentConfig.objects.usable_by(by).filter(pk=agent.pk).exists():
        raise InvalidConversation("This agent is not active and published for you.", "agent")
    joined = Project.objects.visible_to(by).filter(is_active=True)
    if not joined.filter(pk=project.pk).exists():
        raise InvalidConversation("This project is not active and yours.", "project")
    is_elsewhere = agent.project_id not in (None, project.pk)
    if is_elsewhere and not is_granted(by, Permissions.AGENTS_USE, agent):
        raise InvalidConversation("This agent belongs to another project.", "project")
    conversation = Conversation(agent=agent, project=project, user=by, title=title)
    deletion.hold_parents(conversation)
    conversation.save(force_insert=True)
    return conversation

"""Verbs on agents and conversations: several rows, one transaction."""

from django.core.exceptions import PermissionDenied

from agents.models import AgentConfig, Conversation
from agents.providers import ModelUnavailable
from agents.publishing import publish_agent
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


def start_conversation(
    *, agent: AgentConfig, project: Project, by: User, title: str = "", is_draft: bool = False
) -> Conversation:
    """Open a conversation with an agent in a project; InvalidConversation says what is wrong.

    An agent that may be used by a grant may be used in every project that the user sees. With
    `is_draft` its questions go to the agent's draft, published or not, for those who may change
    it. Raises Gone when one of them has just been deleted.
    """
    _refuse_agent(agent, by, is_draft=is_draft)
    joined = Project.objects.visible_to(by).filter(is_active=True)
    if not joined.filter(pk=project.pk).exists():
        raise InvalidConversation("This project is not active and yours.", "project")
    is_elsewhere = agent.project_id not in (None, project.pk)
    if is_elsewhere and not is_granted(by, Permissions.AGENTS_USE, agent):
        raise InvalidConversation("This agent belongs to another project.", "project")
    conversation = Conversation(
        agent=agent, project=project, user=by, title=title, is_draft=is_draft
    )
    deletion.hold_parents(conversation)
    conversation.save(force_insert=True)
    return conversation


def _refuse_agent(agent: AgentConfig, by: User, *, is_draft: bool) -> None:
    if is_draft:
        if not by.has_perm(Permissions.AGENTS_CHANGE, agent):
            raise PermissionDenied("A draft is tried by those who may change the agent.")
        return
    if not by.has_perm(Permissions.AGENTS_USE) and not is_granted(
        by, Permissions.AGENTS_USE, agent
    ):
        raise PermissionDenied("Conversing with this agent is not among your rights.")
    if not AgentConfig.objects.usable_by(by).filter(pk=agent.pk).exists():
        raise InvalidConversation("This agent is not active and published for you.", "agent")

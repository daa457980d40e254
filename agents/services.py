"""Verbs on agents and conversations: several rows, one transaction."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from agents.accounting.asking import refuse_what_cannot_fit
from agents.accounting.budgets import Caller
from agents.models import AgentConfig, AgentVersion, Conversation, Message
from agents.providers import ModelUnavailable, candidates_for
from agents.publishing import publish_agent, snapshot_of_draft
from agents.runtime import events
from agents.tasks import queue_turn
from tenants import counters, deletion
from tenants.grants import is_granted
from tenants.models import Project, User
from tenants.permissions import Permissions

__all__ = [
    "AgentNotPublished",
    "IdempotencyConflict",
    "InvalidConversation",
    "ModelUnavailable",
    "TurnInProgress",
    "post_message",
    "publish_agent",
    "start_conversation",
    "stop_reply",
]

TITLE_LENGTH = 80


class InvalidConversation(Exception):
    """A conversation cannot be had so. Carries the field at fault (agent, project) and why."""

    def __init__(self, reason: str, field: str):
        super().__init__(reason)
        self.reason = reason
        self.field = field


class AgentNotPublished(Exception):
    """The conversation's agent is switched off, gone, or has no published version."""


class TurnInProgress(Exception):
    """The conversation's last question is still being answered."""


class IdempotencyConflict(Exception):
    """The key was used in this conversation for another question."""


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


@transaction.atomic
def post_message(
    *, conversation: Conversation, content: str, by: User, idempotency_key: str = ""
) -> Message:
    """Ask a question; return the pending reply, whose turn is queued in the same transaction.

    The same key with the same content returns the reply there is. Raises IdempotencyConflict,
    PermissionDenied, AgentNotPublished, ModelUnavailable, BudgetExceeded, PriceUnknown or
    TurnInProgress, having stored nothing; and Gone when the conversation has just been deleted.
    """
    deletion.hold_to_change(conversation)
    if earlier := _earlier_reply(conversation, content, idempotency_key):
        return earlier
    version = _runnable_version(conversation, by)
    refuse_what_cannot_fit(Caller.in_conversation(conversation), version, content)
    try:
        with transaction.atomic():
            reply: Any = _store_turn(conversation, content, idempotency_key, version, by)
    except IntegrityError as error:
        constraint = _broken_constraint(error)
        if constraint.startswith("agents_message_one_turn_at_a_time"):
            raise TurnInProgress("The last question is still being answered.") from error
        if constraint.startswith("agents_message_idempotency_key"):
            # Somebody was faster with the same key.
            if earlier := _earlier_reply(conversation, content, idempotency_key):
                return earlier
            raise IdempotencyConflict("This key belongs to a deleted message.") from error
        raise
    counters.add(conversation, "message_count", 2)
    _give_title(conversation, content)
    queue_turn(reply.organization_id, reply.pk)
    return reply


@transaction.atomic
def stop_reply(*, reply: Message, by: User) -> Message:
    """End a pending reply with the text it has; one that has ended is returned as it is."""
    if reply.conversation.user_id != by.pk:
        raise PermissionDenied("Only who asked may stop the answer.")
    try:
        return events.end(reply.pk, Message.Status.STOPPED, "stopped")
    except events.TurnEnded:
        reply.refresh_from_db()
        return reply


def _earlier_reply(conversation: Conversation, content: str, key: str) -> Message | None:
    """Return the reply to the message that was posted with this key, if any."""
    if not key:
        return None
    asked = Message.objects.filter(conversation=conversation, idempotency_key=key).first()
    if asked is None:
        return None
    if asked.content != content:
        raise IdempotencyConflict("This key was used for another message of the conversation.")
    return asked.replies.select_related("agent_version").order_by("pk").first()


def _runnable_version(conversation: Conversation, by: User) -> AgentVersion:
    """Return what will answer, when this user may ask here and its model can be used."""
    if not conversation.may_be_continued_by(by):
        raise PermissionDenied("You may not ask in this conversation.")
    if conversation.is_draft:
        version = snapshot_of_draft(conversation.agent)
    else:
        agents = AgentConfig.objects.usable_by(by)
        agent = agents.filter(pk=conversation.agent_id).first()
        version = agent and agent.current_version()
    if version is None:
        raise AgentNotPublished("This conversation's agent is not active and published.")
    candidates_for(version)
    return version


def _store_turn(
    conversation: Conversation, content: str, key: str, version: AgentVersion, by: User
) -> Message:
    asked = Message.objects.create(
        conversation=conversation, role=Message.Role.USER, content=content, idempotency_key=key
    )
    return Message.objects.create(
        conversation=conversation,
        role=Message.Role.ASSISTANT,
        status=Message.Status.PENDING,
        agent_version=version,
        reply_to=asked,
        asked_with=getattr(by, "token_id", None),
    )


def _give_title(conversation: Conversation, content: str) -> None:
    if conversation.title:
        return
    title = " ".join(content.split())
    if len(title) > TITLE_LENGTH:
        title = title[:TITLE_LENGTH].rsplit(" ", 1)[0] + "…"
    Conversation.objects.filter(pk=conversation.pk, title="").update(title=title)
    conversation.title = title


def _broken_constraint(error: IntegrityError) -> str:
    cause: Any = error.__cause__
    return cause.diag.constraint_name or ""

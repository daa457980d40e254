"""Verbs on the turns of a conversation: to ask, to ask again, to stop.

A conversation takes one turn at a time. Whoever begins one holds the conversation's row; that no
other way leads to two is a constraint of the database.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from agents.accounting.asking import refuse_what_cannot_fit
from agents.accounting.budgets import Caller
from agents.models import AgentConfig, AgentVersion, Conversation, Message
from agents.providers import candidates_for
from agents.publishing import snapshot_of_draft
from agents.runtime import events
from agents.tasks import queue_turn
from agents.titles import title_of
from tenants import counters, deletion
from tenants.models import User

NEWEST: Any = object()  # the reply that the active branch ends with


class AgentNotPublished(Exception):
    """The conversation's agent is switched off, gone, or has no published version."""


class TurnInProgress(Exception):
    """The conversation's last question is still being answered."""


class IdempotencyConflict(Exception):
    """The key was used in this conversation for something else."""


@transaction.atomic
def post_message(
    *,
    conversation: Conversation,
    content: str,
    by: User,
    reply_to: Message | None = NEWEST,
    idempotency_key: str = "",
) -> Message:
    """Ask a question; return the pending reply, whose turn is queued in the same transaction.

    It follows `reply_to`, a reply of the conversation, or begins it anew with None: so a question
    that was asked before can be asked otherwise, in a branch of its own. The same key with the same
    question returns the reply there is. Raises IdempotencyConflict, PermissionDenied,
    AgentNotPublished, ModelUnavailable, BudgetExceeded, PriceUnknown or TurnInProgress, having
    stored nothing; and Gone when the conversation, or what it follows, has just been deleted.
    """

    def is_the_same(asked: Message) -> bool:
        follows = asked.reply_to_id if reply_to is NEWEST else reply_to and reply_to.pk
        said = (asked.role, asked.content, asked.reply_to_id)
        return said == (Message.Role.USER, content, follows)

    deletion.hold_to_change(conversation)
    if earlier := _earlier_reply(conversation, idempotency_key, is_the_same):
        return earlier
    version = _runnable_version(conversation, by)
    refuse_what_cannot_fit(Caller.in_conversation(conversation), version, content)
    if reply_to is NEWEST:
        reply_to = _newest_reply(conversation)
    elif reply_to is not None:
        deletion.hold(reply_to, field="reply_to")

    question = Message(
        conversation=conversation,
        role=Message.Role.USER,
        content=content,
        reply_to=reply_to,
        idempotency_key=idempotency_key,
    )
    reply = _begun(conversation, question, _reply(question, version, by))
    _give_title(conversation, content)
    return reply


@transaction.atomic
def regenerate_reply(*, reply: Message, by: User, idempotency_key: str = "") -> Message:
    """Ask the question of a reply again; return the pending one, which stands beside the first.

    It is answered by the agent's newest published version. Keys and errors are as in
    `post_message`; Gone is raised, too, where the reply answers no question.
    """

    def is_the_same(answered: Message) -> bool:
        return (answered.role, answered.reply_to_id) == (reply.role, reply.reply_to_id)

    conversation = reply.conversation
    deletion.hold_to_change(conversation)
    if earlier := _earlier_reply(conversation, idempotency_key, is_the_same):
        return earlier
    version = _runnable_version(conversation, by)
    question = reply.reply_to
    if question is None:
        raise deletion.Gone
    refuse_what_cannot_fit(Caller.in_conversation(conversation), version, question.content)
    deletion.hold(question)
    return _begun(conversation, _reply(question, version, by, idempotency_key))


@transaction.atomic
def stop_reply(*, reply: Message, by: User) -> Message:
    """End a pending reply with the text it has; one that has ended is returned as it is.

    Its worker hears of it and lets go of the model (`agents.runtime.stopping`).
    """
    if reply.conversation.user_id != by.pk:
        raise PermissionDenied("Only who asked may stop the answer.")
    try:
        return events.end(reply.pk, Message.Status.STOPPED, "stopped")
    except events.TurnEnded:
        reply.refresh_from_db()
        return reply


def _earlier_reply(
    conversation: Conversation, key: str, is_the_same: Callable[[Message], bool]
) -> Message | None:
    """Return the reply that was asked for with this key, if any."""
    if not key:
        return None
    marked = Message.objects.filter(conversation=conversation, idempotency_key=key)
    found = marked.select_related("agent_version").first()
    if found is None:
        return None
    if not is_the_same(found):
        raise IdempotencyConflict("This key was used for something else in the conversation.")
    if found.role == Message.Role.ASSISTANT:
        return found
    replies = found.replies.filter(role=Message.Role.ASSISTANT, is_deleted=False)
    return replies.select_related("agent_version").order_by("pk").first()


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


def _newest_reply(conversation: Conversation) -> Message | None:
    replies = Message.objects.filter(conversation=conversation, role=Message.Role.ASSISTANT)
    return replies.order_by("-pk").first()


def _reply(question: Message, version: AgentVersion, by: User, key: str = "") -> Message:
    return Message(
        conversation_id=question.conversation_id,
        role=Message.Role.ASSISTANT,
        status=Message.Status.PENDING,
        agent_version=version,
        reply_to=question,
        idempotency_key=key,
        asked_with=getattr(by, "token_id", None),
    )


def _begun(conversation: Conversation, *messages: Message) -> Message:
    """Store the messages of a new turn, count them and queue it; return its reply, the last."""
    try:
        with transaction.atomic():
            for message in messages:
                message.save(force_insert=True)
    except IntegrityError as error:
        constraint = _broken_constraint(error)
        if constraint.startswith("agents_message_one_turn_at_a_time"):
            raise TurnInProgress("The last question is still being answered.") from error
        if constraint.startswith("agents_message_idempotency_key"):
            raise IdempotencyConflict("This key belongs to a deleted message.") from error
        raise
    counters.add(conversation, "message_count", len(messages))
    reply: Any = messages[-1]
    queue_turn(reply.organization_id, reply.pk)
    return reply


def _give_title(conversation: Conversation, question: str) -> None:
    """Name a conversation that nobody has named."""
    if conversation.title:
        return
    title = title_of(question)
    Conversation.objects.filter(pk=conversation.pk, title="").update(title=title)
    conversation.title = title


def _broken_constraint(error: IntegrityError) -> str:
    cause: Any = error.__cause__
    return cause.diag.constraint_name or ""

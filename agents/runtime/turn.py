"""Running a turn: claim the reply, let the agent answer, keep what it says.

No transaction, connection or thread is held while a model thinks. Whatever happens, the reply ends
once: completed, failed, or interrupted when the worker is told to stop in the middle.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

from agents import providers
from agents.accounting.calls import BudgetExceeded, Caller, PriceUnknown, accounted_candidates
from agents.models import Message
from agents.providers.errors import ModelUnavailable, ProviderError
from agents.providers.protocol import (
    BudgetWarning,
    CitationFound,
    Finished,
    FinishReason,
    Malformed,
    Request,
    TextDelta,
    Usage,
)
from agents.runtime import events
from agents.runtime.batches import in_batches
from agents.runtime.blocks import in_block
from agents.runtime.citing import citation_data
from agents.runtime.events import Event, Kind, TurnEnded
from agents.runtime.history import turns_before
from agents.runtime.loop import Answered, Answering, Asking, Called, LoopEvent
from agents.runtime.recovery import LOST_CONNECTION, again_when_lost
from agents.runtime.stopping import until_ended
from agents.runtime.telling import Telling
from agents.tools import TOOLS, named
from agents.tools.asker import Asker, NotPermitted, Reader, asking_user

# Text becomes durable at most this often: 200 turns at once make 800 commits a second at the worst.
# Who watches is told sooner (agents.runtime.telling).
WRITE_EVERY_SECONDS = 0.25
LONGEST_TURN_SECONDS = 600.0
SHOWN_RESULT = 2_000  # characters of a tool's result that are kept, and shown to later turns

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turn:
    """A pending reply, and what is asked."""

    organization_id: UUID
    reply_id: UUID
    asking: Asking


async def run(organization_id: UUID, reply_id: UUID) -> None:
    """Answer a pending reply; do nothing for one that has ended or is not of the organization.

    A reply that has been claimed before was left by a lost worker: it ends as interrupted, with
    the text it has.
    """
    try:
        if await in_block(organization_id, events.start, reply_id):
            await _run_claimed(organization_id, reply_id)
        else:
            await _end(organization_id, reply_id, Message.Status.INTERRUPTED, "interrupted")
    except TurnEnded:
        return


async def _run_claimed(organization_id: UUID, reply_id: UUID) -> None:
    status, reason = Message.Status.FAILED, "error"
    last: list[Event] = []
    problem = None
    answering: Answering | None = None
    telling = Telling(reply_id)
    try:
        async with (
            until_ended(organization_id, reply_id),
            asyncio.timeout(LONGEST_TURN_SECONDS),
        ):
            turn = await in_block(organization_id, _load, reply_id, read_only=True)
            answering = Answering(turn.asking)
            reason, last = await _answer(turn, answering, telling)
            # Nothing but calls of tools, which ended, is no answer.
            if reason == FinishReason.ERROR:
                logger.warning("The provider says that the reply %s failed.", reply_id)
            elif reason != FinishReason.TOOL_CALLS or answering.has_text:
                status = Message.Status.COMPLETED
    except TurnEnded:
        raise
    except NotPermitted:
        reason = "not_permitted"
    except ModelUnavailable:
        reason = "model_unavailable"
    except BudgetExceeded as error:
        reason, problem = "budget", error.state.as_data()
    except PriceUnknown:
        reason = "price_unknown"
    except ProviderError as error:
        reason = error.reason
        logger.warning("The model of the reply %s failed: %s.", reply_id, error)
    except TimeoutError:
        reason = "timeout"
    except LOST_CONNECTION as error:
        status, reason = Message.Status.INTERRUPTED, "interrupted"
        logger.warning("The turn of the reply %s lost the database: %s", reply_id, error)
    except asyncio.CancelledError:  # the worker is told to stop
        with suppress(TurnEnded):
            rest = _rest_of(answering, telling)
            await _end(organization_id, reply_id, Message.Status.INTERRUPTED, "interrupted", rest)
        raise
    except Exception:
        # The client is told that it failed, the log why.
        logger.exception("The turn of the reply %s failed.", reply_id)
    last = last or _rest_of(answering, telling)
    await _end(organization_id, reply_id, status, reason, last, problem)


def _rest_of(answering: Answering | None, telling: Telling) -> list[Event]:
    """What was said and is in no batch, and what was held back."""
    rest = list(answering.rest()) if answering else []
    try:
        return _as_events([*telling.said, *rest])
    except ValueError:  # a quote that is none, which no batch has come to
        return _as_events(rest)


async def _end(organization_id: UUID, reply_id: UUID, *how: object) -> None:
    await again_when_lost(in_block, organization_id, events.end, reply_id, *how)


def _load(reply_id: UUID) -> Turn:
    replies = Message.objects.select_related(
        "conversation__project", "reply_to", "agent_version", "organization"
    )
    reply: Any = replies.get(pk=reply_id)
    conversation, version = reply.conversation, reply.agent_version
    user = asking_user(conversation.user_id, reply.asked_with)
    if not conversation.may_be_continued_by(user):
        raise NotPermitted
    reader = Reader(user, conversation.project)
    if unknown := {str(name) for name in version.tools} - TOOLS.keys():
        logger.warning("%s names tools that there are not: %s.", version.pk, sorted(unknown))
    asking = Asking(
        asker=Asker(reply.organization_id, user.pk, conversation.project_id, reply.asked_with),
        request=Request(
            question=reply.reply_to.content,
            passages=[],
            model_name=version.model_name,
            system_prompt=version.system_prompt,
            temperature=version.temperature,
            max_tokens=version.max_tokens,
            organization=reply.organization.name,
        ),
        candidates=accounted_candidates(providers.candidates_for(version), Caller.of_reply(reply)),
        window=providers.window_of(version),
        tools=[tool for tool in named(version.tools) if reader.may_use(tool.permission)],
        history=turns_before(reply.reply_to, reader),
    )
    return Turn(reply.organization_id, reply.pk, asking)


async def _answer(turn: Turn, answering: Answering, telling: Telling) -> tuple[str, list[Event]]:
    """Let the agent answer; return why it finished, and the events that are not kept yet."""
    reason, last = "stop", 1  # the sequence of the event that claimed the reply
    answer = telling.all_of(answering.events())
    async with aclosing(in_batches(answer, every=WRITE_EVERY_SECONDS)) as batches:
        async for answers, is_last in batches:
            reason = next((a.reason for a in answers if isinstance(a, Finished)), reason)
            telling.said.clear()
            found = _as_events(answers)
            telling.begin(after=last + len(found))
            if is_last:
                return reason, found
            if found:
                last = await in_block(
                    turn.organization_id, partial(events.append, after=last), turn.reply_id, found
                )
    raise AssertionError("unreachable: the last batch is always told")


def _as_events(answers: Iterable[LoopEvent]) -> list[Event]:
    """Translate what an agent says; neighbouring pieces of text become one event."""
    found: list[Event] = []
    for answer in _joined(answers):
        match answer:
            case TextDelta(text):
                # PostgreSQL's text cannot hold it.
                found.append((Kind.TEXT, {"text": text.replace("\x00", "")}))
            case CitationFound():
                found.append((Kind.CITATION, citation_data(answer)))
            case Called():
                found.append((Kind.TOOL_CALL, _call(answer)))
            case Answered():
                found.append((Kind.TOOL_RESULT, _result(answer)))
            case Usage():
                found.append((Kind.USAGE, asdict(answer)))
            case BudgetWarning(data):
                found.append((Kind.WARNING, dict(data)))
    return found


def _joined(answers: Iterable[LoopEvent]) -> Iterable[LoopEvent]:
    for _, group in groupby(answers, key=type):
        same = list(group)
        texts = [answer.text for answer in same if isinstance(answer, TextDelta)]
        yield from [TextDelta("".join(texts))] if texts else same


def _call(called: Called) -> dict[str, object]:
    arguments = called.call.arguments
    if isinstance(arguments, Malformed):
        arguments = {"malformed": arguments.text}
    return {
        "id": called.call.id,
        "name": called.call.name,
        "arguments": dict(arguments),
        "round": called.round,
    }


def _result(answered: Answered) -> dict[str, object]:
    outcome = answered.outcome
    text = outcome.text.replace("\x00", "")
    return {
        "id": answered.call.id,
        "name": answered.call.name,
        "is_error": outcome.is_error,
        "content": text if len(text) <= SHOWN_RESULT else f"{text[:SHOWN_RESULT]}…",
        "documents": sorted(map(str, outcome.documents)),
        "round": answered.round,
    }

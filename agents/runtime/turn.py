"""Running a turn: claim the reply, find passages, let the model answer, keep what it says.

No transaction, connection or thread is held while a model thinks. Whatever happens, the reply ends
once: completed, failed, or interrupted when the worker is told to stop in the middle.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np

from agents import providers
from agents.accounting.calls import BudgetExceeded, Caller, PriceUnknown, accounted_candidates
from agents.models import Message
from agents.providers.errors import ModelUnavailable, ProviderError
from agents.providers.fallback import Candidate, first_of
from agents.providers.protocol import (
    AnswerEvent,
    BudgetWarning,
    CitationFound,
    Finished,
    Request,
    TextDelta,
    Usage,
)
from agents.runtime import events
from agents.runtime.batches import in_batches
from agents.runtime.blocks import in_block
from agents.runtime.events import Event, Kind, TurnEnded
from agents.runtime.prompt import prompted
from agents.runtime.recovery import LOST_CONNECTION, again_when_lost
from agents.runtime.stopping import until_ended
from knowledge.search import Hit, embed_query, search
from tenants.models import Project, User

PASSAGES = 10
# Text becomes durable, and is announced, at most this often: 200 turns at once make 800 commits a
# second at the worst.
WRITE_EVERY_SECONDS = 0.25
LONGEST_TURN_SECONDS = 600.0

logger = logging.getLogger(__name__)


class NotPermitted(Exception):
    """The asking user has lost the right, the project or the account since they asked."""


@dataclass(frozen=True)
class Turn:
    """Who asks where, and what, before passages are found for it."""

    organization_id: UUID
    reply_id: UUID
    user_id: UUID
    project_id: UUID
    request: Request
    candidates: Sequence[Candidate]


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
    try:
        async with (
            until_ended(organization_id, reply_id),
            asyncio.timeout(LONGEST_TURN_SECONDS),
        ):
            turn = await in_block(organization_id, _load, reply_id, read_only=True)
            reason, last = await _answer(turn)
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
            await _end(organization_id, reply_id, Message.Status.INTERRUPTED, "interrupted")
        raise
    except Exception:
        # The client is told that it failed, the log why.
        logger.exception("The turn of the reply %s failed.", reply_id)
    await _end(organization_id, reply_id, status, reason, last, problem)


async def _end(organization_id: UUID, reply_id: UUID, *how: object) -> None:
    await again_when_lost(in_block, organization_id, events.end, reply_id, *how)


def _load(reply_id: UUID) -> Turn:
    replies = Message.objects.select_related(
        "conversation", "reply_to", "agent_version", "organization"
    )
    reply: Any = replies.get(pk=reply_id)
    conversation, version = reply.conversation, reply.agent_version
    user = _asking_user(conversation.user_id)
    if not conversation.may_be_continued_by(user):
        raise NotPermitted
    return Turn(
        organization_id=reply.organization_id,
        reply_id=reply.pk,
        user_id=user.pk,
        project_id=conversation.project_id,
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
    )


def _asking_user(user_id: UUID) -> User:
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise NotPermitted
    return user


async def _answer(turn: Turn) -> tuple[str, list[Event]]:
    """Let the model answer; return why it finished, and the events that are not kept yet."""
    vector = await asyncio.to_thread(embed_query, turn.request.question)
    passages = await in_block(turn.organization_id, _search, turn, vector, read_only=True)
    answer = first_of(turn.candidates, prompted(replace(turn.request, passages=passages)))
    reason, last = "stop", 1  # the sequence of the event that claimed the reply
    async with aclosing(in_batches(answer, every=WRITE_EVERY_SECONDS)) as batches:
        async for answers, is_last in batches:
            reason = next((a.reason for a in answers if isinstance(a, Finished)), reason)
            found = _as_events(answers)
            if is_last:
                return reason, found
            if found:
                last = await in_block(
                    turn.organization_id, partial(events.append, after=last), turn.reply_id, found
                )
    raise AssertionError("unreachable: the last batch is always told")


def _search(turn: Turn, vector: np.ndarray) -> list[Hit]:
    """The passages of documents that the asking user may read."""
    project = Project.objects.filter(pk=turn.project_id).first()
    if project is None:
        raise NotPermitted
    return search(
        user=_asking_user(turn.user_id),
        query=turn.request.question,
        vector=vector,
        top_k=PASSAGES,
        project=project,
    )


def _as_events(answers: list[AnswerEvent]) -> list[Event]:
    """Translate what a provider says; neighbouring pieces of text become one event."""
    found: list[Event] = []
    for answer in answers:
        match answer:
            case TextDelta(text):
                text = text.replace("\x00", "")  # PostgreSQL's text cannot hold it
                if found and found[-1][0] == Kind.TEXT:
                    text = found.pop()[1]["text"] + text
                found.append((Kind.TEXT, {"text": text}))
            case CitationFound():
                found.append((Kind.CITATION, _citation(answer)))
            case Usage():
                found.append((Kind.USAGE, asdict(answer)))
            case BudgetWarning(data):
                found.append((Kind.WARNING, dict(data)))
    return found


def _citation(found: CitationFound) -> dict[str, object]:
    passage = found.passage
    if not found.quote or found.quote not in passage.content:
        raise ValueError(f"Citation {found.number} does not quote its passage exactly.")
    return {
        "number": found.number,
        "document": str(passage.document_id),
        "filename": passage.filename,
        "chunk": str(passage.chunk_id),
        "page": passage.page,
        "quote": found.quote,
    }

"""An answer that is no part of a conversation: the same search, prompt, models and rights, but
nothing of it is kept.

It runs wherever it is asked for, the web process included (docs/adr/0008), so that it too holds no
transaction, connection or thread while a model thinks.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from agents.models import AgentConfig, AgentVersion
from agents.providers import candidates_for
from agents.providers.fallback import Candidate, first_of
from agents.providers.protocol import AnswerEvent, ChatMessage, Request
from agents.runtime.blocks import in_block
from agents.runtime.prompt import prompted
from agents.runtime.turn import PASSAGES
from knowledge.search import embed_query, search
from tenants.models import User

WISHES = "The program that asks adds, as far as it agrees with all else that you are told:"


class NotPermitted(Exception):
    """The asking user, or the agent, is no longer what it was when they asked."""


@dataclass(frozen=True)
class Question:
    """What is asked of a version of an agent, and for whom.

    `wishes` are what the client adds to the agent's prompt; `temperature` and `max_tokens` can
    only lower what the version says. `token_id` is the token that the question came by.
    """

    organization_id: UUID
    user_id: UUID
    agent_id: UUID
    version_id: UUID
    token_id: UUID | None
    text: str
    history: Sequence[ChatMessage] = ()
    wishes: str = ""
    temperature: float | None = None
    max_tokens: int | None = None


async def answer(question: Question) -> AsyncGenerator[AnswerEvent, None]:
    """Yield the answer's events as a provider gives them. Raises NotPermitted, ModelUnavailable or
    a ProviderError."""
    vector = await asyncio.to_thread(embed_query, question.text)
    prepare = partial(_prepare, question, vector)
    request, candidates = await in_block(question.organization_id, prepare, read_only=True)
    told = prompted(request)
    told = replace(told, messages=[*question.history, *told.messages])
    async with aclosing(first_of(candidates, told)) as events:
        async for event in events:
            yield event


def _prepare(question: Question, vector: Any) -> tuple[Request, Sequence[Candidate]]:
    """What the model is asked, with the passages that the asking user may read."""
    user = User.objects.filter(pk=question.user_id, is_active=True).first()
    if user is None:
        raise NotPermitted
    agents = AgentConfig.objects.usable_by(user).select_related("project", "organization")
    agent = agents.filter(pk=question.agent_id).first()
    version = AgentVersion.objects.filter(pk=question.version_id).first()
    if agent is None or version is None:
        raise NotPermitted
    passages = search(
        user=user, query=question.text, vector=vector, top_k=PASSAGES, project=agent.project
    )
    request = Request(
        question=question.text,
        passages=passages,
        model_name=version.model_name,
        system_prompt=_prompt(version.system_prompt, question.wishes),
        temperature=_at_most(version.temperature, question.temperature),
        max_tokens=_at_most(version.max_tokens, question.max_tokens),
        organization=agent.organization.name,
    )
    return request, candidates_for(version)


def _prompt(own: str, wishes: str) -> str:
    if not wishes.strip():
        return own
    return f"{own.strip()}\n\n{WISHES}\n{wishes}"


def _at_most(own: Any, wished: Any) -> Any:
    return own if wished is None else min(own, wished)

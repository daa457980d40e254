"""An answer that is no part of a conversation: the same search, prompt, models and rights, but
nothing of it is kept.

It runs wherever it is asked for, the web process included (docs/adr/0008), so that it too holds no
transaction, connection or thread while a model thinks.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.accounting.calls import Caller, accounted_candidates
from agents.models import AgentConfig, AgentVersion
from agents.providers import candidates_for, window_of
from agents.providers.protocol import AssistantMessage, ChatMessage, Request, UserMessage
from agents.runtime.blocks import in_block
from agents.runtime.history import PastTurn, without_marks
from agents.runtime.loop import Answering, Asking, LoopEvent
from agents.tools import named
from agents.tools.asker import Asker, NotPermitted, Reader, asking_user

WISHES = "The program that asks adds, as far as it agrees with all else that you are told:"


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


async def answer(question: Question) -> AsyncGenerator[LoopEvent, None]:
    """Yield the answer's events as in a turn. Raises NotPermitted, ModelUnavailable,
    BudgetExceeded, PriceUnknown or a ProviderError."""
    asking = await in_block(question.organization_id, _asking, question, read_only=True)
    async with aclosing(Answering(asking).events()) as events:
        async for event in events:
            yield event


def _asking(question: Question) -> Asking:
    user = asking_user(question.user_id, question.token_id)
    agents = AgentConfig.objects.usable_by(user).select_related("project", "organization")
    agent = agents.filter(pk=question.agent_id).first()
    version = AgentVersion.objects.filter(pk=question.version_id).first()
    if agent is None or version is None:
        raise NotPermitted
    caller = Caller(
        organization_id=question.organization_id,
        user_id=user.pk,
        project_id=agent.project_id,
        agent_id=agent.pk,
        agent_version_id=version.pk,
        token_id=question.token_id,
    )
    reader = Reader(user, agent.project)
    return Asking(
        asker=Asker(question.organization_id, user.pk, agent.project_id, question.token_id),
        request=Request(
            question=question.text,
            passages=[],
            model_name=version.model_name,
            system_prompt=_prompt(version.system_prompt, question.wishes),
            temperature=_at_most(version.temperature, question.temperature),
            max_tokens=_at_most(version.max_tokens, question.max_tokens),
            organization=agent.organization.name,
        ),
        candidates=accounted_candidates(candidates_for(version), caller),
        window=window_of(version),
        tools=[tool for tool in named(version.tools) if reader.may_use(tool.permission)],
        history=list(_turns(question.history)),
    )


def _turns(history: Sequence[ChatMessage]) -> Iterator[PastTurn]:
    """Questions and answers, which take turns."""
    for asked, answered in zip(history[::2], history[1::2], strict=True):
        if isinstance(asked, UserMessage) and isinstance(answered, AssistantMessage):
            text = without_marks(answered.text)
            if text.strip():
                yield PastTurn(asked, [], AssistantMessage(text))


def _prompt(own: str, wishes: str) -> str:
    if not wishes.strip():
        return own
    return f"{own.strip()}\n\n{WISHES}\n{wishes}"


def _at_most(own: Any, wished: Any) -> Any:
    return own if wished is None else min(own, wished)

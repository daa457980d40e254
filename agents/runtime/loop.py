"""How an agent answers: it asks its model, does what the model calls for, and asks again.

It knows no message and no event of the database: what it yields is kept (agents.runtime.turn) or
sent on. Nothing is held while a model thinks or a tool works.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import count

from agents.providers.cleaning import clean_id, clean_name
from agents.providers.fallback import Candidate, first_of
from agents.providers.protocol import (
    AnswerEvent,
    AssistantMessage,
    BudgetWarning,
    ChatMessage,
    CitationFound,
    Finished,
    FinishReason,
    Request,
    TextDelta,
    ToolCall,
    ToolResult,
    Usage,
)
from agents.runtime.history import PastTurn, fitting
from agents.runtime.prompt import opening, system_prompt
from agents.runtime.said import Said
from agents.runtime.tokens import AROUND_A_CALL, tokens_of, tokens_of_messages, tokens_of_tools
from agents.tools.asker import Asker
from agents.tools.calling import Outcome, outcome_of, with_bounded_arguments
from agents.tools.declaration import Tool
from agents.tools.search_knowledge import passages_for
from knowledge.search import Hit

MOST_ROUNDS = 8  # calls of the model that may be followed by calls of tools
MOST_CALLS = 24  # of tools, in one turn
TOOL_SECONDS = 120.0  # for all of them
PASSAGES = 10  # found for the question itself
_SMALLEST_ROOM = 300  # tokens; for less there is no point in calling
_LONGEST_PIECE = 4_096  # characters of text that are read at a time
_AROUND_A_PASSAGE = 60  # tokens


@dataclass(frozen=True)
class Asking:
    """A question, who asks it, and what answers. `window` is the model's, in tokens.

    `request` has the question, the agent's prompt and settings; messages, passages and tools are
    filled in here. `tools` are those that the agent may call.
    """

    asker: Asker
    request: Request
    candidates: Sequence[Candidate]
    window: int
    tools: Sequence[Tool] = ()
    history: Sequence[PastTurn] = ()


@dataclass(frozen=True)
class Called:
    """A tool that the model calls, in which round."""

    round: int
    call: ToolCall


@dataclass(frozen=True)
class Answered:
    """What came of it."""

    round: int
    call: ToolCall
    outcome: Outcome


LoopEvent = CitationFound | TextDelta | Called | Answered | BudgetWarning | Usage | Finished


async def ask_model(asking: Asking, request: Request) -> AsyncGenerator[AnswerEvent, None]:
    """Every call of a model that an agent makes: one request, and what is answered."""
    async with aclosing(first_of(asking.candidates, request)) as events:
        async for event in events:
            yield event


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + _LONGEST_PIECE] for at in range(0, len(text), _LONGEST_PIECE))


class Answering:
    """One turn. Read `events`; when that is cut short, `rest` has what would be lost."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._said = Said(asking.asker.passages, asking.request.question)
        self._usage: list[Usage] = []
        self._exchanges: list[ChatMessage] = []
        self._ids: set[str] = set()
        self._calls_left = MOST_CALLS
        self._seconds_left = TOOL_SECONDS
        self._hits: Sequence[Hit] = ()
        self._opening: ChatMessage

    @property
    def has_text(self) -> bool:
        return self._said.has_text

    def rest(self) -> Iterator[LoopEvent]:
        """Yield the text that was held back, and what the calls of models took."""
        yield from self._said.end_of_call()
        usage, self._usage = self._usage, []
        yield from usage

    async def events(self) -> AsyncGenerator[LoopEvent, None]:
        """Yield the answer: calls and results of tools, citations and text as they come; then the
        usage of each call of a model, and Finished. Raises ProviderError or NotPermitted."""
        question = self._asking.request.question
        self._hits = await passages_for(self._asking.asker, question, PASSAGES)
        self._opening = opening(question, self._fitting_hits(), self._asking.asker.passages)
        for number in count(1):
            is_last = number > MOST_ROUNDS or self._calls_left <= 0 or not self._asking.tools
            text: list[str] = []
            calls: list[ToolCall] = []
            reason = FinishReason.STOP
            async with aclosing(ask_model(self._asking, self._request(is_last))) as answer:
                async for event in answer:
                    match event:
                        case TextDelta(delta):
                            text.append(delta)
                            for place, piece in enumerate(_pieces(delta)):
                                if place:
                                    await asyncio.sleep(0)  # others have their turn
                                for shown in self._said.text(piece):
                                    yield shown
                        case CitationFound():
                            yield self._said.cited(event)
                        case ToolCall():
                            calls.append(self._with_an_id(event))
                        case BudgetWarning():
                            yield event
                        case Usage():
                            self._usage.append(event)
                        case Finished():
                            reason = event.reason
            for shown in self._said.end_of_call():
                yield shown
            if is_last or not calls or reason != FinishReason.TOOL_CALLS:
                break
            self._exchanges.append(AssistantMessage("".join(text), calls))
            for call in calls:
                yield Called(number, call)
            for call in calls:
                outcome = await self._outcome(call)
                self._exchanges.append(ToolResult(call, outcome.text, outcome.is_error))
                yield Answered(number, call, outcome)
        for last in self.rest():
            yield last
        yield Finished(reason)

    async def _outcome(self, call: ToolCall) -> Outcome:
        self._calls_left -= 1
        if self._calls_left < 0 or self._seconds_left <= 0:
            return Outcome("No more tools can be called. Answer now.", is_error=True)
        room = self._room()
        if room < _SMALLEST_ROOM:
            return Outcome("There is no room for what this finds. Answer now.", is_error=True)
        now = asyncio.get_running_loop().time
        begun = now()
        outcome = await outcome_of(call, self._asking.tools, self._asking.asker)
        self._seconds_left -= now() - begun
        needed = tokens_of(outcome.text) + AROUND_A_CALL
        return outcome.shortened(len(outcome.text) * room // max(needed, room))

    def _with_an_id(self, call: ToolCall) -> ToolCall:
        """The call with an id of its own within the turn, and a name that can be sent back,
        whatever the provider gave it."""
        own = clean_id(call.id)
        if not own or own in self._ids:
            own = next(n for k in count(1) if (n := f"call-{k}") not in self._ids)
        self._ids.add(own)
        name = clean_name(call.name)
        return with_bounded_arguments(replace(call, id=own, name=name))

    def _request(self, is_last: bool) -> Request:
        request, tools = self._asking.request, self._asking.tools
        past = fitting(self._asking.history, self._room(), with_exchanges=bool(tools))
        messages = [*past, self._opening, *self._exchanges]
        left = self._asking.window - self._fixed() - tokens_of_messages(messages)
        return replace(
            request,
            system_prompt=system_prompt(request.system_prompt, has_tools=bool(tools)),
            passages=self._hits,
            messages=messages,
            tools=[tool.offered() for tool in tools],
            may_call=not is_last,
            max_tokens=min(request.max_tokens, max(1, left)),
        )

    def _room(self) -> int:
        """Tokens that are left for what can be left out: earlier turns, further results."""
        return self._room_for_messages() - tokens_of_messages([self._opening, *self._exchanges])

    def _room_for_messages(self) -> int:
        """Tokens of the window without the prompt, the tools, and the answer itself."""
        request, window = self._asking.request, self._asking.window
        return max(window - request.max_tokens, window // 2) - self._fixed()

    def _fixed(self) -> int:
        """Tokens of the prompt and the tools."""
        tools = [tool.offered() for tool in self._asking.tools]
        prompt = system_prompt(self._asking.request.system_prompt, has_tools=bool(tools))
        return tokens_of(prompt) + tokens_of_tools(tools)

    def _fitting_hits(self) -> list[Hit]:
        """The best passages, as many as leave half of the room to other things."""
        room = self._room_for_messages() // 2
        kept = []
        for hit in self._hits:
            room -= tokens_of(hit.content) + tokens_of(hit.filename) + _AROUND_A_PASSAGE
            if room < 0:
                break
            kept.append(hit)
        return kept

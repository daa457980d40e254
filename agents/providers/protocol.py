"""What the runtime asks of a model, and what a model answers. No library's type passes here."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from knowledge.search import Hit


class FinishReason(StrEnum):
    """Why an answer ends, whatever a provider calls it."""

    STOP = "stop"
    LENGTH = "length"  # max_tokens, or the model's window
    TOOL_CALLS = "tool_calls"  # the model waits for their results
    CONTENT_FILTER = "content_filter"  # the provider or the model refuses to say more
    NO_ANSWER = "no_answer"  # nothing in the passages answers
    ERROR = "error"  # the provider says that it failed


@dataclass(frozen=True)
class Malformed:
    """Arguments that are no JSON object, as far as they are worth showing to the model again."""

    text: str


@dataclass(frozen=True)
class ToolCall:
    """What the model wants done. `opaque` goes back to the same provider with the call, unread."""

    id: str
    name: str
    arguments: Mapping[str, Any] | Malformed
    opaque: str = ""


@dataclass(frozen=True)
class UserMessage:
    text: str


@dataclass(frozen=True)
class AssistantMessage:
    text: str
    tool_calls: Sequence[ToolCall] = ()


@dataclass(frozen=True)
class ToolResult:
    """What came of a call, or with `is_error` why nothing did. It follows the message with it."""

    call: ToolCall
    content: str
    is_error: bool = False


ChatMessage = UserMessage | AssistantMessage | ToolResult


def is_blank(message: ChatMessage) -> bool:
    """Whether a message says and calls nothing. Providers refuse one that does."""
    match message:
        case ToolResult():
            return False
        case UserMessage(text):
            return not text.strip()
        case AssistantMessage(text, calls):
            return not text.strip() and not calls


@dataclass(frozen=True)
class Tool:
    """What a model may call. `parameters` is the JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One question with all that may be used to answer it.

    `passages` are the best of what the asking user may read, best first. `organization` is the name
    of the asker's own. `messages` is what a language model is told after the system prompt, oldest
    first; the passages are in it as text (agents.runtime.prompt). Without `may_call` the model is
    told of the tools, which its earlier calls were of, and may call none.
    """

    question: str
    passages: Sequence[Hit]
    model_name: str
    system_prompt: str
    temperature: float  # 0 to 2; left out for models that take none
    max_tokens: int
    organization: str = ""
    messages: Sequence[ChatMessage] = ()
    tools: Sequence[Tool] = field(default=())
    may_call: bool = True


@dataclass(frozen=True)
class CitationFound:
    """A passage the answer rests on. `number` is what the text calls it, as in "[1]"; `quote` is
    an exact substring of the passage."""

    number: int
    passage: Hit
    quote: str


@dataclass(frozen=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True)
class Usage:
    """Tokens that a model call took. `cached_tokens` are those of `input_tokens` that the provider
    had read before."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True)
class Finished:
    reason: FinishReason


@dataclass(frozen=True)
class BudgetWarning:
    """A budget that holds for the call is nearly used. No provider says it: the accounting does,
    after Finished (agents.accounting.calls)."""

    data: Mapping[str, Any]


AnswerEvent = CitationFound | TextDelta | ToolCall | Usage | Finished | BudgetWarning

# A provider: an asynchronous generator that answers one request, citations before the text that
# refers to them, the usage (where it is known) and Finished last. It raises a ProviderError
# (agents.providers.errors), after the usage as far as it is known. It holds no transaction, and is
# closed early when nobody wants the rest.
Provider = Callable[[Request], AsyncGenerator[AnswerEvent, None]]

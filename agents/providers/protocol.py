"""What the runtime asks of a model, and what a model answers. No library's type passes here."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from knowledge.search import Hit


@dataclass(frozen=True)
class Request:
    """One question with all that may be used to answer it.

    `passages` are the best of what the asking user may read, best first. `organization` is the name
    of the asker's own.
    """

    question: str
    passages: Sequence[Hit]
    model_name: str
    system_prompt: str
    temperature: float
    max_tokens: int
    organization: str = ""


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
    """Tokens that a model call took."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Finished:
    """Why the answer ends here: `stop`, `length`, `no_answer`… (at most 50 characters)."""

    reason: str


AnswerEvent = CitationFound | TextDelta | Usage | Finished

# A provider: an asynchronous generator that answers one request, citations before the text that
# refers to them. It holds no transaction, and is closed early when nobody wants the rest.
Provider = Callable[[Request], AsyncGenerator[AnswerEvent, None]]

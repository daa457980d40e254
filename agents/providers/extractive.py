"""Answers without a language model."""

from collections.abc import AsyncGenerator

from agents.providers.protocol import (
    AnswerEvent,
    CitationFound,
    Finished,
    Request,
    TextDelta,
    Usage,
)


async def answer(request: Request) -> AsyncGenerator[AnswerEvent, None]:
    # For now: the beginning of the best passage that shares words with the question.
    best = next((p for p in request.passages if p.lexical), None)
    if best is None:
        yield TextDelta("No language model was used. Nothing you can read answers this.")
        yield Usage(0, 0)
        yield Finished("no_answer")
        return
    quote = best.content[:300].strip()
    yield CitationFound(1, best, quote)
    yield TextDelta(f"No language model was used. From your documents: “{quote}” [1]")
    yield Usage(0, 0)
    yield Finished("stop")

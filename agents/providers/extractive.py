"""Answers without a language model: exact quotes of the best passages, or a plain no."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

from agents.evidence.encode import encode
from agents.providers.extraction import compose, extract
from agents.providers.protocol import (
    AnswerEvent,
    CitationFound,
    Finished,
    Request,
    TextDelta,
    Usage,
)


async def answer(request: Request) -> AsyncGenerator[AnswerEvent, None]:
    find = partial(extract, encode=encode, organization=request.organization)
    extraction = await asyncio.to_thread(find, request.question, request.passages)
    text, citations = compose(extraction)
    for citation in citations:
        yield CitationFound(citation.number, citation.passage, citation.quote)
    yield TextDelta(text)
    yield Usage(0, 0)
    yield Finished("stop" if citations else "no_answer")

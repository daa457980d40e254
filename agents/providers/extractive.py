"""Answers without a language model: exact quotes of the passages, or that nothing answers.

It needs no key and no network, and says in each answer that no language model was used.
"""

import asyncio
from collections.abc import AsyncGenerator

from agents.evidence.encode import encode
from agents.providers.extraction import compose, extract
from agents.providers.protocol import (
    AnswerEvent,
    CitationFound,
    Finished,
    FinishReason,
    Request,
    TextDelta,
    Usage,
)


async def answer(request: Request) -> AsyncGenerator[AnswerEvent, None]:
    """Cite the quotes, then give them as text. The tokens are none: no model was called."""
    extraction = await asyncio.to_thread(
        extract,
        request.question,
        request.passages,
        encode=encode,
        organization=request.organization,
    )
    text, citations = compose(extraction)
    for citation in citations:
        yield CitationFound(citation.number, citation.passage, citation.quote)
    yield TextDelta(text)
    yield Usage(input_tokens=0, output_tokens=0)
    yield Finished(FinishReason.STOP if citations else FinishReason.NO_ANSWER)

"""Asking a second model where the first one fails before the first piece of its answer."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from agents.providers.errors import ProviderError
from agents.providers.protocol import AnswerEvent, Provider, Request, Usage

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """A model by the name that the agent calls it, and its provider."""

    model_name: str
    provider: Provider


async def first_of(
    candidates: Sequence[Candidate], request: Request
) -> AsyncGenerator[AnswerEvent, None]:
    """Yield the answer of the first model that gives one; raise the last one's error."""
    for candidate in candidates:
        has_begun = False
        try:
            async with aclosing(candidate.provider(request)) as events:
                async for event in events:
                    # What a failed call has used is used.
                    has_begun = has_begun or not isinstance(event, Usage)
                    yield event
            return
        except ProviderError as error:
            if has_begun or candidate is candidates[-1]:
                raise
            logger.warning("%s failed, the fallback is asked: %s.", candidate.model_name, error)

"""Asks a provider and keeps all that it says, to the end or the error."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

from agents.providers import speaker
from agents.providers.access import Access, Kind
from agents.providers.errors import ProviderError
from agents.providers.protocol import (
    Finished,
    Request,
    TextDelta,
    ToolCall,
    Usage,
    UserMessage,
)

KEY = "sk-secret-of-the-test-4711"
PROTOCOLS = ["openai", "anthropic", "gemini"]
MODELS = {"openai": "gpt-4.1", "anthropic": "claude-sonnet-4", "gemini": "gemini-2.5-pro"}


@dataclass
class Said:
    events: list = field(default_factory=list)
    error: ProviderError | None = None

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def text(self):
        return "".join(event.text for event in self.of(TextDelta))

    @property
    def calls(self):
        return self.of(ToolCall)

    @property
    def usage(self):
        return next(iter(self.of(Usage)), None)

    @property
    def reason(self):
        return next((event.reason for event in self.of(Finished)), None)


def access_to(protocol, url, **more):
    return Access(Kind(protocol), url, KEY, **more)


def request_of(protocol, **fields):
    defaults = {
        "question": "How many days?",
        "passages": [],
        "model_name": MODELS[protocol],
        "system_prompt": "Answer from the documents.",
        "temperature": 0.5,
        "max_tokens": 100,
        "messages": [UserMessage("How many days?")],
    }
    return Request(**defaults | fields)


async def asked(protocol, url, *, access=None, **fields):
    said = Said()
    request = request_of(protocol, **fields)
    answer = speaker(access or access_to(protocol, url), request.model_name)
    try:
        async with aclosing(answer(request)) as events:
            async for event in events:
                said.events.append(event)
    except ProviderError as error:
        said.error = error
    return said


def ask(protocol, url, **fields):
    return asyncio.run(asked(protocol, url, **fields))

"""How many tokens a call may take, where no provider has counted them.

What a text takes is said by agents.runtime.tokens, rather too much than too little.
"""

import json
from collections.abc import Iterable

from agents.providers.protocol import (
    AssistantMessage,
    ChatMessage,
    Malformed,
    Request,
    ToolCall,
    UserMessage,
)
from agents.runtime.tokens import tokens_of

TOKENS_OF_A_FRAME = 16  # what a protocol adds around each message and each tool


def input_tokens_of(request: Request) -> int:
    """The tokens of all that a model is told."""
    texts = [request.system_prompt, *_tools(request)]
    for message in request.messages:
        texts += _texts_of(message)
    frames = 1 + len(request.messages) + len(request.tools)
    return sum(map(tokens_of, texts)) + frames * TOKENS_OF_A_FRAME


def call_text(call: ToolCall) -> str:
    arguments = call.arguments
    written = arguments.text if isinstance(arguments, Malformed) else json.dumps(dict(arguments))
    return f"{call.name}{written}"


def _tools(request: Request) -> Iterable[str]:
    for tool in request.tools:
        yield f"{tool.name}{tool.description}{json.dumps(dict(tool.parameters))}"


def _texts_of(message: ChatMessage) -> Iterable[str]:
    match message:
        case UserMessage(text):
            yield text
        case AssistantMessage(text, calls):
            yield text
            yield from map(call_text, calls)
        case _:
            yield message.content

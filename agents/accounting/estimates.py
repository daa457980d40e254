"""How many tokens a text may be, where no provider has counted them.

A token of a language model is about four letters of English and at least a byte; most other
scripts take about one for each letter, of three bytes. A token for three bytes is more than most
texts have.
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

BYTES_OF_A_TOKEN = 3
TOKENS_OF_A_FRAME = 16  # what a protocol adds around each message and each tool


def tokens_in(text: str) -> int:
    return -(-len(text.encode(errors="replace")) // BYTES_OF_A_TOKEN)


def input_tokens_of(request: Request) -> int:
    """The tokens of all that a model is told."""
    texts = [request.system_prompt, *_tools(request)]
    for message in request.messages:
        texts += _texts_of(message)
    frames = 1 + len(request.messages) + len(request.tools)
    return sum(map(tokens_in, texts)) + frames * TOKENS_OF_A_FRAME


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

"""How many tokens a text is, at most: what decides whether it fits a model's window.

Every model has a tokenizer of its own, and most are not to be had. Those in use give about 4
characters of English to a token, and 2 to 3 bytes to one of what is hard on them: digits, signs,
other scripts. So letters and blanks count a third of a token, and every other byte of UTF-8 half.
"""

import json
from collections.abc import Iterable
from math import ceil

from agents.providers.protocol import (
    AssistantMessage,
    ChatMessage,
    Malformed,
    Tool,
    ToolCall,
    ToolResult,
    UserMessage,
)

_EASY = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \n"
AROUND_A_MESSAGE = 8  # tokens: its role, and what parts it from the next
AROUND_A_CALL = 24  # its id, and the names of its parts


def tokens_of(text: str) -> int:
    encoded = text.encode(errors="replace")
    hard = len(encoded.translate(None, _EASY))
    return ceil((len(encoded) - hard) / 3 + hard / 2)


def tokens_of_messages(messages: Iterable[ChatMessage]) -> int:
    return sum(_of_message(message) for message in messages)


def tokens_of_tools(tools: Iterable[Tool]) -> int:
    return sum(
        AROUND_A_CALL + tokens_of(f"{tool.name} {tool.description} {json.dumps(tool.parameters)}")
        for tool in tools
    )


def _of_message(message: ChatMessage) -> int:
    match message:
        case UserMessage(text):
            return AROUND_A_MESSAGE + tokens_of(text)
        case ToolResult(call, content):
            return AROUND_A_MESSAGE + AROUND_A_CALL + tokens_of(content) + tokens_of(call.name)
        case AssistantMessage(text, calls):
            return AROUND_A_MESSAGE + tokens_of(text) + sum(_of_call(call) for call in calls)


def _of_call(call: ToolCall) -> int:
    arguments = call.arguments
    shown = arguments.text if isinstance(arguments, Malformed) else json.dumps(dict(arguments))
    return AROUND_A_CALL + tokens_of(call.name + shown + call.opaque)

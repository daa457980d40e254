"""The protocol of OpenAI's chat completions, which many other servers speak as well."""

import json
import re
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from agents.providers.access import Access
from agents.providers.calling import call
from agents.providers.protocol import (
    AnswerEvent,
    AssistantMessage,
    ChatMessage,
    FinishReason,
    Malformed,
    Request,
    ToolResult,
    UserMessage,
    is_blank,
)
from agents.providers.reply import Reply
from agents.providers.transport import NO_KEY

REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
# Models that think first take no temperature.
_THINKING = re.compile(r"o\d|gpt-([5-9]|\d\d)")


def answer(request: Request, *, access: Access) -> AsyncGenerator[AnswerEvent, None]:
    body = _body(request, access)
    return call(access, _client, partial(_open, body=body), OpenAIReply)


def _client(access: Access, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=NO_KEY, base_url=access.base_url, max_retries=0, timeout=None, http_client=http
    )


async def _open(client: openai.AsyncOpenAI, *, body: dict[str, Any]) -> Any:
    return await client.chat.completions.create(**body)


def _body(request: Request, access: Access) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model_name,
        "messages": [
            {"role": "system", "content": request.system_prompt},
            *(_message(message) for message in request.messages if not is_blank(message)),
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        _length_name(access): request.max_tokens,
    }
    if not _THINKING.match(request.model_name):
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                },
            }
            for tool in request.tools
        ]
        if not request.may_call:
            body["tool_choice"] = "none"
    return body


def _length_name(access: Access) -> str:
    """OpenAI has given `max_tokens` up, most other servers know nothing else."""
    host = urlsplit(access.base_url).hostname or ""
    is_openai = host == "api.openai.com" or host.endswith((".openai.com", ".openai.azure.com"))
    return "max_completion_tokens" if is_openai else "max_tokens"


def _message(message: ChatMessage) -> dict[str, Any]:
    match message:
        case UserMessage(text):
            return {"role": "user", "content": text}
        case ToolResult(asked, content):
            return {"role": "tool", "tool_call_id": asked.id, "content": content}
        case AssistantMessage(text, calls):
            said: dict[str, Any] = {"role": "assistant", "content": text if text.strip() else None}
            if calls:
                said["tool_calls"] = [
                    {
                        "id": asked.id,
                        "type": "function",
                        "function": {"name": asked.name, "arguments": _written(asked.arguments)},
                    }
                    for asked in calls
                ]
            return said


def _written(arguments: Any) -> str:
    is_malformed = isinstance(arguments, Malformed)
    return json.dumps({"malformed": arguments.text} if is_malformed else dict(arguments))


class OpenAIReply(Reply):
    def read(self, chunk: Any) -> Iterator[AnswerEvent]:
        if usage := getattr(chunk, "usage", None):
            details = getattr(usage, "prompt_tokens_details", None)
            self.count(
                read=usage.prompt_tokens,
                cached=getattr(details, "cached_tokens", 0),
                written=usage.completion_tokens,
            )
        for choice in (getattr(chunk, "choices", None) or [])[:1]:
            delta = choice.delta
            if delta:
                yield from self.text(delta.content)
                yield from self.text(getattr(delta, "refusal", None))
                for position, piece in enumerate(delta.tool_calls or []):
                    self._tool_call(piece, position)
            if choice.finish_reason:
                self.finish(REASONS.get(choice.finish_reason, FinishReason.STOP))

    def _tool_call(self, piece: Any, position: int) -> None:
        # Some servers give all calls the same index, or none.
        index = piece.index if getattr(piece, "index", None) is not None else position
        known = [key for key in self._calls if key[0] == index]
        if piece.id and not any(self._calls[key].id == piece.id for key in known):
            key = (index, piece.id)
        else:
            key = known[-1] if known else (index, "")
        function = piece.function
        self.call(
            key,
            called=piece.id,
            name=getattr(function, "name", None),
            arguments=getattr(function, "arguments", None),
        )

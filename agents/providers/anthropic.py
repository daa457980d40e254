"""The protocol of Anthropic's messages.

No temperature is sent: since version 2026-10-21 the API refuses requests with one.
"""

from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Any

import anthropic
import httpx2

from agents.providers.access import Access
from agents.providers.calling import call
from agents.providers.protocol import (
    AnswerEvent,
    AssistantMessage,
    ChatMessage,
    FinishReason,
    Malformed,
    Request,
    ToolCall,
    ToolResult,
    UserMessage,
    is_blank,
)
from agents.providers.reply import Reply
from agents.providers.transport import NO_KEY

REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "pause_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}


def answer(request: Request, *, access: Access) -> AsyncGenerator[AnswerEvent, None]:
    return call(access, _client, partial(_open, body=_body(request)), AnthropicReply)


def _client(access: Access, http: httpx2.AsyncClient) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        api_key=NO_KEY,
        base_url=access.base_url,
        max_retries=0,
        timeout=None,
        http_client=http,
        open_telemetry=False,
    )


async def _open(client: anthropic.AsyncAnthropic, *, body: dict[str, Any]) -> Any:
    return await client.messages.create(**body)


def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model_name,
        "system": request.system_prompt,
        "messages": _messages(request),
        "max_tokens": request.max_tokens,
        "stream": True,
    }
    if request.tools:
        body["tools"] = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": dict(tool.parameters),
            }
            for tool in request.tools
        ]
        if not request.may_call:
            body["tool_choice"] = {"type": "none"}
    return body


def _messages(request: Request) -> list[dict[str, Any]]:
    """Roles must take turns: results of several calls are one message."""
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        if is_blank(message):
            continue
        role = "assistant" if isinstance(message, AssistantMessage) else "user"
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += _blocks(message)
        else:
            messages.append({"role": role, "content": _blocks(message)})
    return messages


def _blocks(message: ChatMessage) -> list[dict[str, Any]]:
    match message:
        case UserMessage(text):
            return [{"type": "text", "text": text}]
        case ToolResult(asked, content, is_error):
            return [
                {
                    "type": "tool_result",
                    "tool_use_id": asked.id,
                    "content": content,
                    "is_error": is_error,
                }
            ]
        case AssistantMessage(text, calls):
            said: list[dict[str, Any]] = [{"type": "text", "text": text}] if text.strip() else []
            return said + [_tool_use(asked) for asked in calls]


def _tool_use(asked: ToolCall) -> dict[str, Any]:
    arguments = asked.arguments
    is_malformed = isinstance(arguments, Malformed)
    shown = {"malformed": arguments.text} if is_malformed else dict(arguments)  # type: ignore[union-attr, arg-type]
    return {"type": "tool_use", "id": asked.id, "name": asked.name, "input": shown}


class AnthropicReply(Reply):
    def read(self, chunk: Any) -> Iterator[AnswerEvent]:
        match getattr(chunk, "type", None):
            case "message_start":
                self._count_tokens(chunk.message.usage)
            case "content_block_start" if chunk.content_block.type == "tool_use":
                block = chunk.content_block
                self.call(chunk.index, called=block.id, name=block.name)
            case "content_block_start" if chunk.content_block.type == "text":
                yield from self.text(chunk.content_block.text)
            case "content_block_delta" if chunk.delta.type == "text_delta":
                yield from self.text(chunk.delta.text)
            case "content_block_delta" if chunk.delta.type == "input_json_delta":
                self.call(chunk.index, arguments=chunk.delta.partial_json)
            case "message_delta":
                self._count_tokens(chunk.usage)
                if reason := chunk.delta.stop_reason:
                    self.finish(REASONS.get(reason, FinishReason.STOP))

    def _count_tokens(self, usage: Any) -> None:
        """The last event may leave out what the first has told."""
        if usage is None:
            return
        before = self.usage
        cached = getattr(usage, "cache_read_input_tokens", None) or 0
        written_to_cache = getattr(usage, "cache_creation_input_tokens", None) or 0
        read = getattr(usage, "input_tokens", None)
        total = read + cached + written_to_cache if read is not None else None
        self.count(
            read=total if total is not None else before and before.input_tokens,
            cached=cached or (before and before.cached_tokens),
            written=getattr(usage, "output_tokens", None),
        )

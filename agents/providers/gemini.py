"""The protocol of Google's Gemini."""

import base64
import binascii
import json
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Any

import httpx2
from google import genai
from google.genai import types

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
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "LANGUAGE": FinishReason.CONTENT_FILTER,
}
_NO_CALLS = types.ToolConfig(
    function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.NONE)
)


def answer(request: Request, *, access: Access) -> AsyncGenerator[AnswerEvent, None]:
    return call(access, _client, partial(_open, request=request), GeminiReply)


def _client(access: Access, http: httpx2.AsyncClient) -> genai.Client:
    options = types.HttpOptions(
        base_url=access.base_url,
        api_version="v1beta",
        httpx_client=_Unused(trust_env=False, transport=httpx2.MockTransport(_unused)),
        httpx_async_client=http,
    )
    return genai.Client(api_key=NO_KEY, vertexai=False, http_options=options)


class _Unused(httpx2.Client):
    """The library makes a synchronous client, too, which costs 20 ms where it is given none."""


def _unused(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError("All calls are asynchronous.")


async def _open(client: genai.Client, *, request: Request) -> Any:
    return await client.aio.models.generate_content_stream(
        model=request.model_name,
        contents=_contents(request),
        config=_config(request),
    )


def _config(request: Request) -> types.GenerateContentConfig:
    tools = [
        types.FunctionDeclaration(
            name=tool.name,
            description=tool.description,
            parameters_json_schema=dict(tool.parameters),
        )
        for tool in request.tools
    ]
    return types.GenerateContentConfig(
        system_instruction=request.system_prompt,
        temperature=request.temperature,
        max_output_tokens=request.max_tokens,
        tools=[types.Tool(function_declarations=tools)] if tools else None,
        tool_config=None if request.may_call or not tools else _NO_CALLS,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _contents(request: Request) -> list[types.Content]:
    """Results of several calls are one content."""
    contents: list[types.Content] = []
    for message in request.messages:
        if is_blank(message):
            continue
        role = "model" if isinstance(message, AssistantMessage) else "user"
        if contents and contents[-1].role == role:
            contents[-1].parts = [*(contents[-1].parts or []), *_parts(message)]
        else:
            contents.append(types.Content(role=role, parts=_parts(message)))
    return contents


def _parts(message: ChatMessage) -> list[types.Part]:
    match message:
        case UserMessage(text):
            return [types.Part(text=text)]
        case ToolResult(asked, content, is_error):
            told = {"error" if is_error else "output": content}
            response = types.FunctionResponse(id=asked.id, name=asked.name, response=told)
            return [types.Part(function_response=response)]
        case AssistantMessage(text, calls):
            said = [types.Part(text=text)] if text.strip() else []
            return said + [_call_part(asked) for asked in calls]


def _call_part(asked: ToolCall) -> types.Part:
    arguments = asked.arguments
    is_malformed = isinstance(arguments, Malformed)
    shown = {"malformed": arguments.text} if is_malformed else dict(arguments)  # type: ignore[union-attr, arg-type]
    return types.Part(
        function_call=types.FunctionCall(id=asked.id, name=asked.name, args=shown),
        thought_signature=_signature(asked.opaque),
    )


def _signature(opaque: str) -> bytes | None:
    try:
        return base64.b64decode(opaque, validate=True) or None
    except binascii.Error:  # another provider's
        return None


class GeminiReply(Reply):
    def read(self, chunk: Any) -> Iterator[AnswerEvent]:
        if usage := chunk.usage_metadata:
            self.count(
                read=usage.prompt_token_count,
                cached=usage.cached_content_token_count,
                written=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            )
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            self.finish(FinishReason.CONTENT_FILTER)
        for candidate in (chunk.candidates or [])[:1]:
            for part in (candidate.content and candidate.content.parts) or []:
                if part.function_call:
                    self._tool_call(part)
                elif not part.thought:
                    yield from self.text(part.text)
            if candidate.finish_reason:
                name = str(getattr(candidate.finish_reason, "value", candidate.finish_reason))
                self.finish(REASONS.get(name, FinishReason.ERROR))

    def _tool_call(self, part: types.Part) -> None:
        asked: Any = part.function_call
        self.call(
            len(self._calls),
            called=asked.id,
            name=asked.name,
            arguments=json.dumps(asked.args or {}),
            opaque=base64.b64encode(part.thought_signature or b"").decode(),
        )

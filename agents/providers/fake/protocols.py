"""How the three protocols write what a script says, as server-sent events."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from agents.providers.fake.script import Answer
from agents.providers.protocol import FinishReason


def _written(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


class Protocol(ABC):
    keep_alive = b": keep-alive\n\n"

    def frames(self, answer: Answer, model: str) -> Iterator[bytes]:
        """The events of a whole answer."""
        yield from self.opening(answer, model)
        for piece in answer.pieces():
            yield self.text(piece)
        for number, call in enumerate(answer.tool_calls):
            yield from self.call(number, call)
        yield from self.closing(answer)

    @abstractmethod
    def opening(self, answer: Answer, model: str) -> Iterator[bytes]: ...
    @abstractmethod
    def text(self, piece: str) -> bytes: ...
    @abstractmethod
    def call(self, number: int, call: dict[str, Any]) -> Iterator[bytes]: ...
    @abstractmethod
    def finish(self, answer: Answer) -> Iterator[bytes]: ...
    @abstractmethod
    def closing(self, answer: Answer) -> Iterator[bytes]: ...
    @abstractmethod
    def empty(self) -> bytes:
        """An event that says nothing."""

    @abstractmethod
    def error(self, status: int) -> dict[str, Any]: ...

    def error_event(self, status: int) -> bytes:
        return _event(self.error(status))

    def usage_at_first(self, answer: Answer) -> dict[str, int] | None:
        """What is told of the usage before the text, by the protocols that do."""
        return None


def _event(data: Any, name: str = "", end: str = "\n") -> bytes:
    # As the providers do: what is not ASCII is written as it is, but for halves of surrogate pairs.
    text = json.dumps(data, ensure_ascii=False)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        body = json.dumps(data).encode()
    head = f"event: {name}{end}" if name else ""
    return head.encode() + b"data: " + body + (end * 2).encode()


class OpenAI(Protocol):
    reasons = {FinishReason.NO_ANSWER: "stop", FinishReason.ERROR: "stop"}

    def opening(self, answer: Answer, model: str) -> Iterator[bytes]:
        yield self._chunk({"role": "assistant", "content": ""})

    def text(self, piece: str) -> bytes:
        return self._chunk({"content": piece})

    def call(self, number: int, call: dict[str, Any]) -> Iterator[bytes]:
        function = {"name": call["name"], "arguments": ""}
        head = {"index": number, "id": call["id"], "type": "function", "function": function}
        yield self._chunk({"tool_calls": [head]})
        text = _written(call["arguments"])
        for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
            yield self._chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})

    def finish(self, answer: Answer) -> Iterator[bytes]:
        reason = answer.reason()
        yield self._chunk({}, finish_reason=self.reasons.get(reason, reason.value))

    def closing(self, answer: Answer) -> Iterator[bytes]:
        yield from self.finish(answer)
        if usage := answer.usage:
            told = {
                "prompt_tokens": usage["input"],
                "completion_tokens": usage["output"],
                "total_tokens": usage["input"] + usage["output"],
                "prompt_tokens_details": {"cached_tokens": usage["cached"]},
            }
            yield _event(self._data([]) | {"usage": told})
        yield b"data: [DONE]\n\n"

    def empty(self) -> bytes:
        return _event(self._data([]))

    def error(self, status: int) -> dict[str, Any]:
        codes = {401: "invalid_api_key", 404: "model_not_found", 400: "context_length_exceeded"}
        kind = "server_error" if status >= 500 else "invalid_request_error"
        text = f"Said with {status}."
        return {"error": {"message": text, "type": kind, "code": codes.get(status)}}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        return _event(self._data([{"index": 0, "delta": delta, "finish_reason": finish_reason}]))

    def _data(self, choices: list[Any]) -> dict[str, Any]:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "fake",
            "choices": choices,
        }


class Anthropic(Protocol):
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'
    reasons = {
        FinishReason.STOP: "end_turn",
        FinishReason.LENGTH: "max_tokens",
        FinishReason.TOOL_CALLS: "tool_use",
        FinishReason.CONTENT_FILTER: "refusal",
    }

    def opening(self, answer: Answer, model: str) -> Iterator[bytes]:
        usage = answer.usage or {"input": 0, "cached": 0}
        message: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": model,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": usage["input"] - usage["cached"],
                "cache_read_input_tokens": usage["cached"],
                "cache_creation_input_tokens": 0,
                "output_tokens": 1,
            },
        }
        if answer.usage is None:
            del message["usage"]
        yield self._of("message_start", message=message)
        yield self._of("content_block_start", index=0, content_block={"type": "text", "text": ""})

    def text(self, piece: str) -> bytes:
        return self._of("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})

    def call(self, number: int, call: dict[str, Any]) -> Iterator[bytes]:
        block = {"type": "tool_use", "id": call["id"], "name": call["name"], "input": {}}
        yield self._of("content_block_start", index=number + 1, content_block=block)
        text = _written(call["arguments"])
        for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield self._of("content_block_delta", index=number + 1, delta=delta)
        yield self._of("content_block_stop", index=number + 1)

    def finish(self, answer: Answer) -> Iterator[bytes]:
        reason = self.reasons.get(answer.reason(), "end_turn")
        data: dict[str, Any] = {"delta": {"stop_reason": reason, "stop_sequence": None}}
        if answer.usage:
            data["usage"] = {"output_tokens": answer.usage["output"]}
        yield self._of("message_delta", **data)

    def closing(self, answer: Answer) -> Iterator[bytes]:
        yield self._of("content_block_stop", index=0)
        yield from self.finish(answer)
        yield self._of("message_stop")

    def empty(self) -> bytes:
        return self._of("content_block_delta", index=0, delta={"type": "text_delta", "text": ""})

    def error(self, status: int) -> dict[str, Any]:
        kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
        kind = "invalid_request_error" if status == 400 else kinds.get(status, "overloaded_error")
        text = "prompt is too long: 9 tokens > 1" if status == 400 else f"Said with {status}."
        return {"type": "error", "error": {"type": kind, "message": text}}

    def error_event(self, status: int) -> bytes:
        return _event(self.error(status), "error")

    def usage_at_first(self, answer: Answer) -> dict[str, int] | None:
        return answer.usage and answer.usage | {"output": 1}

    def _of(self, kind: str, **data: Any) -> bytes:
        return _event({"type": kind, **data}, kind)


class Gemini(Protocol):
    keep_alive = b"\r\n"  # its library takes a comment for broken JSON
    reasons = {
        FinishReason.STOP: "STOP",
        FinishReason.LENGTH: "MAX_TOKENS",
        FinishReason.CONTENT_FILTER: "SAFETY",
        FinishReason.TOOL_CALLS: "STOP",
        FinishReason.ERROR: "MALFORMED_FUNCTION_CALL",
    }

    def opening(self, answer: Answer, model: str) -> Iterator[bytes]:
        yield from ()

    def text(self, piece: str) -> bytes:
        return self._of([{"text": piece}])

    def call(self, number: int, call: dict[str, Any]) -> Iterator[bytes]:
        asked = {"id": call["id"], "name": call["name"], "args": call["arguments"]}
        yield self._of([{"functionCall": asked, "thoughtSignature": "c2lnbmVk"}])

    def finish(self, answer: Answer) -> Iterator[bytes]:
        yield self._of([{"text": ""}], finishReason=self.reasons.get(answer.reason(), "STOP"))

    def closing(self, answer: Answer) -> Iterator[bytes]:
        if usage := answer.usage:
            told = {
                "promptTokenCount": usage["input"],
                "cachedContentTokenCount": usage["cached"],
                "candidatesTokenCount": usage["output"],
                "totalTokenCount": usage["input"] + usage["output"],
            }
            yield _event({"usageMetadata": told, "modelVersion": "fake"}, end="\r\n")
        yield from self.finish(answer)

    def empty(self) -> bytes:
        return _event({"candidates": []}, end="\r\n")

    def error(self, status: int) -> dict[str, Any]:
        names = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
        name = "INVALID_ARGUMENT" if status == 400 else names.get(status, "UNAVAILABLE")
        too_long = "The input token count exceeds the maximum number of tokens allowed (1)."
        text = too_long if status == 400 else f"Said with {status}."
        return {"error": {"code": status, "message": text, "status": name}}

    def _of(self, parts: list[Any], **candidate: Any) -> bytes:
        content = {"parts": parts, "role": "model"}
        data = {"candidates": [{"content": content, "index": 0} | candidate]}
        return _event(data, end="\r\n")


PROTOCOLS: dict[str, Protocol] = {
    "openai": OpenAI(),
    "anthropic": Anthropic(),
    "gemini": Gemini(),
}

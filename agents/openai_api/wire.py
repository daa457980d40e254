"""What a client is sent: models, completions, chunks. Field for field as OpenAI's reference has it.

Beyond it: `citations` of an answer, as the rest of the API shows them, and the agent's `name` and
`description`. `system_fingerprint` names the agent's version.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from agents.models import AgentConfig
from agents.providers.protocol import CitationFound, Finished, FinishReason, TextDelta, Usage
from agents.runtime.citing import citation_data
from common.api.problems import Problem

_MARK = re.compile(r"\[(\d{1,4})\]")
_REASONS = {
    FinishReason.LENGTH: "length",
    FinishReason.CONTENT_FILTER: "content_filter",
}
_CALLS_ALONE = "The model called tools to the end and said nothing. Ask again."
DONE = b"data: [DONE]\n\n"
COMMENT = b": waiting\n\n"


def model_data(agent: AgentConfig, owner: str) -> dict[str, Any]:
    return {
        "id": agent.slug,
        "object": "model",
        "created": int(agent.created_at.timestamp()),
        "owned_by": owner,
        "name": agent.name,
        "description": agent.description,
    }


@dataclass
class Completion:
    """An answer as it grows out of the events of the runtime. `model` is what the client called
    the agent."""

    id: str
    model: str
    version: int | None
    created: int
    text: str = ""
    reason: str = "stop"
    citations: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage = field(default_factory=lambda: Usage(0, 0))

    def take(self, event: Any) -> str:
        """Take an event in; return the text that it adds.

        Raises a Problem at the end of an answer that is nothing but calls of tools.
        """
        match event:
            case TextDelta(text):
                text = text.replace("\x00", "")
                self.text += text
                return text
            case CitationFound():
                self.citations.append(citation_data(event))
            case Usage():
                self.usage = Usage(
                    self.usage.input_tokens + event.input_tokens,
                    self.usage.output_tokens + event.output_tokens,
                    self.usage.cached_tokens + event.cached_tokens,
                )
            case Finished(reason):
                if reason == FinishReason.TOOL_CALLS and not self.text.strip():
                    raise Problem(502, _CALLS_ALONE, kind="tool_calls")
                self.reason = _REASONS.get(reason, "stop")
        return ""

    def as_json(self) -> bytes:
        """All of it, when it has ended."""
        message = {"role": "assistant", "content": self.text, "refusal": None, **self._sources()}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.reason}
        return _json(self._said("chat.completion", [choice], usage=self._usage()))

    def chunk(self, delta: dict[str, Any], *, counts: bool, is_last: bool = False) -> bytes:
        """A piece of it; the last one says why it ended and what it rests on."""
        delta = delta | (self._sources() if is_last else {})
        reason = self.reason if is_last else None
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if counts else {}
        return frame(self._said("chat.completion.chunk", [choice], **usage))

    def usage_chunk(self) -> bytes:
        return frame(self._said("chat.completion.chunk", [], usage=self._usage()))

    def _said(self, kind: str, choices: list[Any], **others: Any) -> dict[str, Any]:
        fingerprint = None if self.version is None else f"v{self.version}"
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": fingerprint,
            "choices": choices,
            **others,
        }

    def _sources(self) -> dict[str, Any]:
        return {"citations": self.citations, "annotations": list(self._annotations())}

    def _annotations(self) -> Iterator[dict[str, Any]]:
        """Where in the text each citation is named, in the form that OpenAI has for sources."""
        known = {citation["number"]: citation for citation in self.citations}
        for found in _MARK.finditer(self.text):
            if citation := known.get(int(found[1])):
                page = f"#page={citation['page']}" if citation["page"] else ""
                url = f"{settings.PUBLIC_URL}/api/v1/documents/{citation['document']}/file/{page}"
                place = {"start_index": found.start(), "end_index": found.end()}
                cited = place | {"title": citation["filename"], "url": url}
                yield {"type": "url_citation", "url_citation": cited}

    def _usage(self) -> dict[str, Any]:
        used = self.usage
        return {
            "prompt_tokens": used.input_tokens,
            "completion_tokens": used.output_tokens,
            "total_tokens": used.input_tokens + used.output_tokens,
            "prompt_tokens_details": {"cached_tokens": used.cached_tokens},
        }


def frame(data: dict[str, Any]) -> bytes:
    """An event of a stream: its data alone."""
    return b"data: %s\n\n" % _json(data)


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()

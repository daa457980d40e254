"""What a client asks for, read strictly where it would change the answer and leniently elsewhere.

Fields that are not known are passed over, as OpenAI does. What cannot be had is refused rather
than ignored: several choices, the client's own tools, a form of the answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from agents.providers.protocol import AssistantMessage, ChatMessage, UserMessage
from common.api.problems import field_problem

MAX_MESSAGES = 1_000
MAX_QUESTION_CHARACTERS = 100_000
_SYSTEM = ("system", "developer")
_ROLES = (*_SYSTEM, "user", "assistant", "tool")
_TOOLS_STAY = "The agent has tools of its own; a client's are not taken. Leave this away."


@dataclass(frozen=True)
class ChatRequest:
    """`history` is what was said before `question`, oldest first; `wishes` are the client's system
    messages. `temperature` and `max_tokens` are None where nothing was asked for."""

    question: str
    history: Sequence[ChatMessage]
    wishes: str
    stream: bool
    include_usage: bool
    temperature: float | None
    max_tokens: int | None


def model_of(body: Any) -> str:
    if not isinstance(body, dict):
        raise field_problem("", "The body must be a JSON object.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise field_problem("model", "Name the model: the slug or the id of an agent.")
    return model


def chat_request(body: dict[str, Any]) -> ChatRequest:
    """Read a body, or raise a Problem that names the field at fault."""
    _refuse_what_cannot_be_had(body)
    said = list(_messages(body.get("messages")))
    wishes = "\n\n".join(text for role, text in said if role in _SYSTEM)
    turns = _joined((role, text) for role, text in said if role not in _SYSTEM)
    if not turns or not isinstance(turns[-1], UserMessage) or not turns[-1].text.strip():
        raise field_problem("messages", "The last message must be a question of the user.")
    *history, question = turns
    if len(question.text) > MAX_QUESTION_CHARACTERS:
        raise field_problem(
            "messages", f"A question has at most {MAX_QUESTION_CHARACTERS:,} characters."
        )
    options = body.get("stream_options") or {}
    return ChatRequest(
        question=question.text,
        history=history,
        wishes=wishes,
        stream=_flag(body, "stream"),
        include_usage=isinstance(options, dict) and _flag(options, "include_usage"),
        temperature=_temperature(body),
        max_tokens=_max_tokens(body),
    )


def _refuse_what_cannot_be_had(body: dict[str, Any]) -> None:
    for name in ("tools", "functions"):
        if body.get(name):
            raise field_problem(name, _TOOLS_STAY, kind="tools_not_supported")
    if body.get("n") not in (None, 1) or isinstance(body.get("n"), bool):
        raise field_problem("n", "There is one answer: leave this away, or say 1.")
    form = body.get("response_format")
    if form is not None and not (isinstance(form, dict) and form.get("type") == "text"):
        raise field_problem("response_format", "An agent answers in text.")


def _messages(messages: Any) -> Iterator[tuple[str, str]]:
    """Yield (role, text) of each."""
    if not isinstance(messages, list) or not messages:
        raise field_problem("messages", "This must be a list of messages.")
    if len(messages) > MAX_MESSAGES:
        raise field_problem("messages", f"Send at most {MAX_MESSAGES:,} messages.")
    for place, message in enumerate(messages):
        name = f"messages[{place}]"
        if not isinstance(message, dict):
            raise field_problem(name, "This must be an object of role and content.")
        role = message.get("role")
        if role not in _ROLES:
            raise field_problem(f"{name}.role", f"This must be one of {', '.join(_ROLES)}.")
        content = message.get("content")
        if content is None and role == "assistant":
            continue  # it called tools, which are not ours
        text = _storable(_text(content, f"{name}.content"), f"{name}.content")
        if text.strip() or place == len(messages) - 1:  # providers refuse messages without a text
            yield role, text


def _text(content: Any, name: str) -> str:
    """A text, or the texts of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise field_problem(name, "This must be a text, or a list of parts.")
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise field_problem(name, 'An agent reads text alone: {"type": "text", "text": "…"}.')
        texts.append(text)
    return "\n".join(texts)


def _storable(text: str, name: str) -> str:
    if "\x00" in text or (not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)):
        raise field_problem(name, "This holds something that is no text.")
    return text


def _joined(said: Iterator[tuple[str, str]]) -> list[UserMessage | AssistantMessage]:
    """Turns that alternate, the user's first, which is what all protocols take."""
    found: list[UserMessage | AssistantMessage] = []
    for role, text in said:
        if role == "tool":
            text = f"What a tool of the client gave:\n{text}"
        kind = AssistantMessage if role == "assistant" else UserMessage
        if found and isinstance(found[-1], kind):
            text = f"{found.pop().text}\n\n{text}"
        if found or kind is UserMessage:
            found.append(kind(text))
    return found


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise field_problem(name, "This must be true or false.")
    return bool(value)


def _temperature(body: dict[str, Any]) -> float | None:
    value = body.get("temperature")
    if value is None:
        return None
    if not _is_number(value) or not 0 <= value <= 2:
        raise field_problem("temperature", "This must be a number from 0 to 2.")
    return float(value)


def _max_tokens(body: dict[str, Any]) -> int | None:
    """The least that either of its two names asks for."""
    found = []
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if not _is_number(value) or value != int(value) or value < 1:
            raise field_problem(name, "This must be a whole number above 0.")
        found.append(int(value))
    return min(found, default=None)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)

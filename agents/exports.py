"""A conversation as a file: Markdown to read, or JSON to take elsewhere.

Messages are read in pages, each in a short block of its own, oldest first, all branches included:
each says which message it replies to.
"""

import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any
from uuid import UUID

from django.utils.text import slugify

from agents.messages import reply_data
from agents.models import Conversation, Message
from agents.runtime.blocks import in_block, in_database_thread
from agents.runtime.links import Guard
from agents.viewing import Viewer
from tenants.audit.actor import Actor, acted_by
from tenants.audit.trail import record
from tenants.context import acting_for

PAGE = 20  # messages, each with its citations

Parts = Iterator[str]
_WHO = {Message.Role.USER: "Question", Message.Role.ASSISTANT: "Reply"}


def filename_of(conversation: Conversation, ending: str) -> str:
    """A name of letters, digits and dashes, whatever the title is."""
    name = slugify(conversation.title)[:60].strip("-")
    return f"{name or 'conversation'}-{str(conversation.pk)[-8:]}.{ending}"


def record_export(organization_id: UUID, conversation: Conversation, actor: Actor | None) -> None:
    """Write to the audit trail that somebody took a conversation which is not theirs."""
    with acted_by(actor), acting_for(organization_id):
        record("exported", subject=conversation, content=True)


async def exported(
    conversation: Conversation, writer: "Writer", viewer: Viewer, actor: Actor | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield the file, piece by piece. It ends where the viewer may no longer see more.

    With an `actor` it is somebody else's conversation, and nothing is told before that is recorded.
    """
    place: Any = conversation.organization_id
    if actor:
        await in_database_thread(record_export, place, conversation, actor)
    yield "".join(writer.head(conversation)).encode()
    last: UUID | None = None
    while True:
        page = await in_block(place, _read, conversation.pk, last, viewer, read_only=True)
        if page is None:
            return  # what they have is seen to be incomplete
        for message in page:
            yield "".join(writer.message(message)).encode()
            last = message.pk
        if len(page) < PAGE:
            break
    yield "".join(writer.tail()).encode()


def _read(conversation_id: UUID, last: UUID | None, viewer: Viewer) -> list[Message] | None:
    """Return the messages after one, or None when the viewer may not see them any more."""
    if not viewer.holds():
        return None
    messages = Message.objects.filter(conversation_id=conversation_id)
    if last:
        messages = messages.filter(pk__gt=last)
    return list(messages.select_related("agent_version").order_by("pk")[:PAGE])


class Writer:
    """Writes one conversation. It remembers what it has written."""

    def head(self, conversation: Conversation) -> Parts:
        raise NotImplementedError

    def message(self, message: Message) -> Parts:
        raise NotImplementedError

    def tail(self) -> Parts:
        raise NotImplementedError


class JSONWriter(Writer):
    """One object: the conversation, with `messages` as the API shows them."""

    def __init__(self) -> None:
        self._is_first = True

    def head(self, conversation: Conversation) -> Parts:
        names = {name: str(getattr(conversation, f"{name}_id")) for name in _REFERENCES}
        about = {
            "id": str(conversation.pk),
            "title": conversation.title,
            **names,
            "created_at": _time(conversation),
        }
        yield _json(about)[:-1] + ',"messages":['

    def message(self, message: Message) -> Parts:
        yield ("" if self._is_first else ",") + "\n" + _json(reply_data(message))
        self._is_first = False

    def tail(self) -> Parts:
        yield "\n]}\n"


class MarkdownWriter(Writer):
    """Numbered messages, each quoted, so that no text of theirs passes for a part of the file.

    Links, pictures and HTML in them are broken by blanks: opening the file calls nobody, and no
    address of a document's leads anywhere. JSON has all as it is.
    """

    def __init__(self) -> None:
        self._numbers: dict[UUID, int] = {}
        self._tokens = 0

    def head(self, conversation: Conversation) -> Parts:
        title = _harmless(" ".join(str(conversation).split()))
        yield f"# {title}\n\nBegun {conversation.created_at:%Y-%m-%d %H:%M} UTC.\n"

    def message(self, message: Message) -> Parts:
        number = self._numbers[message.pk] = len(self._numbers) + 1
        who = _WHO.get(Message.Role(message.role), message.role.capitalize())
        follows = self._numbers.get(message.reply_to_id) if message.reply_to_id else None
        branch = f", to {follows}" if follows and follows != number - 1 else ""
        yield f"\n## {number}. {who}{branch}\n\n{_quoted(message.content)}"
        yield from self._sources(message.citations)
        if message.role == Message.Role.ASSISTANT:
            yield f"\n{self._usage(message)}\n"

    def tail(self) -> Parts:
        yield f"\n---\n\n{len(self._numbers)} messages, {self._tokens} tokens.\n"

    def _sources(self, citations: list[dict[str, Any]]) -> Parts:
        if citations:
            yield "\nSources:\n\n"
        for found in citations:
            page = "" if found["page"] is None else f", page {found['page']}"
            quote = _harmless(" ".join(found["quote"].split()))
            yield f"- \\[{found['number']}\\] {_harmless(found['filename'])}{page}: “{quote}”\n"

    def _usage(self, message: Message) -> str:
        said = [message.status]
        if message.finish_reason not in ("", message.status, "stop"):
            said.append(message.finish_reason)
        if message.agent_version:
            said.append(f"version {message.agent_version.number}")
        if message.tokens_used is not None:
            self._tokens += message.tokens_used
            said.append(f"{message.tokens_used} tokens")
        return f"*{', '.join(said)}*"


_REFERENCES = ("agent", "project", "user")


def _quoted(text: str) -> str:
    lines = _harmless(text).splitlines() or [""]
    return "".join(f"> {line}".rstrip() + "\n" for line in lines)


def _harmless(text: str) -> str:
    return Guard().feed(text, is_last=True)


def _time(row: Any) -> str:
    return row.created_at.isoformat().replace("+00:00", "Z")


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

"""E-mail: its headers and its text. What is attached to it becomes documents of their own."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.policy import Compat32
from pathlib import Path

from knowledge.ingestion.decode import decode
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.eml_headers import decoded, shortened
from knowledge.ingestion.formats.eml_parts import Part, parts_of
from knowledge.ingestion.formats.html import add_html, decode_html
from knowledge.ingestion.formats.text_blocks import Blocks
from knowledge.ingestion.reading import Attachment, LeftOut, Limits, Reading, UnreadableDocument

_SHOWN = ("From", "To", "Cc", "Date")
_TELLING = {
    *("from", "to", "cc", "subject", "date", "message-id", "mime-version", "received"),
    *("return-path", "delivered-to", "reply-to", "content-type", "dkim-signature"),
}
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_ENOUGH = 3  # headers of a mail, so that a text in which somebody notes "From:" is none
_SOFT_BREAK = re.compile(r" \r?\n(?!>|-- \r?\n)")  # RFC 3676: a line that goes on
_MAILBOX_LINE = b"From "

# What the standard library raises for mails that it does not expect.
_MISREAD = (MessageError, LookupError, ValueError, TypeError, AttributeError, AssertionError)

_MAX_HEADER = 4_000  # characters that are looked at; parsing one takes more than linear time
_TOO_DEEP = "The parts of this mail lie too deep in each other. Save its attachments one by one."
_DAMAGED = "This mail is damaged. Export it anew and upload that."


class _Bounded(Compat32):
    """The lenient, old policy, which leaves headers as they are, with an end to their length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MAX_HEADER]

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value  # with the bytes that are not ASCII as they are, for `decoded`


def _recognizes(sample: Sample) -> bool:
    telling = {name for name in _header_names(sample.head) if name in _TELLING}
    return len(telling) >= (1 if sample.extension == "eml" else _ENOUGH)


def _header_names(head: bytes) -> Iterator[str]:
    """The names of the headers that a file begins with; nothing when it does not."""
    lines = head.lstrip(b"\r\n").splitlines()
    if lines and lines[0].startswith(_MAILBOX_LINE):
        lines.pop(0)
    names = []
    for line in lines:
        if not line.strip():
            break
        if field := _FIELD.match(line):
            names.append(field[1].decode().lower())
        elif not line.startswith((b" ", b"\t")):
            return
    yield from names


def _read(path: Path, limits: Limits) -> Reading:
    try:
        mail = message_from_bytes(path.read_bytes().lstrip(b"\r\n"), policy=_Bounded())
        return _reading(mail, limits)
    except RecursionError:
        raise UnreadableDocument(_TOO_DEEP)
    except _MISREAD:
        raise UnreadableDocument(_DAMAGED)


def _reading(mail: Message, limits: Limits) -> Reading:
    blocks = Blocks(limits)
    blocks.add(decoded(mail.get("Subject")), level=1)
    for name in _SHOWN:
        if value := decoded(", ".join(map(str, mail.get_all(name, [])))):
            blocks.add(f"{name}: {shortened(value)}", tight=True)
    bodies: list[Part] = []
    attached: list[Part] = []
    for part in parts_of(mail):
        (attached if part.is_attached else bodies).append(part)
    blocks.outer_levels = 1
    for part in _chosen(bodies):
        _add_body(blocks, part)
    attachments, left_out = _taken(attached, limits)
    return blocks.reading(FORMAT.file_type, attachments=attachments, left_out=left_out)


def _chosen(bodies: list[Part]) -> Iterator[Part]:
    """Of several versions of one text the plain one, if there is anything in it."""
    plain = {
        part.alternatives for part in bodies if not part.is_html and part.content().strip()
    } - {None}
    for part in bodies:
        if not (part.is_html and part.alternatives in plain):
            yield part


def _add_body(blocks: Blocks, part: Part) -> None:
    data, charset = part.content(), part.charset
    if part.is_html:
        page = decode(data, declared=charset) if charset else decode_html(data)
        add_html(blocks, page, with_title=False)
    else:
        text = _text(data, charset)
        if part.is_flowed:
            text = _SOFT_BREAK.sub(" ", text)
        blocks.add(text)


def _text(data: bytes, charset: str | None) -> str:
    try:
        return decode(data, declared=charset)
    except UnreadableDocument:
        return data.decode(errors="replace")  # the rest of the mail may be worth having


def _taken(
    attached: list[Part], limits: Limits
) -> tuple[tuple[Attachment, ...], tuple[LeftOut, ...]]:
    """What is attached, as far as it is taken, and what is not."""
    taken: list[Attachment] = []
    left_out: list[LeftOut] = []
    room = limits.attachment_bytes
    for number, part in enumerate(attached, start=1):
        name = part.filename or f"attachment {number}{part.extension}"
        if len(taken) >= limits.attachments:
            left_out.append(LeftOut(name, f"only {limits.attachments} are taken"))
            continue
        try:
            content = part.content()
        except _MISREAD:
            left_out.append(LeftOut(name, "it is damaged"))
            continue
        if len(content) > room:
            left_out.append(LeftOut(name, "together they are too large"))
        elif content:
            room -= len(content)
            taken.append(Attachment(name, content))
    return tuple(taken), tuple(left_out)


FORMAT = Format(file_type="eml", label="e-mail", recognizes=_recognizes, read=_read)

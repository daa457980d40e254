"""The parts of a mail, in order: which are its text, and which are attached to it."""

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from email.generator import BytesGenerator
from email.message import Message
from email.utils import collapse_rfc2231_value
from functools import cached_property
from io import BytesIO

from knowledge.ingestion.formats.eml_headers import decoded

_MAILS = {"message/rfc822", "message/global", "message/news"}
# What mail programs tell each other about a mail's way.
_REPORTS = {"message/delivery-status", "message/disposition-notification", "text/rfc822-headers"}


@dataclass(frozen=True)
class Part:
    """A part without parts. `alternatives` numbers the group of versions of one text it is in."""

    message: Message
    alternatives: int | None

    @cached_property
    def kind(self) -> str:
        kind = self.message.get_content_type()
        return "text/plain" if kind.startswith("multipart/") else kind  # parts that are not there

    @property
    def is_html(self) -> bool:
        return self.kind == "text/html"

    @property
    def is_flowed(self) -> bool:
        return str(self.message.get_param("format", "")).lower() == "flowed"

    @property
    def is_attached(self) -> bool:
        return bool(
            self.message.get_content_disposition() == "attachment"
            or self.filename
            or self.kind not in ("text/plain", "text/html")
        )

    @property
    def is_decoration(self) -> bool:
        """Whether it is a picture within a text."""
        placed = self.message.get("Content-ID") or self._disposition == "inline"
        return bool(self.kind.startswith("image/") and placed and self._disposition != "attachment")

    @property
    def _disposition(self) -> str | None:
        return self.message.get_content_disposition()

    @cached_property
    def filename(self) -> str:
        """What the mail calls it, which may hold directories; a mail is called by its subject."""
        name = self.message.get_param("filename", None, "content-disposition")
        if name is None:
            name = self.message.get_param("name", None, "content-type")
        if name is not None:
            return decoded(collapse_rfc2231_value(name))
        if self.kind in _MAILS and (subject := decoded(self._inner.get("Subject"))):
            return f"{subject.replace('/', ' ')}.eml"
        return ""

    @property
    def extension(self) -> str:
        if self.kind in _MAILS:
            return ".eml"
        mimetypes.init([])  # whatever else this machine calls them
        return mimetypes.guess_extension(self.kind) or ""

    @property
    def charset(self) -> str | None:
        return self.message.get_content_charset()

    def content(self) -> bytes:
        """The content, decoded as far as it can be."""
        if self.kind in _MAILS and self.message.is_multipart():
            return _written(self._inner)
        content = self.message.get_payload(decode=True)
        return content if isinstance(content, bytes) else b""

    @property
    def _inner(self) -> Message:
        payload = self.message.get_payload()
        inner = payload[0] if isinstance(payload, list) and payload else None
        return inner if isinstance(inner, Message) else self.message


def parts_of(mail: Message) -> Iterator[Part]:
    """The parts that matter, in order. A mail within the mail is one part."""
    waiting: list[tuple[Message, int | None]] = [(mail, None)]
    groups = 0
    while waiting:
        message, alternatives = waiting.pop()
        kind = message.get_content_type()
        inner = message.get_payload()
        if kind not in _MAILS | _REPORTS and isinstance(inner, list):
            if kind == "multipart/alternative":
                groups += 1
                alternatives = groups
            waiting += [(part, alternatives) for part in reversed(inner)]
        elif kind not in _REPORTS:
            part = Part(message, alternatives)
            if not part.is_decoration:
                yield part


def _written(mail: Message) -> bytes:
    written = BytesIO()
    policy = mail.policy.clone(max_line_length=None, mangle_from_=False)
    BytesGenerator(written, policy=policy).flatten(mail)
    return written.getvalue()

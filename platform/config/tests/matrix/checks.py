"""What is compared, searched and counted in answers."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.messages import SUCCESS
from django.template import Template
from django.test.utils import _TestState
from django.urls import reverse

from config.tests.matrix.actors import Actor, forbidden_ids, in_hex
from config.tests.matrix.world import World

_CSRF = re.compile(
    rb'(csrfmiddlewaretoken"? value="|csrfToken": ")[A-Za-z0-9]{32,64}', re.IGNORECASE
)
_NONCE = re.compile(r"nonce-[\w+/=-]+")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_POLICY = "Content-Security-Policy"
_REQUEST_ID = ("X-Request-ID", "X-Correlation-ID")


class Told(NamedTuple):
    """All that an answer says, but for what differs from one to the next by chance."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...]
    messages: tuple[str, ...]

    def difference(self, other: "Told") -> str:
        """Where another answer says something else, in short."""
        found = [
            f"{name} {_cut(mine, theirs)} / {_cut(theirs, mine)}"
            for name, mine, theirs in zip(self._fields, self, other, strict=True)
            if mine != theirs
        ]
        return "; ".join(found)


def _cut(one: Any, other: Any) -> str:
    """The beginning of what one has and the other has not."""
    if isinstance(one, tuple):
        return str(sorted(set(one) - set(other)))[:200]
    one, other = str(one), str(other)
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return one[max(0, same - 40) : same + 120]


@dataclass(frozen=True)
class Answer:
    """A response that was read to its end, with what was logged meanwhile."""

    status: int
    body: bytes
    headers: dict[str, str]
    cookies: tuple[str, ...]
    messages: tuple[str, ...]
    log: str

    def told(self, ids: tuple[str, ...]) -> Told:
        """Leave out the ids that were asked for, tokens against forgery and ids of requests."""
        chance = [*ids, *filter(None, (self.headers.get(name) for name in _REQUEST_ID))]

        def clean(text: str) -> str:
            for place, one in enumerate(chance):
                text = text.replace(one, f"ID{place}").replace(one.replace("-", ""), f"ID{place}")
            return _NONCE.sub("nonce", text)

        body = clean(self.body.decode("utf-8", "surrogateescape"))
        kept = _CSRF.sub(rb"\1", body.encode("utf-8", "surrogateescape"))
        headers = {
            name: clean(_in_order(value) if name == _POLICY else value)
            for name, value in self.headers.items()
            if name not in ("Date", "Expires", "Content-Length", *_REQUEST_ID)
        }
        messages = tuple(map(clean, self.messages))
        return Told(self.status, kept, tuple(sorted(headers.items())), self.cookies, messages)

    def said(self) -> str:
        """Everything, to search in."""
        parts = [self.body.decode("utf-8", "replace"), *map(str, self.headers.items())]
        return "\n".join([*parts, *self.messages, self.log])

    def is_positive(self, also: tuple[int, ...] = ()) -> bool:
        """Whether this is what was asked for, not the way to sign in or a warning at the start."""
        if self.status in also:
            return True
        return 200 <= self.status < 400 and not self._turns_away()

    def _turns_away(self) -> bool:
        location = self.headers.get("Location", "")
        if location == reverse("admin:index"):
            return not any(message.startswith(f"{SUCCESS} ") for message in self.messages)
        return location.startswith(reverse("admin:login"))


def _in_order(policy: str) -> str:
    """The directives of a content security policy, which come in any order."""
    return "; ".join(sorted(policy.split("; ")))


def answer_of(response: Any, log: list[str]) -> Answer:
    """Read a response of Django's test client."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    cookies = tuple(
        sorted(
            f"{name} {morsel['path']} {morsel['httponly']} {morsel['samesite']} "
            f"{'gone' if not morsel.value else ''}"
            for name, morsel in response.cookies.items()
        )
    )
    queued = getattr(getattr(response.wsgi_request, "_messages", None), "_queued_messages", ())
    messages = tuple(f"{message.level} {message}" for message in queued)
    headers = {name: str(value) for name, value in response.headers.items()}
    return Answer(response.status_code, body, headers, cookies, messages, "\n".join(log))


def leaks(answer: Answer, actor: Actor, world: World, ids: tuple[str, ...]) -> list[str]:
    """What an answer holds that is not the actor's to know; `ids` they knew when they asked."""
    said = answer.said().lower()
    words = [word for word in actor.forbidden_words if word in said]
    shown = {in_hex(found) for found in _UUID.findall(said)}
    return words + sorted(shown & forbidden_ids(actor, world) - set(map(in_hex, ids)))


def excerpt(text: str, word: str) -> str:
    """Where a word stands in a text."""
    place = text.lower().find(word)
    return " ".join(text[max(0, place - 80) : place + 80].split())


@contextmanager
def templates_uncopied() -> Iterator[None]:
    """Render as outside of tests: Django's client would copy the context of every template."""
    kept, Template._render = Template._render, _TestState.saved_data.template_render
    try:
        yield
    finally:
        Template._render = kept


@contextmanager
def log_collected() -> Iterator[list[str]]:
    """Collect what is logged from INFO on. The caller empties the list."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, collector = logging.getLogger(), Collector()
    level = root.level
    root.addHandler(collector)
    root.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(collector)
        root.setLevel(level)

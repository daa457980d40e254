"""Which bytes of a file a request asks for (RFC 9110, section 14)."""

import re
from typing import NamedTuple

_MAX_DIGITS = 18  # more than any file has bytes; int() of very long numbers is slow
_ONE = re.compile(
    rf"bytes=[ \t]*(\d{{0,{_MAX_DIGITS}}})-(\d{{0,{_MAX_DIGITS}}})[ \t]*", re.IGNORECASE | re.ASCII
)


class Span(NamedTuple):
    """Bytes from `start` up to `end`, which is not among them."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


class NotSatisfiable(Exception):
    """The file has none of the bytes that were asked for."""


def asked_span(header: str, size: int) -> Span | None:
    """The one range of a file of `size` bytes that a Range header asks for.

    None where the header is to be ignored: another unit, several ranges, or nothing that can be
    understood. Raises NotSatisfiable.
    """
    found = _ONE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return _suffix(int(last), size)
    start = int(first)
    if last and int(last) < start:
        return None  # invalid, which is not the same as not satisfiable
    if start >= size:
        raise NotSatisfiable
    return Span(start, min(int(last) + 1, size) if last else size)


def _suffix(length: int, size: int) -> Span:
    if not length or not size:
        raise NotSatisfiable
    return Span(max(size - length, 0), size)

"""What the headers of a mail say, decoded."""

from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header

from knowledge.ingestion.decode import decode
from knowledge.ingestion.reading import UnreadableDocument

_MAX_SHOWN = 1_000  # characters of a header: some mails go to thousands


def decoded(value: object) -> str:
    """A header as text, on one line; "" for one that is missing."""
    if value is None:
        return ""
    text = _bytes_as_text(str(value))
    try:
        pieces = decode_header(text)
    except (HeaderParseError, ValueError):
        return " ".join(text.split())
    return " ".join("".join(_texts(pieces)).split())


def shortened(value: str) -> str:
    """A header that fits a passage, cut after a comma where that is near."""
    if len(value) <= _MAX_SHOWN:
        return value
    start = value[:_MAX_SHOWN]
    return f"{start[: start.rfind(',') + 1] or start} …"


def _texts(pieces: list[tuple[str | bytes, str | None]]) -> Iterator[str]:
    for piece, charset in pieces:
        if isinstance(piece, str):
            yield piece
        elif charset is None:
            yield piece.decode("raw-unicode-escape", errors="replace")
        else:
            yield _decoded(piece, charset)


def _decoded(piece: bytes, charset: str) -> str:
    try:
        return decode(piece, declared=charset)
    except UnreadableDocument:
        return piece.decode(errors="replace")


def _bytes_as_text(value: str) -> str:
    """Bytes beyond ASCII, which have no business in a header, are most often UTF-8."""
    if value.isascii():
        return value
    data = value.encode("ascii", errors="surrogateescape") if _is_escaped(value) else None
    return _decoded(data, "utf-8") if data is not None else value


def _is_escaped(value: str) -> bool:
    return all(ord(character) < 128 or 0xDC80 <= ord(character) <= 0xDCFF for character in value)

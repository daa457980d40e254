"""From bytes to text, when nothing says how the text was encoded."""

import codecs

from knowledge.ingestion.reading import UnreadableDocument

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# ESC begins a color in a log, 0x1A ended a file in DOS; the others have no business in a text.
_ODD_CONTROLS = frozenset(map(chr, [*range(32), 127])) - frozenset("\t\n\v\f\r\x1a\x1b")
_MAX_CONTROL_SHARE = 0.02  # compressed or random bytes have 0.09

# charset-normalizer names cp1250 wherever it fits as well as cp1252, which is far more common,
# and so misreads French and Portuguese. For these languages it is right.
_CP1250_LANGUAGES = {"Croatian", "Czech", "Hungarian", "Polish", "Romanian", "Slovak", "Slovene"}


def decode_head(head: bytes, *, complete: bool) -> str | None:
    """The first bytes of a file as text, or None if they are not text.

    The last character may be cut in two unless the head is `complete`. Bytes that are not UTF-8
    are shown as Latin-1: whether they are text is the question here, not which text.
    """
    encoding = marked_encoding(head)
    try:
        text = codecs.getincrementaldecoder(encoding or "utf-8")().decode(head, final=complete)
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    return text if _looks_like_text(text) else None


def decode(data: bytes, *, declared: str | None = None) -> str:
    """A whole file as text. Raises UnreadableDocument if its encoding cannot be told.

    `declared` is the encoding that the file gives, which may be wrong.
    """
    encoding = marked_encoding(data) or declared
    try:
        return data.decode(encoding or "utf-8")
    except (UnicodeError, LookupError):  # not every codec of Python makes text of bytes
        text = _mostly_utf8(data) or _guessed(data)
    if text is None:
        raise UnreadableDocument(
            "The encoding of this text is not known. Save the file as UTF-8 and upload that."
        )
    return text


def has_byte_order_mark(data: bytes) -> bool:
    return marked_encoding(data) is not None


def marked_encoding(data: bytes) -> str | None:
    """The encoding that the first bytes of a file name, if they are such a mark."""
    return next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), None)


def _looks_like_text(text: str) -> bool:
    controls = sum(character in _ODD_CONTROLS for character in text)
    return controls <= _MAX_CONTROL_SHARE * len(text)


def _mostly_utf8(data: bytes) -> str | None:
    """UTF-8 with a few broken places, such as a file cut within its last character."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    beyond_ascii = len(text) - len(text.encode("ascii", errors="ignore"))
    return text if beyond_ascii > 10 * broken else None


def _guessed(data: bytes) -> str | None:
    # Imported here: only the few files that are not UTF-8 pay for it.
    from charset_normalizer import from_bytes

    matches = from_bytes(data)
    best = matches.best()
    if best is None:
        return None
    if best.encoding == "cp1250" and best.language not in _CP1250_LANGUAGES:
        for match in matches:
            equal = match.chaos == best.chaos and match.coherence == best.coherence
            if match.encoding == "cp1252" and equal:
                return str(match)
    return str(best)

"""PDF, by PDFium: the text layer page by page, and the outline as headings. Nothing is rendered."""

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.ingestion import progress
from knowledge.ingestion.clean import clean_text
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.pdf_lines import flow
from knowledge.ingestion.formats.pdf_outline import OutlineEntry, place_headings
from knowledge.ingestion.formats.plain import too_many_characters
from knowledge.ingestion.reading import (
    MAX_HEADINGS,
    Limits,
    PageSpan,
    Reading,
    UnreadableDocument,
)

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument  # type: ignore[import-untyped]

_PREAMBLE_BYTES = 1024  # PDFium, like other readers, forgives some rubbish before the signature
_SIGNATURE = re.compile(rb"(?:\A|[\r\n])%PDF-\d")
_PAGE_SEPARATOR = "\n\n"
_OUTLINE_LEVELS = 6
_DAMAGED = "This PDF is damaged or incomplete. Open it, save it anew and upload that."
_NO_PAGES = "This PDF has no pages."
# PDFium's error codes (fpdfview.h, FPDF_GetLastError). A document without pages is no error to it.
_REASONS = {
    0: _NO_PAGES,
    4: "This PDF is protected by a password. Remove the password and upload it again.",
    5: "This PDF is protected in a way that is not supported. Remove that and upload it again.",
}
_DECLARED_LENGTH = re.compile(rb"/Linearized\b[^>]*?/L\s+(\d+)")


def _recognizes(sample: Sample) -> bool:
    return _SIGNATURE.search(sample.head[:_PREAMBLE_BYTES]) is not None


def _read(path: Path, limits: Limits) -> Reading:
    # Imported here: what only recognizes formats, such as the web process, never loads PDFium.
    from pypdfium2 import PdfiumError

    _refuse_incomplete(path)
    try:
        with closing(_open(path)) as document:
            page_count = len(document)
            if page_count > limits.pages:
                raise UnreadableDocument(
                    f"This PDF has more than {limits.pages:,} pages. Split it into parts."
                )
            texts = list(_page_texts(document, limits))
            outline = list(islice(_outline(document), MAX_HEADINGS))
    except PdfiumError:
        raise UnreadableDocument(_DAMAGED)
    content, pages = _join(texts)
    return Reading(
        content=content,
        file_type=FORMAT.file_type,
        pages=pages,
        page_count=page_count,
        headings=place_headings(outline, content, pages),
    )


def _refuse_incomplete(path: Path) -> None:
    """A linearized PDF states its own length. PDFium opens the half of one without a word."""
    with path.open("rb") as file:
        declared = _DECLARED_LENGTH.search(file.read(_PREAMBLE_BYTES))
    if declared and path.stat().st_size < int(declared[1]):
        raise UnreadableDocument(_DAMAGED)


def _open(path: Path) -> "PdfDocument":
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(path)
    except PdfiumError as error:
        raise UnreadableDocument(_REASONS.get(error.err_code, _DAMAGED))
    if len(document) == 0:
        raise UnreadableDocument(_NO_PAGES)
    return document


def _page_texts(document: "PdfDocument", limits: Limits) -> Iterator[str]:
    """The text of each page as PDFium gives it, up to the limit of characters."""
    left = limits.characters
    for number in range(len(document)):
        with closing(document[number]) as page, closing(page.get_textpage()) as text:
            left -= text.count_chars()
            if left < 0:
                raise too_many_characters(limits)
            yield text.get_text_range()
        progress.tell(number + 1, len(document))


def _outline(document: "PdfDocument") -> Iterator[OutlineEntry]:
    """The bookmarks that lead to a page of this document."""
    for bookmark in document.get_toc(max_depth=_OUTLINE_LEVELS):
        destination = bookmark.get_dest()
        page = destination.get_index() if destination else None
        with suppress(UnicodeDecodeError):
            if page is not None and page < len(document):
                yield OutlineEntry(bookmark.level + 1, title=bookmark.get_title(), page=page + 1)


def _join(texts: list[str]) -> tuple[str, tuple[PageSpan, ...]]:
    """One content for all pages, and where each page lies in it."""
    texts = [clean_text(text) for text in flow(texts)]
    if not any(texts):
        raise UnreadableDocument(
            "This PDF has no text layer: it looks scanned. Recognize its text (OCR) and upload it"
            " again."
        )
    pages = []
    start = 0
    for number, text in enumerate(texts, start=1):
        pages.append(PageSpan(number=number, start=start, end=start + len(text)))
        start += len(text) + len(_PAGE_SEPARATOR)
    return _PAGE_SEPARATOR.join(texts), tuple(pages)


FORMAT = Format(file_type="pdf", label="PDF", recognizes=_recognizes, read=_read)

"""Read a file: tell its format by its content, then take out its text and structure."""

from pathlib import Path

from knowledge.ingestion.formats import FORMATS
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.containers import refuse_container
from knowledge.ingestion.reading import Limits, Reading, UnreadableDocument

# What people upload by mistake is named to them. The first bytes of each, at the offset given.
_KNOWN_BUT_UNREADABLE = (
    (0, b"{\\rtf", "a Rich Text document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\x89PNG", "an image"),
    (0, b"\xff\xd8\xff", "an image"),
    (0, b"GIF8", "an image"),
    (0, b"II*\x00", "an image"),
    (0, b"MM\x00*", "an image"),
    (8, b"WEBP", "an image"),
    (4, b"ftyp", "an image, audio or video file"),
    (0, b"ID3", "an audio file"),
    (0, b"\x1f\x8b", "a compressed archive"),
    (0, b"7z\xbc\xaf", "a compressed archive"),
    (0, b"Rar!", "a compressed archive"),
    (0, b"MZ", "a program"),
    (0, b"\x7fELF", "a program"),
)


def detect_type(path: Path, *, filename: str) -> str:
    """The file type ("pdf", "docx", "txt"), by the beginning of the content and by an archive's
    directory, which stands at its end: `path` is the whole file. Quick.

    Raises UnreadableDocument for an empty file, for a format that cannot be read and for a text
    that is too long.
    """
    file_format = _format_of(Sample.of(path, filename=filename))
    file_format.refuse_long(path, Limits())
    return file_format.file_type


def read_document(path: Path, *, filename: str, limits: Limits | None = None) -> Reading:
    """The text of a file with its pages and headings, in this process and under no other limits
    than those of pages and characters. Raises UnreadableDocument.

    Files come from strangers: outside tests, call `confine.read_in_child`.
    """
    file_format = _format_of(Sample.of(path, filename=filename))
    reading = file_format.read(path, limits or Limits())
    if not reading.content.strip():
        raise UnreadableDocument("The file contains no text.")
    return reading


def _format_of(sample: Sample) -> Format:
    if sample.size == 0:
        raise UnreadableDocument("The file is empty.")
    for start, signature, what in _KNOWN_BUT_UNREADABLE:
        if sample.head.startswith(signature, start):
            raise UnreadableDocument(f"The file is {what}. {_supported()}")
    for file_format in FORMATS:
        if file_format.recognizes(sample):
            return file_format
    refuse_container(sample.container)
    raise UnreadableDocument(f"The format of the file is not supported. {_supported()}")


def _supported() -> str:
    labels = [file_format.label for file_format in FORMATS if file_format.label]
    return f"What can be read: {', '.join(labels[:-1])} and {labels[-1]}."

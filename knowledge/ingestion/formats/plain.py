"""Plain text."""

from pathlib import Path

from knowledge.ingestion.clean import clean_text
from knowledge.ingestion.decode import decode
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.reading import Limits, Reading, UnreadableDocument


def read_text(path: Path, limits: Limits) -> str:
    """The cleaned text of a text file of any encoding."""
    if path.stat().st_size > 4 * limits.characters:  # no encoding takes more than 4 bytes each
        raise too_many_characters(limits)
    text = decode(path.read_bytes())
    if len(text) > limits.characters:
        raise too_many_characters(limits)
    return clean_text(text)


def too_many_characters(limits: Limits) -> UnreadableDocument:
    return UnreadableDocument(
        f"The file has more than {limits.characters:,} characters of text. Split it into parts."
    )


def _recognizes(sample: Sample) -> bool:
    return sample.text is not None


def _read(path: Path, limits: Limits) -> Reading:
    return Reading(content=read_text(path, limits), file_type=FORMAT.file_type)


FORMAT = Format(file_type="txt", label="plain text", recognizes=_recognizes, read=_read)

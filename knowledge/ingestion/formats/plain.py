"""Plain text."""

import codecs
from pathlib import Path

from knowledge.ingestion.clean import clean_text
from knowledge.ingestion.decode import decode, marked_encoding
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.reading import Limits, Reading, UnreadableDocument

_COUNTED_AT_ONCE = 1024**2


def refuse_long_text(path: Path, limits: Limits) -> None:
    """Refuse a text file that has too many characters to be read, without reading more of it than
    shows that. Of an encoding that is not told by its first bytes, and not UTF-8, only the size
    counts."""
    size = path.stat().st_size
    if size > 4 * limits.characters:  # no encoding takes more than 4 bytes each
        raise too_many_characters(limits)
    if size <= limits.characters:
        return
    characters = 0
    with path.open("rb") as file:
        encoding = marked_encoding(file.read(4)) or "utf-8"
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while piece := file.read(_COUNTED_AT_ONCE):
                characters += len(decoder.decode(piece))
                if characters > limits.characters:
                    raise too_many_characters(limits)
        except UnicodeDecodeError:
            return


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


FORMAT = Format(
    file_type="txt",
    label="plain text",
    recognizes=_recognizes,
    read=_read,
    refuse_long=refuse_long_text,
)

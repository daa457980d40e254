"""Markdown. Its content stays as written; its headings are found much as CommonMark finds them."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.plain import read_text, refuse_long_text
from knowledge.ingestion.reading import MAX_HEADINGS, MAX_TITLE_CHARACTERS, Heading, Limits, Reading

_EXTENSIONS = {"md", "markdown", "mdown", "mkd"}

_FRONT_MATTER = re.compile(r"---\n(?=[\w-]+:).*?^(?:---|\.\.\.)$", re.DOTALL | re.MULTILINE)
# A fence opens a code block; "# Title" is a heading, and so is a line underlined with = or -.
# Every repetition ends within two lines and none is tried twice: a file may be one hostile line.
_LANDMARK = re.compile(
    r"^ {0,3}(?P<fence>`{3,}+(?!.*`)|~{3,}+)"
    r"|^ {0,3}(?P<hashes>\#{1,6})(?:[ \t]+(?P<title>.*))?$"
    r"|(?:\A|(?<=\n\n)) {0,3}(?P<underlined>[^\s>\#|`~+*-].*)\n {0,3}(?P<underline>=++|-++)[ \t]*$",
    re.MULTILINE,
)
_CLOSING_HASHES = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_MARKUP = re.compile(r"<[^<>]*>|[*`]+|\b_+|_+\b")


def find_headings(content: str) -> Iterator[Heading]:
    """The headings of a Markdown text in order, without those inside code and front matter."""
    front_matter = _FRONT_MATTER.match(content)
    position = front_matter.end() if front_matter else 0
    while landmark := _LANDMARK.search(content, position):
        position = landmark.end()
        if fence := landmark["fence"]:
            position = _end_of_code(content, position, fence)
        elif title := _plain(landmark["title"] or landmark["underlined"] or ""):
            hashes = landmark["hashes"]
            level = len(hashes) if hashes else 1 + landmark["underline"].startswith("-")
            yield Heading(level=level, title=title, start=landmark.start(), end=landmark.end())


def _end_of_code(content: str, position: int, fence: str) -> int:
    """Where a code block ends: after a fence at least as long, or with the text."""
    closing = re.compile(rf"^ {{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
    match = closing.search(content, position)
    return match.end() if match else len(content)


def _plain(title: str) -> str:
    """A heading's words without their markup, at most MAX_TITLE_CHARACTERS."""
    title = title[: 4 * MAX_TITLE_CHARACTERS]
    title = _CLOSING_HASHES.sub("", title)
    title = _LINK.sub(r"\1", title)
    title = _MARKUP.sub("", title)
    return " ".join(title.split())[:MAX_TITLE_CHARACTERS]


def _recognizes(sample: Sample) -> bool:
    # All text could be Markdown: here, and only here, the name decides.
    return sample.extension in _EXTENSIONS and sample.text is not None


def _read(path: Path, limits: Limits) -> Reading:
    content = read_text(path, limits)
    headings = tuple(islice(find_headings(content), MAX_HEADINGS))
    return Reading(content, FORMAT.file_type, headings=headings, is_markdown=True)


FORMAT = Format(
    file_type="md",
    label="Markdown",
    recognizes=_recognizes,
    read=_read,
    refuse_long=refuse_long_text,
)

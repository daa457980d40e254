"""What reading a file gives, what it may cost, and how it fails.

Offsets are characters (code points) into `Reading.content`, end exclusive, as in Python slices.
"""

from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from itertools import pairwise
from typing import Any

MAX_HEADINGS = 10_000  # a file of nothing but headings would become one passage per line
MAX_TITLE_CHARACTERS = 200


class UnreadableDocument(Exception):
    """A file that cannot be read. `reason` is a sentence its owner can act on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take. The first four hold for the process that reads it."""

    seconds: float = 120.0  # by the clock on the wall
    cpu_seconds: int = 60
    memory_bytes: int = 1024**3  # of address space; Python and PDFium alone take about 100 MB
    open_files: int = 64
    pages: int = 10_000
    characters: int = 12_000_000  # a text of 10 MiB fits
    cells: int = 2_000_000  # of all tables of a spreadsheet, those that hold something
    unpacked_bytes: int = 1024**3  # of all that an archive holds
    attachments: int = 100
    attachment_bytes: int = 75_000_000  # of all together

    @property
    def answer_bytes(self) -> int:
        """The most a reading can take as JSON: 4 bytes a character, the pages and the headings;
        and then what is attached."""
        text = 4 * self.characters + 100 * self.pages + 1_000 * MAX_HEADINGS
        return text + self.attachment_bytes


@dataclass(frozen=True, slots=True)
class PageSpan:
    """A physical page, counted from 1, and where its text lies. An empty page has start == end."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, its level (1 is the outermost) and where its own line stands."""

    level: int
    title: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file within the file. Its name is as it was found: it may hold directories, or nothing."""

    filename: str
    content: bytes | memoryview = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file within the file that is not taken, and why, as a few words."""

    filename: str
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of a file and its structure. Pages and headings are in order, within the content.

    `file_type` is the usual file name extension of the format. `pages` is empty and `page_count`
    None where the format has no pages. `is_markdown` says how the content may be split.
    """

    content: str
    file_type: str
    pages: tuple[PageSpan, ...] = ()
    page_count: int | None = None
    headings: tuple[Heading, ...] = ()
    is_markdown: bool = False
    attachments: tuple[Attachment, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for spans that overlap, run backwards or leave the content."""
        for spans in (self.pages, self.headings):
            edges = [edge for span in spans for edge in (span.start, span.end)]
            if any(a > b for a, b in pairwise([0, *edges, len(self.content)])):
                raise ValueError("spans out of order or outside the content")

    @classmethod
    def from_fields(cls, fields: dict[str, Any], attached: memoryview) -> "Reading":
        """A reading that travelled as `to_fields` gives it. What is none raises ValueError,
        KeyError, TypeError."""
        attachments = []
        for name, size in fields["attachments"]:
            if len(attached) < size:
                raise ValueError("an attachment that was cut short")
            attachments.append(Attachment(str(name), attached[:size]))
            attached = attached[size:]
        return cls(
            content=str(fields["content"]),
            file_type=str(fields["file_type"]),
            pages=tuple(PageSpan(**span) for span in fields["pages"]),
            page_count=fields["page_count"],
            headings=tuple(Heading(**heading) for heading in fields["headings"]),
            is_markdown=bool(fields["is_markdown"]),
            attachments=tuple(attachments),
            left_out=tuple(LeftOut(**left_out) for left_out in fields["left_out"]),
        )

    def to_fields(self) -> dict[str, Any]:
        """The reading for JSON: of each attachment its name and its size, in order."""
        fields = {spec.name: getattr(self, spec.name) for spec in dataclass_fields(self)}
        sizes = [(file.filename, len(file.content)) for file in self.attachments]
        return fields | {"attachments": sizes}

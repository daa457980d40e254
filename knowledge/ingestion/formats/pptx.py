"""PowerPoint presentations (PPTX, with macros or without). A slide is a page, its title a heading.

A slide without a title is headed by its number. Shapes come in the order in which the format has
them read aloud, then the diagrams' texts and the speaker notes. Dates, footers and numbers of
slides are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knowledge.ingestion import progress
from knowledge.ingestion.archives import Archive, open_archive
from knowledge.ingestion.formats import ooxml
from knowledge.ingestion.formats.assembly import Assembly
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.ooxml import Element, child, descendants, local
from knowledge.ingestion.formats.tables import table_lines
from knowledge.ingestion.reading import Limits, Reading, UnreadableDocument

_TITLES = {"title", "ctrTitle"}
_FURNITURE = {"dt", "ftr", "hdr", "sldNum", "sldImg"}
_DEEPEST_LIST = 8
_TRUE = {"1", "true", "on"}


@dataclass(frozen=True, slots=True)
class _Block:
    """A shape's text as lines, and what the shape is a placeholder for ("" for none)."""

    lines: list[str]
    place: str = ""


def _recognizes(sample: Sample) -> bool:
    return sample.container == "pptx"


def _read(path: Path, limits: Limits) -> Reading:
    assembly = Assembly(limits)
    with open_archive(path, limits) as archive:
        slides = _slides(archive)
        if len(slides) > limits.pages:
            raise UnreadableDocument(
                f"This presentation has more than {limits.pages:,} slides. Split it into parts."
            )
        for number, slide in enumerate(slides, start=1):
            assembly.begin_page()
            _read_slide(archive, slide, number, assembly)
            progress.tell(number, len(slides))
    return assembly.reading(FORMAT.file_type)


def _slides(archive: Archive) -> list[str]:
    """The parts of the slides in the order of the show, hidden ones included."""
    main = ooxml.main_part(archive)
    parts = ooxml.relations(archive, main)
    listed = child(ooxml.parse_part(archive, main), "sldIdLst")
    # Of the two attributes that are called "id" the relation's has a namespace.
    relations = [
        value
        for slide in (listed if listed is not None else ())
        for key, value in slide.attrib.items()
        if key.endswith("}id")
    ]
    targets = [parts[relation][1] for relation in relations if relation in parts]
    return [target for target in targets if target in archive]


def _read_slide(archive: Archive, slide: str, number: int, assembly: Assembly) -> None:
    related = list(ooxml.relations(archive, slide).values())
    blocks = list(_blocks(_tree(archive, slide)))
    title = " ".join(line for block in blocks if block.place in _TITLES for line in block.lines)
    body = [block.lines for block in blocks if block.place not in _TITLES]
    body += [_diagram(archive, part) for kind, part in related if kind == "diagramData"]
    notes = [_notes(archive, part) for kind, part in related if kind == "notesSlide"]
    if title or any(body) or any(notes):
        assembly.heading(1, title or f"Slide {number}")
    for lines in body:
        assembly.lines(lines)
    for text in filter(None, notes):
        assembly.paragraph(f"Notes: {text}")


def _tree(archive: Archive, part: str) -> Element:
    return child(child(ooxml.parse_part(archive, part), "cSld"), "spTree")


def _notes(archive: Archive, part: str) -> str:
    if part not in archive:
        return ""
    blocks = _blocks(_tree(archive, part))
    return "\n".join(line for block in blocks if block.place == "body" for line in block.lines)


def _diagram(archive: Archive, part: str) -> list[str]:
    """The texts of a diagram (SmartArt), whose shapes are drawn from them."""
    if part not in archive:
        return []
    points = descendants(ooxml.parse_part(archive, part), "pt")
    return [line for point in points for line in _lines(child(point, "t"))]


def _blocks(tree: Element | None) -> Iterator[_Block]:
    for shape in tree if tree is not None else ():
        name = local(shape)
        if name in ("grpSp", "Choice"):
            yield from _blocks(shape)
        elif name == "AlternateContent":
            yield from _blocks(
                shape if child(shape, "Choice") is not None else child(shape, "Fallback")
            )
        elif name == "graphicFrame":
            for table in descendants(shape, "tbl"):
                yield _Block(list(_table_lines(table)))
        elif name == "sp" and (place := _place(shape)) not in _FURNITURE:
            yield _Block(_lines(child(shape, "txBody")), place)


def _place(shape: Element) -> str:
    placeholder = child(child(child(shape, "nvSpPr"), "nvPr"), "ph")
    return "" if placeholder is None else placeholder.get("type", "obj")


def _lines(text: Element | None) -> list[str]:
    """The paragraphs of a text body, each a line, with the marks of list items below the first
    level."""
    lines = []
    for paragraph in text if text is not None else ():
        if local(paragraph) == "p" and (line := " ".join(_text(paragraph).split())):
            properties = child(paragraph, "pPr")
            level = properties.get("lvl", "0") if properties is not None else "0"
            depth = min(int(level), _DEEPEST_LIST) if level.isascii() and level.isdigit() else 0
            lines.append(f"{'  ' * depth}- {line}" if depth else line)
    return lines


def _text(paragraph: Element) -> str:
    parts = descendants(paragraph, "t", "br")
    return "".join("\n" if local(part) == "br" else part.text or "" for part in parts)


def _table_lines(table: Element) -> Iterator[str]:
    grid: list[list[str]] = []
    for row in table:
        if local(row) == "tr":
            cells = [cell for cell in row if local(cell) == "tc"]
            grid.append([_cell(cell, at, grid) for at, cell in enumerate(cells)])
    properties = child(table, "tblPr")
    has_header = properties is not None and properties.get("firstRow") in _TRUE
    yield from table_lines(grid, header=(has_header and len(grid) > 1) or None)


def _cell(cell: Element, column: int, above: list[list[str]]) -> str:
    """A cell's text; for one that is merged with the cell above it, that one's."""
    if cell.get("vMerge") in _TRUE:
        return above[-1][column] if above and column < len(above[-1]) else ""
    return " ".join(_lines(child(cell, "txBody")))


FORMAT = Format(file_type="pptx", label="PowerPoint (PPTX)", recognizes=_recognizes, read=_read)

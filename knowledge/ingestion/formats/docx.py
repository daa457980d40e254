"""Word documents (DOCX, with macros or without): paragraphs, headings, lists, tables, footnotes.

The format has no pages: where one ends is for the program that shows it to decide. Left out is what
a reader does not see or sees on every page: deleted and hidden text, comments, tables of contents,
headers and footers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from knowledge.ingestion.archives import Archive, open_archive
from knowledge.ingestion.formats import ooxml
from knowledge.ingestion.formats.assembly import Assembly
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.docx_styles import Style, is_on, read_styles, value_of
from knowledge.ingestion.formats.docx_tables import read_table
from knowledge.ingestion.formats.ooxml import Element, child, descendants, local
from knowledge.ingestion.reading import Limits, Reading

_DEEPEST_LIST = 8
_CHARACTERS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_UNSEEN = {"del", "moveFrom", "Fallback", "txbxContent", "rt"}
_BLOCKS = ("p", "tbl")
_WRAPPERS = {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"}
_REFERENCES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}


@dataclass
class _Reader:
    """One document on its way from its parts to its text."""

    assembly: Assembly
    styles: dict[str, Style]
    notes: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    has_title: bool = False
    items: list[str] = field(default_factory=list)

    def block(self, element: Element) -> None:
        if local(element) == "tbl":
            self.end_list()
            self._table(element)
        else:
            self._paragraph(element)

    def end_list(self) -> None:
        if self.items:
            self.assembly.lines(self.items)
            self.items = []

    def _paragraph(self, element: Element) -> None:
        if next(descendants(element, "r"), None) is None:  # empty: of these there may be very many
            return
        style = self._style(element)
        text = self.text_of(element)
        if style.is_contents:
            return
        if not text.strip():
            pass
        elif style.is_item and style.level is None:
            indent = "  " * min(style.depth, _DEEPEST_LIST)
            self.items.append(f"{indent}- {' '.join(text.split())}")
        else:
            self.end_list()
            if style.level is None:
                self.assembly.paragraph(text)
            else:
                self.has_title = self.has_title or style.level == 0
                self.assembly.heading(max(1, style.level + self.has_title), text)
        notes = list(self._notes(element))
        boxes = list(_outermost(element, "txbxContent"))
        if notes or boxes:
            self.end_list()
        for note in notes:
            self.assembly.paragraph(note)
        for box in boxes:
            self.blocks(box)
            self.end_list()

    def _style(self, element: Element) -> Style:
        properties = child(element, "pPr")
        named = self.styles.get(value_of(child(properties, "pStyle")) or "", Style())
        return named.overridden(properties)

    def _notes(self, element: Element) -> Iterator[str]:
        for reference in descendants(element, *_REFERENCES):
            number, text = self._note(reference)
            if text:
                yield f"[{number}] {text}"

    def _note(self, reference: Element) -> tuple[int, str]:
        kind = _REFERENCES[local(reference)]
        return self.notes.get((kind, ooxml.attribute(reference, "id") or ""), (0, ""))

    def blocks(self, container: Element) -> None:
        for element in _children(container):
            if local(element) in _BLOCKS:
                self.block(element)

    def _table(self, element: Element) -> None:
        table = read_table(element, children=_children, text_of=self.all_text)
        if table.cells is not None:  # a frame around what is no table
            for cell in table.cells:
                self.blocks(cell)
                self.end_list()
        else:
            self.assembly.lines(table.lines)

    def text_of(self, paragraph: Element) -> str:
        """The visible text of a paragraph, without its text boxes; a note leaves its number."""
        return "".join(self._texts(paragraph))

    def all_text(self, element: Element) -> str:
        """All text in a cell of a table or in a note, other tables and text boxes included."""
        return " ".join(self.text_of(paragraph) for paragraph in descendants(element, "p"))

    def _texts(self, element: Element) -> Iterator[str]:
        for part in element:
            name = local(part)
            if name in _UNSEEN or (name == "r" and is_on(child(child(part, "rPr"), "vanish"))):
                continue
            if name == "t":
                yield part.text or ""
            elif name in _CHARACTERS:
                yield _CHARACTERS[name]
            elif name in _REFERENCES:
                yield f" [{self._note(part)[0]}]"
            elif name not in ("pPr", "rPr", "p", "tbl"):
                yield from self._texts(part)


def _children(element: Element) -> Iterator[Element]:
    """An element's children, also those in a wrapper that says nothing about them."""
    for part in element:
        if local(part) in _WRAPPERS:
            yield from _children(part)
        else:
            yield part


def _outermost(element: Element, name: str) -> Iterator[Element]:
    for part in element:
        if local(part) == name:
            yield part
        elif local(part) != "Fallback":
            yield from _outermost(part, name)


def _read_notes(reader: _Reader, archive: Archive, parts: dict[str, str]) -> None:
    """Foot- and endnotes, numbered in their order: their ids begin anywhere."""
    for kind in _REFERENCES.values():
        if kind in parts:
            with archive.open(parts[kind]) as file:
                for note in ooxml.stream(file, "footnote", "endnote"):
                    if ooxml.attribute(note, "type") in (None, "normal"):
                        text = " ".join(reader.all_text(note).split())
                        key = kind, ooxml.attribute(note, "id") or ""
                        reader.notes[key] = len(reader.notes) + 1, text


def _recognizes(sample: Sample) -> bool:
    return sample.container == "docx"


def _read(path: Path, limits: Limits) -> Reading:
    with open_archive(path, limits) as archive:
        main = ooxml.main_part(archive)
        parts = {
            kind: target
            for kind, target in ooxml.relations(archive, main).values()
            if target in archive
        }
        reader = _Reader(Assembly(limits), read_styles(archive, parts))
        _read_notes(reader, archive, parts)
        with archive.open(main) as file:
            for element in ooxml.stream(file, *_BLOCKS):
                reader.block(element)
    reader.end_list()
    return reader.assembly.reading(FORMAT.file_type)


FORMAT = Format(file_type="docx", label="Word (DOCX)", recognizes=_recognizes, read=_read)

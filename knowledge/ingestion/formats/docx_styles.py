"""What the styles of a Word document say of its paragraphs: heading, list item, or neither."""

import re
from dataclasses import dataclass, replace

from knowledge.ingestion.archives import Archive
from knowledge.ingestion.formats import ooxml
from knowledge.ingestion.formats.ooxml import Element, child, local

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_CONTENTS = re.compile(
    r"(?:toc|contents|table of (?:contents|figures)) ?(?:\d|heading)?", re.IGNORECASE
)
_BODY_LEVEL = 9  # of the outline: no heading
_MOST_ANCESTORS = 20


@dataclass(frozen=True, slots=True)
class Style:
    """`level` is 0 for the title, 1 for the highest headings, None for other text; `depth` that of
    a list item, from 0."""

    level: int | None = None
    is_item: bool = False
    depth: int = 0
    is_contents: bool = False

    def overridden(self, properties: Element | None) -> "Style":
        """The style with what the properties of a paragraph (w:pPr) say otherwise."""
        if properties is None:
            return self
        style = self
        if (outline := _number(child(properties, "outlineLvl"))) is not None:
            style = replace(style, level=outline + 1 if outline < _BODY_LEVEL else None)
        numbering = child(properties, "numPr")
        if numbering is not None:
            depth = _number(child(numbering, "ilvl")) or 0
            is_item = value_of(child(numbering, "numId")) != "0"
            style = replace(style, is_item=is_item, depth=depth)
        return style


def value_of(element: Element | None) -> str | None:
    """The `val` attribute of an element, if there are both."""
    return ooxml.attribute(element, "val") if element is not None else None


def is_on(element: Element | None) -> bool:
    """Whether a switch is there and not turned off."""
    return element is not None and value_of(element) not in ("0", "false", "off")


def read_styles(archive: Archive, parts: dict[str, str]) -> dict[str, Style]:
    """The paragraph styles by their ids. Without a part of styles there are none."""
    if "styles" not in parts:
        return {}
    elements = {
        ooxml.attribute(element, "styleId") or "": element
        for element in ooxml.parse_part(archive, parts["styles"])
        if local(element) == "style"
    }
    return {name: _resolved(elements, name) for name in elements}


def _resolved(elements: dict[str, Element], name: str) -> Style:
    """A style with what it takes from those it is based on."""
    chain: list[Element] = []
    while name in elements and len(chain) < _MOST_ANCESTORS:
        chain.append(elements[name])
        name = value_of(child(elements[name], "basedOn")) or ""
    style = Style()
    for element in reversed(chain):
        style = _named(style, value_of(child(element, "name")) or "")
        style = style.overridden(child(element, "pPr"))
    return style


def _named(style: Style, name: str) -> Style:
    if heading := _HEADING.fullmatch(name):
        return replace(style, level=int(heading[1]))
    if name.lower() == "title":
        return replace(style, level=0)
    return replace(style, is_contents=True) if _CONTENTS.fullmatch(name) else style


def _number(element: Element | None) -> int | None:
    value = value_of(element)
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 4 else None

"""From the elements of a page to blocks of text.

Elements may lie deep in each other: nothing here calls itself.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from knowledge.ingestion.formats.html_tables import placing_tables, table_rows
from knowledge.ingestion.formats.tables import table_lines
from knowledge.ingestion.formats.text_blocks import Blocks

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_UNSEEN_TAGS = (
    "script style template noscript iframe frameset object embed applet canvas audio video "
    "svg textarea select datalist dialog head map"
)
_INLINE_TAGS = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark "
    "meter nobr output progress q rb rp rt ruby s samp small span strike strong sub sup time "
    "tt u var wbr -text"
)
_NEVER_SEEN = set(_UNSEEN_TAGS.split())
_INLINE = set(_INLINE_TAGS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = {"ul", "ol", "menu", "dir"}
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:[a-z]+|%)?\s*(?:[;!]|$)",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_MAX_INDENT = 8


def add_page(blocks: Blocks, root: "LexborNode", *, with_title: bool) -> None:
    """Add what a person sees of a page."""
    if with_title:
        _add_title(blocks, root)
    _Page(blocks, root).add()


def _add_title(blocks: Blocks, root: "LexborNode") -> None:
    """Add the title: as a heading where there is none, and once where the heading repeats it."""
    title, first = root.css_first("head > title"), root.css_first("h1")
    named = inline_text(title) if title else ""
    if first is None:
        blocks.add(named, level=1)
    elif named != inline_text(first):
        blocks.add(named)


def inline_text(node: "LexborNode") -> str:
    """All that is seen of an element as one line."""
    return _SPACES.sub(" ", _gathered(node)).strip()


def _gathered(node: "LexborNode") -> str:
    parts: list[str] = []

    def enter(inner: "LexborNode") -> bool:
        if inner.tag == "-text":
            parts.append(inner.text_content or "")
        elif is_unseen(inner):
            return False
        elif inner.tag == "img":
            parts.append(_alternative(inner))
        elif inner.tag == "br":
            parts.append("\n")
        elif inner.tag not in _INLINE and inner.mem_id != node.mem_id:
            parts.append(" ")
        return True

    def leave(inner: "LexborNode") -> None:
        if inner.tag not in _INLINE | {"br"} and inner.mem_id != node.mem_id:
            parts.append(" ")

    _walk(node, enter, leave)
    return "".join(parts)


def is_unseen(node: "LexborNode") -> bool:
    """Whether an element is not shown, as far as the page alone says."""
    tag = _tag(node)
    if tag in _NEVER_SEEN or tag.startswith(("-comment", "!", "-doctype")):
        return tag != "dialog" or "open" not in node.attributes
    attributes = node.attributes
    if not attributes:
        return False
    if "hidden" in attributes and attributes["hidden"] != "until-found":
        return True
    # An icon is hidden from those who listen; a whole part only while a dialog lies over it.
    if attributes.get("aria-hidden") == "true" and tag in _INLINE:
        return True
    return _HIDING.search(attributes.get("style") or "") is not None


def _walk(
    root: "LexborNode",
    enter: Callable[["LexborNode"], bool],
    leave: Callable[["LexborNode"], None],
) -> None:
    """Visit a node and what lies in it, in order. `enter` says whether to go into a node."""
    last = root.mem_id
    node: LexborNode | None = root
    while node is not None:
        inner = node.child if enter(node) else None
        if inner is not None:
            node = inner
            continue
        while node is not None:
            leave(node)
            if node.mem_id == last:
                return
            if (following := node.next) is not None:
                node = following
                break
            node = node.parent


class _Page:
    """The walk through a page: a paragraph is what stands between two edges of blocks."""

    def __init__(self, blocks: Blocks, root: "LexborNode") -> None:
        self._blocks = blocks
        self._root = root
        self._placing = placing_tables(root)
        self._has_main_part = root.css_first("main, article, [role=main]") is not None
        self._line: list[str] = []
        self._mark = ""
        self._lists: list[int | None] = []  # the number of the next item of each, if they have any

    def add(self) -> None:
        _walk(self._root, self._enter, self._leave)
        self._flush()

    def _enter(self, node: "LexborNode") -> bool:
        tag = _tag(node)
        if tag == "-text":
            self._line.append(_SPACES.sub(" ", node.text_content or ""))
            return False
        if is_unseen(node) or (self._has_main_part and _is_navigation(node)):
            return False
        if tag == "br":
            self._line.append("\n")
        elif tag == "img":
            self._line.append(_alternative(node))
        elif tag not in _INLINE:
            self._flush()
            return self._begin(node, tag)
        return True

    def _begin(self, node: "LexborNode", tag: str) -> bool:
        """Begin a block; say whether what lies in it are blocks, too."""
        if level := _HEADINGS.get(tag):
            self._blocks.add(inline_text(node), level=level)
        elif tag == "pre":
            self._blocks.add(_gathered(node).rstrip().lstrip("\r\n"))
        elif tag == "table" and node.mem_id not in self._placing:
            caption = node.css_first("caption")
            self._blocks.add(inline_text(caption) if caption else "")
            rows, header = table_rows(node, inline_text)
            for line in table_lines(rows, header=header):
                self._blocks.add(line, tight=True)
        else:
            if tag in _LISTS:
                self._lists.append(_first_number(node))
            elif tag == "li":
                self._mark = self._next_mark()
            return True
        return False

    def _leave(self, node: "LexborNode") -> None:
        tag = _tag(node)
        if tag not in _INLINE and tag != "br":
            self._flush()
            if tag == "li":
                self._mark = ""
            elif tag in _LISTS and self._lists and not is_unseen(node):
                self._lists.pop()

    def _next_mark(self) -> str:
        indent = "  " * min(len(self._lists) - 1, _MAX_INDENT)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

    def _flush(self) -> None:
        lines = (_SPACES.sub(" ", line).strip() for line in "".join(self._line).split("\n"))
        text = "\n".join(lines).strip()
        self._line.clear()
        if text:
            self._blocks.add(self._mark + text, tight=bool(self._lists))
            self._mark = " " * len(self._mark)


def _tag(node: "LexborNode") -> str:
    return node.tag or ""


def _is_navigation(node: "LexborNode") -> bool:
    return node.tag == "nav" or node.attributes.get("role") == "navigation"


def _alternative(node: "LexborNode") -> str:
    return _SPACES.sub(" ", node.attributes.get("alt") or "")


def _first_number(node: "LexborNode") -> int | None:
    if node.tag != "ol":
        return None
    start = node.attributes.get("start") or ""
    return int(start) if re.fullmatch(r"\d{1,6}", start) else 1

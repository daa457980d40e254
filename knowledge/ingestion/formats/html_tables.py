"""The tables of a page: which hold data, and their rows with spans filled in."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_MAX_COLUMNS = 500
_MAX_ROWS_SPANNED = 1_000


def placing_tables(root: "LexborNode") -> set[int]:
    """The tables, by `mem_id`, that hold no data: they say so, or hold headings or other tables."""
    placing = {table.mem_id for table in root.css("table[role=presentation], table[role=none]")}
    for node in root.css("table, h1, h2, h3, h4, h5, h6"):
        outer = node.parent
        while outer is not None and outer.tag != "table":
            outer = outer.parent
        if outer is not None:
            placing.add(outer.mem_id)
    return placing


def table_rows(
    table: "LexborNode", text_of: Callable[["LexborNode"], str]
) -> tuple[Iterator[list[str]], bool | None]:
    """The rows of a table as text, and whether the first is a header (None: it does not say).

    A cell over several columns stands in the first of them, one over several rows in each.
    """
    rows = table.css("tr")
    header = None
    if rows:
        cells = _cells(rows[0])
        marked = bool(cells) and all(cell.tag == "th" for cell in cells)
        header = True if marked or table.css_first("thead tr") is not None else None
    return _filled(rows, text_of), header


def _filled(
    rows: list["LexborNode"], text_of: Callable[["LexborNode"], str]
) -> Iterator[list[str]]:
    spanning: dict[int, tuple[int, str]] = {}  # column: (rows that follow, text)
    for row in rows:
        texts: list[str] = []
        below: dict[int, tuple[int, str]] = {}
        for cell in _cells(row):
            _take(spanning, texts, below)
            if len(texts) >= _MAX_COLUMNS:
                break
            text = text_of(cell)
            if (height := _span(cell, "rowspan", _MAX_ROWS_SPANNED)) > 1:
                below[len(texts)] = (height - 1, text)
            width = _span(cell, "colspan", _MAX_COLUMNS - len(texts))
            texts += [text, *[""] * (width - 1)]
        _take(spanning, texts, below)
        spanning = below
        yield texts


def _take(
    spanning: dict[int, tuple[int, str]], texts: list[str], below: dict[int, tuple[int, str]]
) -> None:
    """Add the cells of rows above that reach into the next columns of this one."""
    while held := spanning.get(len(texts)):
        left, text = held
        if left > 1:
            below[len(texts)] = (left - 1, text)
        texts.append(text)


def _cells(row: "LexborNode") -> list["LexborNode"]:
    return [cell for cell in row.iter() if cell.tag in ("td", "th")]


def _span(cell: "LexborNode", name: str, most: int) -> int:
    value = cell.attributes.get(name) or ""
    return min(int(value), most) if value.isascii() and value.isdigit() and len(value) < 6 else 1

"""The tables of Word documents."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from knowledge.ingestion.formats.docx_styles import is_on, value_of
from knowledge.ingestion.formats.ooxml import Element, child, descendants, local
from knowledge.ingestion.formats.tables import table_lines

_WIDEST_SPAN = 63  # columns a table of Word can have


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows as lines; or, for one of a single column, its cells, which hold any text."""

    lines: Iterable[str] = ()
    cells: list[Element] | None = None


def read_table(
    table: Element,
    *,
    children: Callable[[Element], Iterator[Element]],
    text_of: Callable[[Element], str],
) -> Table:
    rows = [row for row in children(table) if local(row) == "tr" and not _is_deleted(row)]
    cells = [[cell for cell in children(row) if local(cell) == "tc"] for row in rows]
    if max(map(len, cells), default=0) <= 1:
        return Table(cells=[cell for row in cells for cell in row])
    grid: list[list[str]] = []
    for row, of_row in zip(rows, cells, strict=True):
        values = [""] * _count(child(child(row, "trPr"), "gridBefore"), 0)
        for cell in of_row:
            properties = child(cell, "tcPr")
            merge = child(properties, "vMerge")
            if merge is not None and value_of(merge) != "restart":
                values.append(_above(grid, len(values)))
            else:
                values.append(text_of(cell))
            values += [""] * (_count(child(properties, "gridSpan"), 1) - 1)
        grid.append(values)
    return Table(lines=table_lines(grid, header=_has_header(rows, cells) or None))


def _count(element: Element | None, default: int) -> int:
    value = value_of(element) or ""
    return min(int(value), _WIDEST_SPAN) if value.isascii() and value.isdigit() else default


def _above(grid: list[list[str]], column: int) -> str:
    """What a cell merged with the one above it says."""
    return grid[-1][column] if grid and column < len(grid[-1]) else ""


def _is_deleted(row: Element) -> bool:
    return child(child(row, "trPr"), "del") is not None


def _has_header(rows: list[Element], cells: list[list[Element]]) -> bool:
    """Whether the first row is repeated on each page, or alone is bold."""
    if is_on(child(child(rows[0], "trPr"), "tblHeader")):
        return True
    return len(rows) > 1 and all(map(_is_bold, cells[0])) and not all(map(_is_bold, cells[1]))


def _is_bold(cell: Element) -> bool:
    runs = [run for run in descendants(cell, "r") if child(run, "t") is not None]
    return bool(runs) and all(is_on(child(child(run, "rPr"), "b")) for run in runs)

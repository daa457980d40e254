"""Spreadsheets (XLSX, with macros or without, ODS, XLS), by calamine. A sheet is a page, its name a
heading. Hidden sheets are read like others.

calamine unpacks for itself and loads a sheet wholly: what it is given is looked through before.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from knowledge.ingestion import progress
from knowledge.ingestion.archives import DAMAGED, open_archive
from knowledge.ingestion.formats.assembly import Assembly
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.ooxml import DECLARES
from knowledge.ingestion.formats.tables import table_lines
from knowledge.ingestion.reading import Limits, Reading, UnreadableDocument

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_Value: TypeAlias = (
    str | float | datetime.datetime | datetime.date | datetime.time | datetime.timedelta
)
_Range: TypeAlias = tuple[tuple[int, int], tuple[int, int]]

_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
# In which members the cells are, and what of each cell that holds something comes once.
_CELLS = {
    "xlsx": (re.compile(r"xl/worksheets/.*\.xml", re.IGNORECASE), (b"</v>", b":v>", b"</is>")),
    "ods": (re.compile(r"content\.xml"), (b"<text:p",)),
}
_EXTENT = re.compile(rb"<(?:\w+:)?dimension\s+ref=[\"'][A-Z]+\d+:([A-Z]{1,3})(\d{1,7})[\"']")
_MOST_ROWS = 1_048_576  # what Excel has
_FAR_AWAY = (
    "A sheet has a cell far away from all others. Delete the empty rows and columns at its end and"
    " upload it again."
)
_WIDEST_AREA = 16_000_000  # places between a sheet's first and last cell; each takes 32 bytes
_MIDNIGHT = datetime.time()


def too_many_cells(limits: Limits) -> UnreadableDocument:
    return UnreadableDocument(
        f"The file has more than {limits.cells:,} cells. Split it into parts, or leave out what"
        " nobody looks for."
    )


def _read(file_type: str, path: Path, limits: Limits) -> Reading:
    if file_type in _CELLS:
        _look_through(path, file_type, limits)
    from python_calamine import CalamineWorkbook

    assembly = Assembly(limits)
    # A path would have its extension believed.
    with path.open("rb") as file, _refusals(), CalamineWorkbook.from_filelike(file) as workbook:
        if len(workbook.sheets_metadata) > limits.pages:
            raise UnreadableDocument(
                f"The file has more than {limits.pages:,} sheets. Split it into parts."
            )
        left = limits.cells
        for at, sheet in enumerate(workbook.sheets_metadata):
            assembly.begin_page()
            if sheet.typ == type(sheet.typ).WorkSheet:
                left -= _read_sheet(workbook.get_sheet_by_index(at), assembly, limits, left)
            progress.tell(at + 1, len(workbook.sheets_metadata))
    return assembly.reading(file_type)


def _look_through(path: Path, file_type: str, limits: Limits) -> None:
    """Refuse members that lie about their size, declare entities or hold too many cells."""
    of_cells, marks = _CELLS[file_type]
    count = 0
    with open_archive(path, limits) as archive:
        for name in archive.names:
            if not name.lower().endswith((".xml", ".rels")):
                continue
            has_cells = of_cells.fullmatch(name)
            for piece in archive.pieces(name):
                if _DECLARATION.search(piece):
                    raise UnreadableDocument(DECLARES)
                if has_cells and (extent := _EXTENT.search(piece, 0, 4_000)):
                    _refuse_extent(extent[1], int(extent[2]))
                if has_cells:
                    count += sum(map(piece.count, marks))
                if count > limits.cells:
                    raise too_many_cells(limits)


def _refuse_extent(column: bytes, rows: int) -> None:
    columns = 0
    for letter in column:
        columns = 26 * columns + letter - ord("A") + 1
    if rows * columns > _WIDEST_AREA:
        raise UnreadableDocument(_FAR_AWAY)


@contextmanager
def _refusals() -> Iterator[None]:
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError:
        raise UnreadableDocument(
            "This spreadsheet is protected by a password. Remove the password and upload it again."
        )
    except (CalamineError, OSError, ValueError):
        raise UnreadableDocument(DAMAGED)
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # calamine's way to say that it gave up
            raise
        raise UnreadableDocument(DAMAGED)


def _read_sheet(sheet: "CalamineSheet", assembly: Assembly, limits: Limits, most: int) -> int:
    """Add a sheet to the text; return how many cells it has."""
    count = 0

    def rows() -> Iterator[list[str]]:
        nonlocal count
        for row in _filled(sheet):
            count += len(row) - row.count("")
            if count > most:
                raise too_many_cells(limits)
            yield [as_text(value) for value in row]

    if sheet.total_height > _MOST_ROWS:  # each is met, however empty, and no extent was declared
        raise UnreadableDocument(_FAR_AWAY)
    if sheet.start is not None:
        assembly.heading(1, sheet.name)
        assembly.lines(table_lines(rows()))
    return count


def _filled(sheet: "CalamineSheet") -> Iterator[Sequence[_Value]]:
    """The rows of a sheet. What is merged over several rows stands in each of them."""
    left = sheet.start[1] if sheet.start else 0  # iter_rows leaves out columns, but not rows
    merges = sorted(_over_rows(sheet.merged_cell_ranges or [], left), reverse=True)
    active: dict[int, tuple[int, _Value]] = {}
    for at, row in enumerate(sheet.iter_rows()):
        active = {column: merge for column, merge in active.items() if merge[0] >= at}
        for column, (_, value) in active.items():
            row[column] = row[column] or value
        while merges and merges[-1][0] <= at:
            _, column, last = merges.pop()
            if column < len(row):
                active[column] = (last, row[column])
        yield row


def _over_rows(ranges: list[_Range], left: int) -> Iterator[tuple[int, int, int]]:
    """The first row, the column and the last row of what is merged over rows."""
    for (first, column), (last, _) in ranges:
        if first < last and column >= left:
            yield first, column - left, last


def as_text(value: _Value) -> str:
    """A value as a person would write it. Dates and times are written as in ISO 8601."""
    match value:
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float():
            return f"{value:.15g}"
        case int():
            return str(value)
        case datetime.datetime():
            if value.time() == _MIDNIGHT:
                return value.date().isoformat()
            return f"{value.date().isoformat()} {as_text(value.time())}"
        case datetime.time():
            return value.isoformat("seconds" if value.second else "minutes")
        case datetime.timedelta():
            seconds = round(value.total_seconds())
            return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case _:
            return value.isoformat()


def _recognizes(file_type: str, sample: Sample) -> bool:
    return sample.container == file_type


def _format(file_type: str, label: str) -> Format:
    return Format(file_type, label, partial(_recognizes, file_type), partial(_read, file_type))


FORMATS = (
    _format("xlsx", "Excel (XLSX, XLS)"),
    _format("xls", ""),
    _format("ods", "OpenDocument spreadsheets (ODS)"),
)

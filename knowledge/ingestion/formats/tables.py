"""Tables as lines of text. Each row says what its values are: "Region: North | Revenue: 5".

So a row that is found, or quoted, is understood without the rows above it. The header itself stays
as it stands, in a line of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice, zip_longest

from knowledge.ingestion.formats.table_headers import SAMPLE_ROWS, Header, find_header

SEPARATOR = " | "
_LINE_CHARACTERS = 400  # a longer line is cut between its values, so that each part fits a passage
_KEY_CHARACTERS = 80


def table_lines(rows: Iterable[Sequence[str]], *, header: bool | None = None) -> Iterator[str]:
    """The rows of a table as lines, without what is empty. Rows are taken one by one.

    `header` says whether the first row that has two values or more is a header; None leaves that to
    a cautious guess, and a table without header gives "a | b". After empty rows another table may
    begin. A row that is too long becomes several lines that all begin with its first value.
    """
    over: Header | None = None
    cleaned = ([" ".join(cell.split()) for cell in row] for row in rows)
    for is_filled, group in groupby(cleaned, key=any):
        if not is_filled:
            continue
        block = iter(group)
        sample = []
        for row in block:
            if _count(row) > 1:
                sample = [row, *islice(block, SAMPLE_ROWS)]
                break
            yield from _row_lines(row, None)  # a title above the table
        if not sample:
            continue
        if found := find_header(sample, certain=header):
            over = found
            yield from _row_lines(sample.pop(0), None)
        elif over and not over.fits(sample[0]):
            over = None
        header = None if header else header  # certain of the first table only
        for row in chain(sample, block):
            yield from _row_lines(row, over)


def _row_lines(row: Sequence[str], header: Header | None) -> Iterator[str]:
    labels = header.labels if header and _count(row) > 1 else ()
    values = [
        f"{label}: {value}" if label else value
        for value, label in zip_longest(row, labels[: len(row)], fillvalue="")
        if value
    ]
    line = ""
    for value in values:
        longer = f"{line}{SEPARATOR}{value}" if line else value
        if line and len(longer) > _LINE_CHARACTERS:
            yield line
            key = values[0]
            longer = f"{key}{SEPARATOR}{value}" if len(key) <= _KEY_CHARACTERS else value
        line = longer
    if line:
        yield line


def _count(row: Sequence[str]) -> int:
    return sum(map(bool, row))

"""Tables as text: CSV, whatever divides the values, and TSV."""

import csv
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from knowledge.ingestion.formats.assembly import Assembly
from knowledge.ingestion.formats.base import Format, Sample
from knowledge.ingestion.formats.plain import read_text, refuse_long_text
from knowledge.ingestion.formats.sheets import too_many_cells
from knowledge.ingestion.formats.tables import table_lines
from knowledge.ingestion.reading import Limits, Reading

_Quoting: TypeAlias = Literal[0, 1, 2, 3]  # one of the constants of the module csv

_EXTENSIONS = {"csv", "tsv", "tab"}
_DELIMITERS = ("\t", ";", ",")
_DELIMITERS_IF_NAMED = (*_DELIMITERS, "|")
_SAMPLE_ROWS = 200
_SAMPLE_CHARACTERS = 65_536
_FEWEST_ROWS = 3
_LONGEST_MEAN = 60  # characters of a value; those of texts with a comma are longer
_MOST_LINES = 50  # in one value; more follow a quotation mark that nothing closes


def _recognizes(sample: Sample) -> bool:
    if sample.text is None:
        return False
    is_named = sample.extension in _EXTENSIONS
    cut = sample.size > len(sample.head)
    return find_delimiter(sample.text, is_named=is_named, is_cut=cut) is not None


def find_delimiter(text: str, *, is_named: bool, is_cut: bool = False) -> str | None:
    """What divides the values in a text that is a table; None for any other text.

    The same number of values in nearly every row makes a table. Where the name does not say that
    there is one, all rows must have it, and nothing may look like sentences or like code.
    """
    if declared := _declared(text):
        return declared
    if is_named:
        quoted = _likeliest(text, is_named=True, is_cut=is_cut)
        # A quotation mark that nothing closes hides the rows behind it.
        return quoted or _likeliest(text, is_named=True, is_cut=is_cut, quoting=csv.QUOTE_NONE)
    return _likeliest(text, is_named=False, is_cut=is_cut)


def _likeliest(
    text: str, *, is_named: bool, is_cut: bool, quoting: _Quoting = csv.QUOTE_MINIMAL
) -> str | None:
    found: list[tuple[int, str]] = []
    for delimiter in _DELIMITERS_IF_NAMED if is_named else _DELIMITERS:
        rows = _sample(text, delimiter, quoting, is_cut=is_cut)
        width, share = _usual_width(rows)
        is_table = width > 1 and (share >= 0.8 if is_named else _is_evident(rows, delimiter, share))
        if is_table:
            found.append((width, delimiter))
    return max(found, default=(0, None), key=lambda pair: pair[0])[1]


def _declared(text: str) -> str | None:
    """What Excel writes into the first line: "sep=;"."""
    first = text[:10].lstrip("\ufeff").partition("\n")[0].rstrip("\r")
    return first[4] if first.lower().startswith("sep=") and len(first) == 5 else None


def _sample(text: str, delimiter: str, quoting: _Quoting, *, is_cut: bool) -> list[list[str]]:
    """The first rows that are not empty, without one that may be cut short."""
    try:
        rows = list(islice(_rows(text[:_SAMPLE_CHARACTERS], delimiter, quoting), _SAMPLE_ROWS))
    except csv.Error:
        return []
    if len(rows) > 1 and len(rows) < _SAMPLE_ROWS and (is_cut or len(text) > _SAMPLE_CHARACTERS):
        rows.pop()
    return [row for row in rows if any(row)]


def _usual_width(rows: list[list[str]]) -> tuple[int, float]:
    """How many values most rows have, and the share of rows that have as many."""
    if not rows:
        return 0, 0.0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return width, count / len(rows)


def _is_evident(rows: list[list[str]], delimiter: str, share: float) -> bool:
    values = [value for row in rows for value in row]
    spaced = sum(value.startswith(" ") for row in rows for value in row[1:])
    return (
        share == 1
        and len(rows) >= _FEWEST_ROWS
        and all(map(any, zip(*rows, strict=True)))  # in code it is the last column that is empty
        and all(row[0] for row in rows[:1])
        and 2 * sum(map(bool, values)) >= len(values)
        and (delimiter == "\t" or 5 * spaced <= len(values))
        and sum(map(len, values)) <= _LONGEST_MEAN * len(values)
    )


def _read(path: Path, limits: Limits) -> Reading:
    text = read_text(path, limits)
    csv.field_size_limit(max(limits.characters, 1))
    delimiter = find_delimiter(text, is_named=True, is_cut=len(text) > _SAMPLE_CHARACTERS) or ","
    if _declared(text):
        text = text.partition("\n")[2]
    quoting: _Quoting = csv.QUOTE_MINIMAL
    if any(value.count("\n") > _MOST_LINES for row in _rows(text, delimiter) for value in row):
        quoting = csv.QUOTE_NONE
    assembly = Assembly(limits)
    assembly.lines(table_lines(_counted(_rows(text, delimiter, quoting), limits)))
    return assembly.reading(FORMAT.file_type)


def _rows(text: str, delimiter: str, quoting: _Quoting = csv.QUOTE_MINIMAL) -> Iterator[list[str]]:
    return csv.reader(StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)


def _counted(rows: Iterator[list[str]], limits: Limits) -> Iterator[list[str]]:
    count = 0
    for row in rows:
        count += len(row)
        if count > limits.cells:
            raise too_many_cells(limits)
        yield row


FORMAT = Format(
    file_type="csv", label="CSV", recognizes=_recognizes, read=_read, refuse_long=refuse_long_text
)

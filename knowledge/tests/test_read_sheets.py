import datetime
import io
import zipfile

import pytest
import xlsxwriter

from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.formats.sheets import as_text
from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import Limits, UnreadableDocument

MIDNIGHT = datetime.datetime.fromisoformat("2024-01-31")  # spreadsheets know no time zones
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "upload"


@pytest.fixture
def read(path):
    def read(fill, *, change=lambda name, content: content, limits=None):
        saved = io.BytesIO()
        with xlsxwriter.Workbook(saved) as workbook:
            fill(workbook)
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, change(name, old.read(name)))
        assert detect_type(path, filename="table.xls") == "xlsx"
        return read_document(path, filename="table.xls", limits=limits)

    return read


def filled(*rows):
    def fill(workbook):
        sheet = workbook.add_worksheet("Data")
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)

    return fill


def with_sheet(data: bytes):
    """Put rows as XML in the place of the sheet's own."""

    def change(name, content):
        if name != SHEET:
            return content
        head, _, rest = content.partition(b"<sheetData>")
        return head + b"<sheetData>" + data + b"</sheetData>" + rest.partition(b"</sheetData>")[2]

    return change


def test_a_sheet_is_a_page_with_its_name_for_a_heading(read):
    def fill(workbook):
        filled(["Region", "Revenue"], ["North", 5])(workbook)
        workbook.add_worksheet("Empty")
        hidden = workbook.add_worksheet("Secret")
        hidden.hide()
        hidden.write(7, 3, "found")

    reading = read(fill)
    assert [reading.content[page.start : page.end] for page in reading.pages] == [
        "Data\n\nRegion | Revenue\nRegion: North | Revenue: 5",
        "",
        "Secret\n\nfound",
    ]
    assert [heading.title for heading in reading.headings] == ["Data", "Secret"]
    assert reading.page_count == 3


def test_titles_and_empty_rows_before_a_table_do_not_hide_its_header(read):
    reading = read(filled([], ["Revenue of the year"], [], ["Region", "Revenue"], ["North", 5]))
    assert reading.content.endswith("Region: North | Revenue: 5")
    assert "Revenue of the year\n" in reading.content


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (1234567.891, "1234567.891"),
        (1e20, "1e+20"),
        (True, "TRUE"),
        (7, "7"),
        ("a", "a"),
        (datetime.date(2024, 1, 31), "2024-01-31"),
        (MIDNIGHT, "2024-01-31"),
        (MIDNIGHT.replace(hour=14, minute=5), "2024-01-31 14:05"),
        (datetime.time(14, 5, 9), "14:05:09"),
        (datetime.timedelta(hours=30, minutes=2), "30:02:00"),
    ],
)
def test_values_are_written_as_people_write_them(value, text):
    assert as_text(value) == text


def test_dates_are_told_from_numbers_by_their_format(read):
    def fill(workbook):
        sheet = workbook.add_worksheet("Data")
        sheet.write_row(0, 0, ["Item", "Date"])
        sheet.write(1, 0, "Lamp")
        day = workbook.add_format({"num_format": "dd.mm.yyyy"})
        sheet.write_datetime(1, 1, MIDNIGHT, day)

    assert read(fill).content.endswith("Item: Lamp | Date: 2024-01-31")


def test_what_is_merged_over_rows_stands_in_each(read):
    def fill(workbook):
        sheet = workbook.add_worksheet("Data")
        sheet.write_row(2, 1, ["Region", "Year", "Sum"])
        sheet.merge_range("B4:B5", "North")
        sheet.write_row(3, 2, ["2023", 5])
        sheet.write_row(4, 2, ["2024", 7])
        sheet.write_row(5, 1, ["South", "2024", 9])
        sheet.merge_range("B8:D8", "all of it")

    assert read(fill).content.splitlines()[2:] == [
        "Region | Year | Sum",
        "Region: North | Year: 2023 | Sum: 5",
        "Region: North | Year: 2024 | Sum: 7",
        "Region: South | Year: 2024 | Sum: 9",
        "all of it",
    ]


def test_more_cells_than_allowed_are_refused_before_they_are_loaded(read):
    rows = [[number, number] for number in range(1, 51)]
    with pytest.raises(UnreadableDocument, match="more than 99 cells"):
        read(filled(*rows), limits=Limits(cells=99))
    assert len(read(filled(*rows), limits=Limits(cells=100)).content.splitlines()) == 52


def test_more_sheets_than_allowed_are_refused(read):
    def fill(workbook):
        for _ in range(3):
            workbook.add_worksheet().write(0, 0, "x")

    with pytest.raises(UnreadableDocument, match="more than 2 sheets"):
        read(fill, limits=Limits(pages=2))


def test_a_cell_far_away_is_named(read):
    def fill(workbook):
        sheet = workbook.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(1_048_575, 16_383, "b")

    with pytest.raises(UnreadableDocument, match="far away from all others"):
        read(fill)


def test_a_cell_far_away_that_nothing_announces_costs_no_more_than_the_limit(read, path):
    far = (
        b'<row r="1"><c r="A1"><v>1</v></c></row>'
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    )
    read(filled(["a"]))
    with zipfile.ZipFile(path) as old:
        members = {name: with_sheet(far)(name, old.read(name)) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
    with pytest.raises(UnreadableDocument, match=r"memory|damaged"):
        read_in_child(path, filename="x")


def test_a_sheet_of_a_million_rows_is_refused_in_little_time(path, read):
    read(filled(["a"]))
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, content in members.items():
            if name != SHEET:
                new.writestr(name, content)
        with new.open(SHEET, "w") as sheet:
            sheet.write(members[SHEET].partition(b"<sheetData>")[0] + b"<sheetData>")
            for at in range(1, 1_048_577, 1024):
                row = b'<row r="%d"><c><v>%d</v></c><c><v>2</v></c></row>'
                sheet.write(b"".join(row % (number, number) for number in range(at, at + 1024)))
            sheet.write(b"</sheetData></worksheet>")
    with pytest.raises(UnreadableDocument, match="more than 2,000,000 cells"):
        read_in_child(path, filename="x")


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/sharedStrings.xml"])
def test_sheets_that_declare_entities_are_refused(read, part):
    def declare(name, content):
        return (
            content.replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>', 1)
            if name == part
            else content
        )

    with pytest.raises(UnreadableDocument, match="declares entities"):
        read(filled(["a"]), change=declare)


def test_a_broken_part_is_damage(read):
    for part in ("xl/workbook.xml", SHEET):
        with pytest.raises(UnreadableDocument, match=r"damaged|no text"):
            read(filled(["a"]), change=lambda n, c, part=part: c[:200] if n == part else c)

import pytest

from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import Limits, UnreadableDocument

TABLE = "Region,Revenue,Year\nNorth,5,2024\nSouth,7,2024\n"


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "upload"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def rows(path, filename="x.csv", **kwargs):
    reading = read_document(path, filename=filename, **kwargs)
    assert reading.file_type == "csv"
    return reading.content.splitlines()


@pytest.mark.parametrize("filename", ["table.csv", "table", "table.pdf"])
def test_each_row_says_its_header(write, filename):
    assert rows(write(TABLE), filename) == [
        "Region | Revenue | Year",
        "Region: North | Revenue: 5 | Year: 2024",
        "Region: South | Revenue: 7 | Year: 2024",
    ]


@pytest.mark.parametrize(
    "content",
    [
        "Item;Price\nLamp;2,50\nDesk, oak;90,00\n",
        "Item\tPrice\nLamp\t2,50\nDesk, oak\t90,00\n",
        "Item|Price\nLamp|2,50\nDesk, oak|90,00\n",
        'Item,Price\nLamp,"2,50"\n"Desk, oak","90,00"\n',
        "sep=;\r\nItem;Price\r\nLamp;2,50\r\nDesk, oak;90,00\r\n",
        "\ufeffItem;Price\r\nLamp;2,50\r\nDesk, oak;90,00",
    ],
)
def test_what_divides_the_values_is_found_out(write, content):
    assert rows(write(content)) == [
        "Item | Price",
        "Item: Lamp | Price: 2,50",
        "Item: Desk, oak | Price: 90,00",
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_tables_of_any_encoding_are_read(write, encoding):
    content = "Kunde;Straße;Umsatz\nMüller & Söhne;Größenweg 7;5\nJäger;Höhe 3;7\n" * 20
    assert "Kunde: Jäger | Straße: Höhe 3 | Umsatz: 7" in rows(write(content.encode(encoding)))


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        ("Dear Ada, how are you?\nI am well, thank you.\nGoodbye, Bob.\n", "letter"),
        ("Roses are red, violets are blue\nSugar is sweet, so are you\n" * 3, "poem.txt"),
        ("int a = 1;\nint b = 2;\nint c = 3;\n", "main.c"),
        ("one line, with a comma", "x"),
        ("a,b\nc\nd,e,f\ng\n", "table.csv"),
        ("only\none\ncolumn\n", "table.csv"),
        ("x = f(a, b)\ny = f(c, d)\nz = f(e, f)\n", "main.py"),
        ("key: value\nother: value\nthird: value\n", "x.yaml"),
    ],
)
def test_text_that_is_no_table_stays_text(write, content, filename):
    assert detect_type(write(content), filename=filename) == "txt"


def test_the_name_breaks_the_tie(write):
    path = write("Lamp, 5\nDesk, 90\n")
    assert detect_type(path, filename="x.csv") == "csv"
    assert detect_type(path, filename="x.txt") == "txt"
    assert detect_type(path, filename="x.md") == "md"


def test_a_value_may_hold_lines_and_quotation_marks(write):
    path = write('Item,Note\nLamp,"first\nsecond"\nDesk,"says ""hello"""\n')
    assert rows(path)[1:] == ["Item: Lamp | Note: first second", 'Item: Desk | Note: says "hello"']


def test_a_quotation_mark_that_nothing_closes_does_not_swallow_the_rows(write):
    path = write('Item,Price\nLamp "big,5\n"Desk,7\n' + "Chair,9\n" * 100)
    assert rows(path)[-1] == "Item: Chair | Price: 9"


def test_more_cells_than_allowed_are_refused(write):
    with pytest.raises(UnreadableDocument, match="more than 8 cells"):
        rows(write(TABLE), limits=Limits(cells=8))
    assert rows(write(TABLE), limits=Limits(cells=9))


def test_a_long_table_is_known_by_its_beginning(write):
    assert len(rows(write(TABLE + "East,9,2024\n" * 20_000), "x")) == 20_003


@pytest.mark.parametrize("content", ['"' * 100_001, "," * 200_000, ',"\n' * 50_000, ";\n" * 50_000])
def test_a_hostile_table_takes_no_longer_than_a_long_one(write, content):
    for filename in ("x.csv", "x"):
        try:
            read_document(write(content), filename=filename)
        except UnreadableDocument as refused:
            assert refused.reason.endswith(".")

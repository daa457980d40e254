import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.ingestion.formats.tables import table_lines


def lines(*rows, **kwargs):
    return list(table_lines([row.split(";") for row in rows], **kwargs))


def test_each_row_says_what_its_values_are():
    assert lines("Region;Revenue", "North;5", "South;7") == [
        "Region | Revenue",
        "Region: North | Revenue: 5",
        "Region: South | Revenue: 7",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        ["Region;Revenue", "North;5"],
        ["Name;Department", "Alice;Sales"],
        ["Team;2023;2024", "North;5;7"],
        ["Team;Q1;Q2", "North;5;7"],
        [";Berlin;Paris", "Rent;900;1200", "Water;30;40"],
        ["No;Item", "1;Chair", "2;Desk"],
        ["Temperature;Rule", "25 °C;drink", "30 °C;go home"],
        ["Employee;Joined;Grade", "Ada;2020-01-31;A4", "Bob;2021-05-01;B1"],
        ["Role;Duty", *(f"P {name};opens the gates in the morning, at six" for name in "abcde")],
        ["Who;Pet;Size", "Ann;cat;small", "Bo;dog;big", "Cy;cat;big", "Di;dog;big", "Ed;cat;small"],
        ["Kunde;Betrag", "Müller;12,50 €"],
    ],
)  # fmt: skip
def test_a_header_is_recognized(rows):
    labels = rows[0].split(";")
    for line in lines(*rows)[1:]:
        for label, value in zip(labels, line.split(" | "), strict=True):
            assert not label or value.startswith(f"{label}: ")


@pytest.mark.parametrize(
    "rows",
    [
        ["Berlin;Germany", "Paris;France", "Rome;Italy"],
        ["Berlin;3,700,000", "Paris;2,100,000"],
        ["Company;Acme", "Founded;1999", "Employees;250"],
        ["Name;Ada", "Age;36", "Salary;5000", "Phone;123456", "Hours;40", "Days;28"],
        ["North;5", "South;7"],
        ["1;2;3", "4;5;6"],
        ["2024-01-31;rent;900", "2024-02-28;rent;900"],
        ["Ada;ada@acme.example;Sales", "Bob;bob@acme.example;Sales"],
        ["a;a", "1;2", "3;4"],
        ["x" * 61 + ";Amount", "a;1", "b;2"],
        ["one row;of two"],
    ],
)
def test_what_may_be_no_header_is_none(rows):
    assert lines(*rows) == [row.replace(";", " | ") for row in rows]


def test_a_format_that_knows_is_believed():
    assert (
        lines("Berlin;Germany", "Paris;France", header=True)[1] == "Berlin: Paris | Germany: France"
    )
    assert lines("Region;Revenue", "North;5", header=False)[1] == "North | 5"


def test_empty_rows_and_cells_are_left_out():
    assert lines("Item;Price;Note", "Chair;5;", ";;", "Desk;;new") == [
        "Item | Price | Note",
        "Item: Chair | Price: 5",
        "Desk | new",
    ]
    assert lines(";;", "") == []


def test_a_title_stands_above_its_table_and_a_single_value_alone():
    assert lines("Revenue by region;;", ";;", "Region;Revenue;Year", "North;5;2024", "Sum;;") == [
        "Revenue by region",
        "Region | Revenue | Year",
        "Region: North | Revenue: 5 | Year: 2024",
        "Sum",
    ]


def test_after_empty_rows_a_table_goes_on_or_another_begins():
    assert lines("Item;Price", "Chair;5", "", "Desk;7", "", "Name;Department", "Ada;Sales") == [
        "Item | Price",
        "Item: Chair | Price: 5",
        "Item: Desk | Price: 7",
        "Name | Department",
        "Name: Ada | Department: Sales",
    ]
    assert lines("Item;Price", "Chair;5", "", "Berlin;Germany")[-1] == "Berlin | Germany"


def test_a_long_row_is_cut_into_lines_that_each_say_what_it_is_about():
    labels = ["Article", *(f"Feature {letter}" for letter in "abcdefgh")]
    values = ["Lamp", *("bright and warm " * 5 for _ in "abcdefgh")]
    rows = list(table_lines([labels, values], header=True))
    assert len(rows) == 3
    assert all(row.startswith("Article: Lamp | Feature ") for row in rows[1:])
    assert max(map(len, rows)) <= 400


def test_a_cell_is_one_line():
    assert list(table_lines([["Item\n no.", "Price:"], ["1", "5\n6"]])) == [
        "Item no. | Price:",
        "Item no.: 1 | Price: 5 6",
    ]


CELLS = st.sampled_from(["", "Name", "Price", "5", "2024-01-31", "text", "x\ny", " | ", "a" * 90])


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, max_size=12)), st.sampled_from([None, True, False]))
def test_no_value_is_lost(rows, header):
    text = "\n".join(table_lines(rows, header=header))
    assert text == "\n".join(table_lines(iter(rows), header=header))
    assert all(" ".join(cell.split()) in text for row in rows for cell in row)
    assert "\n\n" not in text


def test_rows_are_taken_one_by_one():
    taken = 0

    def rows():
        nonlocal taken
        for taken in range(1_000_000):
            yield [f"Chair {taken}", "5"]

    found = table_lines(rows())
    assert next(found) == "Chair 0 | 5"
    assert taken < 50


@pytest.mark.parametrize("cell", ["1" * 100_000, "a@" * 50_000, "1,. " * 25_000, "- " * 50_000])
def test_a_hostile_cell_takes_no_longer_than_a_long_one(cell):
    assert len(list(table_lines([["Name", "Amount"], ["x", cell]] * 100))) > 100

from pathlib import Path

import pytest

from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.formats.pdf_lines import flow
from knowledge.ingestion.formats.pdf_outline import OutlineEntry, place_headings
from knowledge.ingestion.read import detect_type, read_document
from knowledge.ingestion.reading import Limits, PageSpan, UnreadableDocument

SAMPLES = Path(__file__).parent / "samples"
HANDBOOK = SAMPLES / "handbook.pdf"


def read(path, **kwargs):
    return read_document(path, filename=path.name, **kwargs)


def refusal(path, function=read_document, **kwargs):
    with pytest.raises(UnreadableDocument) as refused:
        function(path, filename=path.name, **kwargs)
    return refused.value.reason


def test_every_page_is_read_and_knows_its_place():
    reading = read(HANDBOOK)
    assert reading.file_type == "pdf"
    assert reading.page_count == 4
    assert [page.number for page in reading.pages] == [1, 2, 3, 4]
    first, second, third, fourth = (
        reading.content[page.start : page.end] for page in reading.pages
    )
    assert first.startswith("1 Vacation\nEvery employee is entitled to twenty-five days")
    assert "first day of absence" in second
    assert third == ""
    assert fourth == "3 Travel\nYear Budget Spent\n2023 4,000 3,200\n2024 5,000 4,100"


def test_words_and_paragraphs_are_whole_again():
    content = read(HANDBOOK).content
    assert "may be carried over until March" in content
    assert "in each calendar year" in content
    assert "This well-known rule holds for SHA-256 enthusiasts" in content
    assert "a fortnight ahead.\nBank holidays" in content


def test_the_outline_gives_the_headings():
    reading = read(HANDBOOK)
    assert [(heading.level, heading.title) for heading in reading.headings] == [
        (1, "Handbook"),
        (2, "Vacation"),
        (2, "Sick leave"),
        (2, "Travel"),
    ]
    lines = [reading.content[heading.start : heading.end] for heading in reading.headings]
    assert lines == ["", "1 Vacation", "2 Sick leave", "3 Travel"]


def test_a_request_not_to_copy_is_no_lock():
    assert read(SAMPLES / "copying_forbidden.pdf").content == read(HANDBOOK).content


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("protected.pdf", "is protected by a password"),
        ("no_pages.pdf", "has no pages"),
        ("scanned.pdf", "has no text layer"),
    ],
)
def test_the_reason_says_what_to_do(name, reason):
    """In a child, because PDFium tells apart only the first failure of a process."""
    assert detect_type(SAMPLES / name, filename=name) == "pdf"
    assert reason in refusal(SAMPLES / name, function=read_in_child)


def test_too_many_pages_and_characters_are_refused():
    assert "more than 3 pages" in refusal(HANDBOOK, limits=Limits(pages=3))
    assert "more than 100 characters" in refusal(HANDBOOK, limits=Limits(characters=100))


@pytest.mark.parametrize("name", ["handbook.pdf", "linearized.pdf"])
def test_a_pdf_cut_short_is_never_read_in_part(tmp_path, name):
    whole = (SAMPLES / name).read_bytes()
    expected = read(SAMPLES / name)
    path = tmp_path / name
    outcomes = set()
    for length in range(20, len(whole), 97):
        path.write_bytes(whole[:length])
        try:
            outcomes.add(read(path) == expected)
        except UnreadableDocument as refused:
            assert "damaged" in refused.reason
    assert outcomes <= {True}  # nothing but the end of the cross-reference was cut


@pytest.mark.parametrize("start", range(100, 4000, 300))
def test_a_damaged_pdf_is_read_or_refused(tmp_path, start):
    content = bytearray(HANDBOOK.read_bytes())
    content[start : start + 40] = bytes(40)
    path = tmp_path / "damaged.pdf"
    path.write_bytes(content)
    try:
        assert read(path).page_count is not None
    except UnreadableDocument as refused:
        assert refused.reason


def test_lines_that_continue_are_joined_and_others_are_not():
    page = (
        "A heading of its own\n"
        "The first line of a paragraph is as long as the column is wide, and\n"
        "Germany begins the second although it is no new sentence, so that\n"
        "they belong together.\n"
        "\N{BULLET} one item\n"
        "\N{BULLET} another item\n"
        "Total 2023 4,000"
    )
    assert flow([page])[0].splitlines() == [
        "A heading of its own",
        (
            "The first line of a paragraph is as long as the column is wide, and Germany begins"
            " the second although it is no new sentence, so that they belong together."
        ),
        "\N{BULLET} one item",
        "\N{BULLET} another item",
        "Total 2023 4,000",
    ]


def test_lines_of_a_script_without_spaces_are_joined_without_one():
    assert flow(
        ["従業員は年間二十五日の有給休暇を取得できます申請は十四日前までに\n行ってください。"]
    ) == ["従業員は年間二十五日の有給休暇を取得できます申請は十四日前までに行ってください。"]


def test_a_divided_word_at_the_end_of_a_page_keeps_its_hyphen():
    assert flow(["", "the infor\ufffe", "mation of co\ufffeoperation"]) == [
        "",
        "the infor-",
        "mation of cooperation",
    ]


def test_headings_of_an_outline_in_disorder_stay_in_order():
    content = "Two\ntext\n\nOne\ntext"
    pages = (PageSpan(1, 0, 8), PageSpan(2, 10, 18))
    outline = [OutlineEntry(1, "One", 2), OutlineEntry(2, "Missing", 2), OutlineEntry(1, "two", 1)]
    headings = place_headings([*outline, OutlineEntry(1, " \x00", 1)], content, pages)
    assert [(heading.title, heading.start, heading.end) for heading in headings] == [
        ("two", 0, 3),
        ("One", 10, 13),
        ("Missing", 13, 13),
    ]

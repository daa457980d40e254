from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knowledge.embedding.minilm import MAX_TOKENS
from knowledge.embedding.minilm.files import load_tokenizer
from knowledge.ingestion.formats.markdown import find_headings
from knowledge.ingestion.read import read_document
from knowledge.ingestion.reading import Heading, PageSpan, Reading
from knowledge.ingestion.split import MAX_HEADING_CHARACTERS, MAX_PASSAGE_CHARACTERS, split

SAMPLES = Path(__file__).parent / "samples"
SENTENCE = "Whoever is ill tells the team lead before nine in the morning. "

words = st.sampled_from(
    [
        "word",
        "Vacation.",
        "漢字",
        "\N{GRINNING FACE}",
        "e\u0301",
        "[SEP]",
        "x" * 300,
        "a-b",
        "25,000",
    ]
)
gaps = st.sampled_from([" ", "  ", "\t", "\n", "\n\n", " \n \n"])
blocks = st.sampled_from(
    ["# Title\n", "\n## Part\n", "\n- item", "\n```\n", "\n> quote", "| a | b |\n"]
)
texts = st.one_of(
    st.text(max_size=300),
    st.lists(st.one_of(words, gaps, blocks), max_size=200).map("".join),
    st.tuples(words, st.integers(1, 1000)).map(lambda pair: pair[0] * pair[1]),
    st.tuples(words, gaps, st.integers(1, 300)).map(lambda parts: (parts[0] + parts[1]) * parts[2]),
)


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer()


def markdown(content):
    return Reading(content, "md", headings=tuple(find_headings(content)), is_markdown=True)


def in_pages(*texts):
    pages, start = [], 0
    for number, text in enumerate(texts, start=1):
        pages.append(PageSpan(number, start, start + len(text)))
        start += len(text) + 2
    return Reading("\n\n".join(texts), "pdf", pages=tuple(pages), page_count=len(texts))


def check(reading, passages, tokenizer):
    """What always holds of passages, whatever the text."""
    end = 0
    for position, passage in enumerate(passages):
        assert passage.position == position
        assert passage.content == reading.content[passage.start : passage.end]
        assert passage.content.strip()
        assert len(passage.content) <= MAX_PASSAGE_CHARACTERS
        assert len(tokenizer.encode(passage.content).ids) <= MAX_TOKENS
        assert not reading.content[end : passage.start].strip()
        end = passage.end
    assert not reading.content[end:].strip()


def check_pages(reading, passages):
    for passage in passages:
        page = reading.pages[passage.page - 1]
        assert page.start <= passage.start
        assert passage.end <= page.end


@settings(deadline=None, max_examples=60)
@given(content=texts, is_markdown=st.booleans())
@example(content="\u001c", is_markdown=False)
@example(content="a" + " " * 10_000 + "b", is_markdown=False)
def test_passages_cover_the_text_and_fit_the_model(tokenizer, content, is_markdown):
    reading = markdown(content) if is_markdown else Reading(content, "txt")
    check(reading, split(reading, tokenizer=tokenizer), tokenizer)


@settings(deadline=None, max_examples=20)
@given(contents=st.lists(texts, min_size=1, max_size=5))
def test_no_passage_crosses_a_page(tokenizer, contents):
    reading = in_pages(*contents)
    passages = split(reading, tokenizer=tokenizer)
    check(reading, passages, tokenizer)
    check_pages(reading, passages)


@settings(deadline=None, max_examples=40)
@given(content=texts, capacity=st.integers(1, 40))
def test_any_capacity_is_kept(tokenizer, content, capacity):
    for passage in split(Reading(content, "txt"), tokenizer=tokenizer, capacity=capacity):
        assert len(tokenizer.encode(passage.content, add_special_tokens=False).ids) <= capacity


def test_a_text_that_fits_is_one_passage(tokenizer):
    (passage,) = split(Reading("Hello,\n\nworld\n", "txt"), tokenizer=tokenizer)
    assert (passage.content, passage.start, passage.end) == ("Hello,\n\nworld", 0, 13)
    assert passage.page is None
    assert passage.heading == ""


def test_nothing_has_no_passages(tokenizer):
    assert split(Reading("", "txt"), tokenizer=tokenizer) == []


def test_long_text_is_cut_between_sentences_and_fills_the_passages(tokenizer):
    passages = split(Reading(SENTENCE * 1000, "txt"), tokenizer=tokenizer)
    assert {passage.content[-1] for passage in passages} == {"."}
    sizes = [len(tokenizer.encode(passage.content).ids) for passage in passages]
    assert min(sizes[:-1]) > 200


def test_offsets_are_characters_whatever_their_bytes(tokenizer):
    content = "\N{GRINNING FACE} naïve 漢字. " * 2000
    passages = split(Reading(content, "txt"), tokenizer=tokenizer)
    assert passages[-1].content == content[passages[-1].start : passages[-1].end]
    assert passages[-1].end == len(content) - 1


def test_a_heading_begins_a_passage_and_names_those_under_it(tokenizer):
    reading = markdown(
        "Before.\n\n# Leave\n\n## Vacation\n\n"
        + SENTENCE * 20
        + "\n\n## Sickness\n\nShort.\n\n# Travel\n\nText.\n"
    )
    passages = split(reading, tokenizer=tokenizer)
    check(reading, passages, tokenizer)
    assert [passage.heading for passage in passages] == [
        "",
        "Leave > Vacation",
        "Leave > Vacation",
        "Leave > Sickness",
        "Travel",
    ]
    assert passages[1].content.startswith("# Leave\n\n## Vacation\n\nWhoever")
    assert passages[3].content == "## Sickness\n\nShort."


def test_a_heading_stays_with_a_text_that_fills_the_passage(tokenizer):
    reading = markdown("# Sickness\n\n" + SENTENCE * 100)
    first, *_ = split(reading, tokenizer=tokenizer)
    assert first.content.startswith("# Sickness\n\nWhoever is ill")
    assert len(tokenizer.encode(first.content).ids) > 200
    reading = markdown("# " + "Sickness " * 30 + "\n\n" + SENTENCE * 100)
    first, *_ = split(reading, tokenizer=tokenizer)
    assert first.content == "# " + ("Sickness " * 30).strip()


def test_a_long_path_of_headings_keeps_its_end(tokenizer):
    headings = tuple(Heading(level, f"{level}" * 150, 0, 0) for level in (1, 2, 3))
    (passage,) = split(Reading("Text", "md", headings=headings), tokenizer=tokenizer)
    assert passage.heading == "3" * 150
    (passage,) = split(
        Reading("Text", "md", headings=(Heading(1, "x" * 300, 0, 0),)), tokenizer=tokenizer
    )
    assert passage.heading == "x" * MAX_HEADING_CHARACTERS


def test_a_pdf_is_split_along_pages_and_outline(tokenizer):
    reading = read_document(SAMPLES / "handbook.pdf", filename="handbook.pdf")
    passages = split(reading, tokenizer=tokenizer)
    check(reading, passages, tokenizer)
    check_pages(reading, passages)
    assert [(passage.page, passage.heading) for passage in passages] == [
        (1, "Handbook > Vacation"),
        (2, "Handbook > Sick leave"),
        (4, "Handbook > Travel"),
    ]


@pytest.mark.parametrize("is_markdown", [False, True])
@pytest.mark.parametrize(
    "line",
    ["a", "word ", "漢字仮名交", ">", "[", "\N{GRINNING FACE}", "e\u0301\u0316", " " * 99 + "a"],
)
def test_one_long_line_is_split(tokenizer, line, is_markdown):
    reading = Reading(line * (20_000 // len(line)), "txt", is_markdown=is_markdown)
    passages = split(reading, tokenizer=tokenizer)
    check(reading, passages, tokenizer)
    assert all(a.end <= b.start for a, b in pairwise(passages))


@pytest.mark.long
@pytest.mark.parametrize("line", ["a", "word "])
def test_one_line_of_ten_megabytes_is_split(tokenizer, line):
    reading = Reading(line * (10 * 1024**2 // len(line)), "txt")
    check(reading, split(reading, tokenizer=tokenizer), tokenizer)

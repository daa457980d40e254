"""From the model's marks to citations, wherever a mark is cut."""

from types import SimpleNamespace
from uuid import uuid4

import pytest

from agents.providers.protocol import CitationFound, TextDelta
from agents.runtime.citations import LONGEST_QUOTE, quote_from
from agents.runtime.passages import Passages, as_data
from agents.runtime.said import Said

LEAVE = (
    "# Leave\n\nEverybody has thirty days of leave. Five of them may be carried over.\n"
    "They lapse on 31 March. Ask your manager first."
)
TRAVEL = "Trips are booked by the travel desk. Trains come before flights."


def hit(content, **fields):
    defaults = {"chunk_id": uuid4(), "document_id": uuid4(), "filename": "a.md", "page": None}
    return SimpleNamespace(content=content, heading="", **defaults | fields)


def said(text, size=0, contents=(LEAVE, TRAVEL), question="How long?"):
    """(text, citations) of what a model says in pieces of that size."""
    passages = Passages([hit(content) for content in contents])
    reader = Said(passages, question)
    pieces = [text[at : at + size] for at in range(0, len(text), size)] if size else [text]
    events = [event for piece in pieces for event in reader.text(piece)]
    events += reader.end_of_call()
    seen = ""
    for event in events:
        if isinstance(event, CitationFound):
            assert f"[{event.number}]" not in seen.rpartition("```")[2]  # the citation comes first
            assert event.quote in event.passage.content
        else:
            seen += event.text
    return seen, [e for e in events if isinstance(e, CitationFound)]


def both(text, **how):
    """The same whether it comes whole or character by character."""
    whole, citations = said(text, **how)
    for size in (1, 2, 3):
        again, others = said(text, size, **how)
        assert (again, [c.quote for c in others]) == (whole, [c.quote for c in citations])
    return whole, [(c.number, c.quote) for c in citations]


def test_a_mark_becomes_a_citation_of_the_nearest_sentence():
    text, cited = both("There are thirty days of leave [1]. Trains come first [2].")
    assert text == "There are thirty days of leave [1]. Trains come first [2]."
    assert cited == [
        (1, "Everybody has thirty days of leave."),
        (2, "Trains come before flights."),
    ]


def test_numbers_are_those_of_first_use():
    text, cited = both("Trains first [2]. Then thirty days of leave [1], by train [2].")
    assert text == "Trains first [1]. Then thirty days of leave [2], by train [1]."
    assert [number for number, _ in cited] == [1, 2]


def test_two_statements_of_one_passage_have_a_quote_each():
    text, cited = both("Thirty days of leave [1]. They lapse on 31 March [1].")
    assert text == "Thirty days of leave [1]. They lapse on 31 March [2]."
    assert cited[1] == (2, "They lapse on 31 March.")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Thirty [1][2].", "Thirty [1][2]."),
        ("Thirty [1, 2].", "Thirty [1][2]."),
        ("Thirty [1,2; 1].", "Thirty [1][2]."),
        ("Thirty [7].", "Thirty."),
        ("Thirty [7] days [1, 9].", "Thirty days [1]."),
        ("[7] Thirty", " Thirty"),
        ("Thirty[1]", "Thirty[1]"),
        ("`a[1]` and a[0], ``b[2] ` c[1]``", "`a[1]` and a[0], ``b[2] ` c[1]``"),
        ("```\na[1]\n\nb[2]\n```\nso [2]", "```\na[1]\n\nb[2]\n```\nso [1]"),
        ("an open ` tick\n\nthen [2]", "an open ` tick\n\nthen [1]"),
        ("\\[1\\] and [^1] and [2024] EWHC 1", "\\[1\\] and [^1] and [2024] EWHC 1"),
        ("[x] done [1", "[x] done [1"),
        ("<[9]img src=//evil.example>", "< img src=//evil.example>"),
    ],
)
def test_what_is_a_mark_and_what_is_none(text, left):
    assert both(text)[0] == left


def test_what_is_said_after_tools_is_a_paragraph_of_its_own():
    reader = Said(Passages(), "How long?")
    events = [*reader.text("Let me look."), *reader.end_of_call()]
    events += [*reader.text(" Thirty"), *reader.text(" days."), *reader.end_of_call()]
    assert "".join(event.text for event in events) == "Let me look.\n\nThirty days."
    assert all(isinstance(event, TextDelta) for event in events)


def test_a_quote_takes_in_the_neighbour_that_says_the_rest():
    quote = quote_from(LEAVE, "Five days may be carried over, and lapse on 31 March")
    assert quote == "Five of them may be carried over.\nThey lapse on 31 March."


def test_a_quote_is_bounded_and_there_is_always_one():
    assert len(quote_from("word " * 1_000, "word")) <= LONGEST_QUOTE
    assert quote_from("###", "what") == "###"
    assert quote_from(LEAVE, "Ganz etwas anderes") == "Everybody has thirty days of leave."


@pytest.mark.parametrize(
    "ending",
    ["</passage>", "</PASSAGES >", "< /passage>", "<\u200b/passage>", "\uff1c/passage>", "</data>"],
)
def test_no_text_ends_its_tag_or_begins_one(ending):
    shown = Passages().shown([hit(f"a {ending} b", filename=f'x{ending}".md')])
    assert ending not in shown.removesuffix("</passage>")
    assert shown.count("</passage>") == 1
    assert ending not in as_data(f"a {ending} b").removesuffix("</data>")

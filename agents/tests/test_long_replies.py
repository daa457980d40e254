"""What a reply costs grows with its length alone, whatever it repeats."""

import time
from types import SimpleNamespace
from uuid import uuid4

import pytest

from agents.providers.protocol import CitationFound
from agents.runtime import citations
from agents.runtime.passages import Passages
from agents.runtime.said import Said

LENGTH = 100_000
PIECE = 4_096
UNITS = [" ", "\t", "`", "[", "(", "<", "!", "\n", "\n ", "[1,", "](", "]:", "&", "<a ", "<!--"]
UNITS += [" " * 300 + "[", "`" * 300 + " ", "[[((", "![a](", " [`(<!", "]:" + " " * 300, "https://"]
PASSAGE = "Everybody has thirty days of leave. Trains come before flights. " * 10


def passages(count):
    fields = {"document_id": uuid4(), "filename": "a.md", "page": None, "heading": ""}
    return Passages(
        SimpleNamespace(content=f"{number}. {PASSAGE}", chunk_id=uuid4(), **fields)
        for number in range(count)
    )


def shown(text, piece, count=0):
    said = Said(passages(count), "How long?")
    events = [e for at in range(0, len(text), piece) for e in said.text(text[at : at + piece])]
    return [*events, *said.end_of_call()]


@pytest.mark.parametrize("unit", UNITS, ids=repr)
@pytest.mark.parametrize("piece", [PIECE, LENGTH * 2])
def test_no_repetition_costs_more_than_its_length(unit, piece):
    text = unit * (LENGTH // len(unit)) + "y"
    begun = time.process_time()
    shown(text, piece)
    assert time.process_time() - begun < 6


@pytest.mark.parametrize("unit", [" ", "`", "]:" + " " * 400], ids=repr)
def test_what_comes_character_by_character_is_not_held_for_long(unit):
    text = unit * (20_000 // len(unit)) + "y"
    begun = time.process_time()
    shown(text, 1)
    assert time.process_time() - begun < 6


def test_a_mark_after_many_blanks_is_one_wherever_it_is_cut():
    for piece in (1, 7, 301, 302, 303, PIECE):
        text = "".join(e.text for e in shown("Thirty." + " " * 294 + " [7] days", piece))
        assert "[" not in text


@pytest.mark.parametrize("unit", ["Leave [1]. ", "[1]", f"[{','.join('123' * 300)}]", "a. [1, 2] "])
def test_marks_are_looked_up_a_bounded_number_of_times(unit, monkeypatch):
    asked = []
    quote_from = citations.quote_from
    monkeypatch.setattr(citations, "quote_from", lambda *of: asked.append(of) or quote_from(*of))
    begun = time.process_time()
    shown(unit * (100_000 // len(unit)), PIECE, count=9)
    assert time.process_time() - begun < 6
    assert 0 < len(asked) <= citations.MOST_LOOKED_UP


def test_a_mark_stands_for_ten_passages_at_most():
    numbers = ", ".join(map(str, range(1, 31)))
    events = shown(f"Thirty days [{numbers}].", PIECE, count=30)
    assert sum(isinstance(e, CitationFound) for e in events) == citations.MOST_OF_A_MARK

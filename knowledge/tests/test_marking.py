"""Marked words: the pieces of a passage, and which of them a question asked for."""

from hypothesis import given
from hypothesis import strategies as st

from knowledge.marking import marked


def words(text, query):
    return [piece.text for piece in marked(text, query) if piece.is_marked]


def test_words_of_the_question_and_their_forms_are_marked():
    text = "Vacations: everybody has 25 vacation days a year, not a day more, since 2027."
    found = words(text, "How much VACATION a year has everybody in 2027?")
    assert found == ["Vacations", "everybody", "vacation", "year", "2027"]


def test_words_that_stand_everywhere_are_not_marked_but_short_names_are():
    assert words("The best of all: HR and A4", "what of the HR in A4") == ["HR", "A4"]


def test_short_beginnings_are_not_forms_of_longer_words():
    assert words("A category of cats", "CAT") == []
    assert words("The cat", "CAT") == ["cat"]


@given(st.text(), st.text())
def test_the_pieces_are_the_text(text, query):
    pieces = marked(text, query)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)

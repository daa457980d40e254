import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.search import embed_query, search
from knowledge.search.snippets import SNIPPET_CHARACTERS, cut_snippet, find_words
from knowledge.testing import read_document
from tenants.context import acting_for

TEXT = "Everybody has 25 days of vacation a year. Vacations that are left over expire in March."


def marked(content, spans):
    return [content[start:end] for start, end in spans]


def find(user, query, **options):
    with acting_for(user.organization_id):
        return search(user=user, query=query, vector=None, mode="text", **options)


def test_only_whole_words_are_marked():
    assert find_words("art, part, arts, Art", ["art"]) == ((0, 3),)
    assert find_words("well-known and well", ["well", "well-known"]) == ((0, 10), (15, 19))
    assert find_words("a.b (c)", ["a.b", "(c"]) == ((0, 3), (4, 6))
    assert find_words("nothing", []) == ()


def test_a_short_text_is_its_own_snippet():
    snippet = cut_snippet("Short and good.", ((0, 5),))
    assert (snippet.text, snippet.highlights) == ("Short and good.", ((0, 5),))


def test_a_snippet_shows_where_most_of_the_words_stand():
    content = "wing " + "nothing here " * 60 + "a wing in the flow of air " + "nothing more " * 60
    snippet = cut_snippet(content, find_words(content, ["wing", "flow"]))
    assert marked(snippet.text, snippet.highlights) == ["wing", "flow"]
    assert snippet.text in content
    assert len(snippet.text) <= SNIPPET_CHARACTERS
    assert snippet.text.split()[0] in ("nothing", "here")


words = st.sampled_from(["wing", "flow", "und", "ß", "é", "x" * 300, "  ", "\n", "."])


@given(st.lists(words, max_size=200).map(" ".join))
def test_a_snippet_is_a_piece_of_the_text_and_its_marks_are_those_of_the_words(content):
    highlights = find_words(content, ["wing", "flow", "é"])
    snippet = cut_snippet(content, highlights)
    assert snippet.text in content
    assert len(snippet.text) <= SNIPPET_CHARACTERS
    assert {*marked(snippet.text, snippet.highlights)} <= {"wing", "flow", "é"}
    assert bool(snippet.highlights) == bool(highlights)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("vacation", ["vacation", "Vacations"]),
        ("expired the days", ["days", "expire"]),
        ("<b>MARCH</b>", ["March"]),
        ("25", ["25"]),
    ],
)
def test_the_words_of_a_query_are_marked_in_any_form(people, query, found):
    read_document(TEXT, by=people["acme-owner"])
    [hit] = find(people["acme-owner"], query, marked=True)
    assert marked(hit.content, hit.highlights) == found
    assert marked(hit.snippet.text, hit.snippet.highlights) == found


def test_markup_in_a_text_stays_text(people):
    read_document("An <b>alert</b> & <script>alert(1)</script>", by=people["acme-owner"])
    [hit] = find(people["acme-owner"], "alert", marked=True)
    assert marked(hit.content, hit.highlights) == ["alert", "alert"]
    assert hit.snippet.text == hit.content


def test_what_is_found_by_its_meaning_alone_has_nothing_marked(people):
    read_document(TEXT, by=people["acme-owner"])
    with acting_for(people["acme-owner"].organization_id):
        vector = embed_query("holidays")
        [hit] = search(user=people["acme-owner"], query="holidays", vector=vector, marked=True)
    assert hit.highlights == ()
    assert hit.snippet.text == TEXT[: len(hit.snippet.text)]


def test_marks_are_made_only_for_who_asks(people):
    read_document(TEXT, by=people["acme-owner"])
    [hit] = find(people["acme-owner"], "vacation")
    assert (hit.highlights, hit.snippet) == ((), None)

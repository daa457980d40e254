"""Exact quotes or a plain no: over our own documents, with the real model and the real search."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from agents.evidence.encode import encode
from agents.evidence.questions import Question, suits
from agents.evidence.sentences import sentences_of
from agents.evidence.words import meanings_of, stem
from agents.providers.extraction import Quote, compose, extract
from knowledge.search import embed_query, search
from knowledge.testing import read_document
from tenants.context import acting_for

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "samples"
QUESTIONS = Path(__file__).parent / "answers"
PASSAGES = 10  # as many as a turn finds


@dataclass(frozen=True)
class Page:
    """A passage as search gives it, without the rest."""

    content: str
    heading: str = ""
    filename: str = "rules.md"
    page: int | None = None


RULES = Page(
    "## Vacation\n\nEvery employee has 25 days of paid vacation a year. They are agreed with the"
    " team lead. Up to 5 days may be carried into the next year.\n"
)
PARKING = Page(
    "Parking costs 40 euros a month.\nThe garage closes at\n22:00.", "Building > Garage", "a.pdf", 3
)


def ask(question: str, *passages: Page):
    return extract(question, passages, encode=encode, organization="Acme")


def test_a_quote_is_an_exact_substring_of_its_passage():
    found = ask("How many vacation days do I have?", PARKING, RULES)
    quote = found.quotes[0]
    assert quote.passage is RULES
    assert quote.text == RULES.content[quote.start : quote.end]
    assert "25 days of paid vacation" in quote.text


def test_a_line_break_inside_a_sentence_stays_in_the_quote():
    found = ask("When does the garage close?", PARKING, RULES)
    assert found.quotes[0].text == "The garage closes at\n22:00."


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "Is there a pet insurance?",
        "How many vacation days does Initech give?",
        "Welche Farbe hat der Himmel?",
        "?",
        "",
        "the of and",
    ],
)
def test_what_the_passages_do_not_say_is_declined(question):
    assert ask(question, RULES, PARKING).quotes == []


def test_nothing_is_quoted_from_no_passages_and_from_empty_ones():
    assert ask("How many vacation days do I have?").quotes == []
    assert ask("How many vacation days do I have?", Page("  \n")).quotes == []


def test_a_passage_of_nothing_but_a_heading_does_not_raise():
    assert ask("How many vacation days do I have?", Page("# Parking")).quotes == []


def test_the_same_question_gives_the_same_quotes():
    first, second = (ask("How much is parking?", RULES, PARKING) for _ in range(2))
    assert first == second


def test_the_model_is_asked_once():
    calls = []

    def counting(texts: Sequence[str]):
        calls.append(texts)
        return encode(texts)

    extract("How many vacation days do I have?", [RULES, PARKING], encode=counting)
    assert len(calls) == 1


def test_an_answer_numbers_its_quotes_and_says_where_they_stand():
    text, citations = compose(ask("How much does parking cost?", PARKING, RULES))
    assert [citation.number for citation in citations] == list(range(1, len(citations) + 1))
    assert citations[0].passage is PARKING
    assert citations[0].quote == "Parking costs 40 euros a month."
    assert "[1] a.pdf, page 3: “Parking costs 40 euros a month.”" in text
    assert "No language model was used." in text


def test_a_refusal_is_a_plain_sentence_without_citations():
    text, citations = compose(ask("What is the capital of France?", RULES))
    assert text.startswith("Nothing in the documents that you may read answers this question.")
    assert citations == []


def test_a_sentence_that_points_back_brings_what_it_points_to():
    passage = Page("The assembly point is the front lawn. It is reached through gate B.")
    quote = ask("Which gate leads to the lawn?", passage, RULES, PARKING).quotes[0]
    assert quote == Quote(passage, 0, len(passage.content), passage.content)


def test_encoding_gives_unit_vectors_and_the_places_of_tokens():
    short, long = encode(["Parking costs 40 euros.", "word " * 400])
    assert np.linalg.norm(short.vector) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(short.tokens, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert ["Parking costs 40 euros."[a:b] for a, b in short.spans][:3] == [
        "Parking",
        "costs",
        "40",
    ]
    assert len(long.tokens) == len(long.spans) == 254


def test_a_text_is_encoded_as_the_embedder_embeds_it():
    assert encode(["Parking costs 40 euros."])[0].vector == pytest.approx(
        embed_query("Parking costs 40 euros."), abs=1e-5
    )


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two!", ["One.", "Two!"]),
        ("Ask Dr. Rao, e.g. at 9 a.m. on Monday.", ["Ask Dr. Rao, e.g. at 9 a.m. on Monday."]),
        ("# Title\nText of it.", ["# Title", "Text of it."]),
        ("- one\n- two", ["- one", "- two"]),
        ("| a | b |\n| --- | --- |\n| c | 2 |", ["| a | b |", "| c | 2 |"]),
        ("Contents ........ 5\nA line.", ["A line."]),
        ("这是第一句。这是第二句。", ["这是第一句。", "这是第二句。"]),
    ],
)
def test_sentences(text, sentences):
    assert [sentence.text for sentence in sentences_of(text)] == sentences
    assert all(text[s.start : s.end] == s.text for s in sentences_of(text))


@pytest.mark.parametrize(
    ("question", "sentence", "fit"),
    [
        ("How much does it cost?", "It costs 9 euros.", 1),
        ("How much does it cost?", "It is blue.", -1),
        ("How many sheep are there?", "Sheep have declined since 1980.", -1),
        ("When is it open?", "From 9:00 to 17:00.", 1),
        ("Who decides?", "The regional manager decides.", 1),
        ("Who decides?", "It is decided later.", -1),
        ("Is it open?", "It is open.", 0),
        ("Wie viel kostet das?", "9 Euro.", 0),
    ],
)
def test_a_sentence_suits_a_question_that_asks_for_what_it_has(question, sentence, fit):
    assert suits(Question.of(question), sentence) == fit


def test_a_question_names_whose_facts_it_asks_for():
    asked = Question.of("How many days does Initech give?", known=frozenset({"acme"}))
    assert asked.owners == ("initech",)
    assert Question.of("Is Acme certified?", known=frozenset({"acme"})).owners == ()


def test_forms_of_a_word_and_words_of_one_meaning_compare_equal():
    assert stem("calibrated") == stem("calibration") == stem("calibrate")
    assert meanings_of("holidays") & {stem("vacation")}
    assert not meanings_of("parking") & {stem("vacation")}


def documents(organization: str) -> list[Path]:
    found = sorted((SAMPLES / "demo" / organization).glob("*.md"))
    return [*found, SAMPLES / "handbook.pdf"] if organization == "acme" else found


def answer_all(owner, organization: str, questions: list[dict]) -> tuple[float, float, str]:
    """The shares of right answers and of right refusals, and what went wrong."""
    for path in documents(organization):
        read_document(path.read_bytes(), by=owner, filename=path.name)
    right, refused, wrong = 0, 0, []
    for asked in questions:
        question = asked["question"]
        vector = embed_query(question)
        with acting_for(owner.organization_id):
            hits = search(user=owner, query=question, vector=vector, top_k=PASSAGES)
        quotes = extract(question, hits, encode=encode, organization=organization).quotes
        assert all(quote.text in quote.passage.content for quote in quotes)
        place = (quotes[0].passage.filename, quotes[0].passage.page) if quotes else (None, None)
        good = place == (asked["document"], asked.get("page"))
        right += good and bool(quotes)
        refused += good and not quotes
        if not good:
            wrong.append(f"{question} -> {quotes[0].text if quotes else 'declined'}")
    answerable = sum(bool(asked["document"]) for asked in questions)
    return right / answerable, refused / (len(questions) - answerable), "\n".join(wrong)


def questions_in(name: str) -> list[dict]:
    return json.loads((QUESTIONS / f"{name}.json").read_text())


@pytest.mark.django_db(transaction=True)
def test_of_30_questions_27_are_answered_with_the_right_page_and_of_30_others_27_declined(people):
    right, refused, wrong = answer_all(people["acme-owner"], "acme", questions_in("acceptance"))
    assert right >= 27 / 30, wrong
    assert refused >= 27 / 30, wrong


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("organization", ["acme", "globex"])
def test_most_questions_in_other_words_are_answered_or_declined(people, organization):
    """Harder than what people usually ask: few shared words, and most of the rest near the topic.
    The floors are a little below what was measured, so that a change for the worse shows."""
    owner = people[f"{organization}-owner"]
    right, refused, wrong = answer_all(owner, organization, questions_in(organization))
    assert right >= 0.78, wrong
    assert refused >= 0.85, wrong

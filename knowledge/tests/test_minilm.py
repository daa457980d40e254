import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from knowledge.embedding import normalized_mean
from knowledge.embedding.minilm import local_embedder

SAMPLES = Path(__file__).parent / "samples"

# A question, what answers it in other words, and what does not.
TRIPLES = [
    (
        "How many vacation days do I get?",
        "Every employee is entitled to twenty-five days of paid leave a year.",
        "The museum shows paintings of the nineteenth century.",
    ),
    (
        "What do I do when I am ill and cannot work?",
        "Report sickness and other absence to the team lead before nine in the morning.",
        "Invoices are paid within thirty days of delivery.",
    ),
    (
        "Is there money for a new laptop?",
        "The budget for computers is 1,500 euros a head.",
        "There is new snow on the mountain.",
    ),
]


@pytest.fixture(scope="module")
def embedder():
    return local_embedder()


def similarity(a, b):
    return float(a @ b)


def test_vectors_are_those_of_the_original_model(embedder):
    reference = json.loads((SAMPLES / "minilm_reference.json").read_text())
    expected = np.array(reference["vectors"])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    vectors = embedder.embed(reference["texts"])
    assert (vectors * expected).sum(axis=1).min() > 0.99


def test_a_text_becomes_a_unit_vector(embedder):
    vectors = embedder.embed(["one", "two words", ""])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_no_text_becomes_no_vector(embedder):
    assert embedder.embed([]).shape == (0, 384)


@pytest.mark.parametrize(("question", "answer", "other"), TRIPLES)
def test_what_answers_is_nearer_than_what_does_not(embedder, question, answer, other):
    asked, answering, unrelated = embedder.embed([question, answer, other])
    assert similarity(asked, answering) > similarity(asked, unrelated) + 0.1


def test_a_vector_does_not_depend_on_its_neighbours(embedder):
    texts = [text * repeat for triple in TRIPLES for text in triple for repeat in (1, 5)]
    together = embedder.embed(texts)
    for text, vector in zip(texts, together, strict=True):
        assert similarity(embedder.embed([text])[0], vector) >= 0.9999


def test_order_is_kept(embedder):
    texts = ["a much longer text " * 20, "short"] * 5
    vectors = embedder.embed(texts)
    assert similarity(vectors[0], vectors[8]) == pytest.approx(1)
    assert similarity(vectors[1], vectors[9]) == pytest.approx(1)
    assert similarity(vectors[0], vectors[1]) < 0.9


def test_what_goes_beyond_the_model_is_left_out(embedder):
    long = "vacation " * 254
    assert embedder.embed([long])[0] == pytest.approx(embedder.embed([long + "and more"])[0])
    assert embedder.embed(["x" * 5_000_000]).shape == (1, 384)


def test_threads_share_one_embedder_and_its_tokenizer(embedder):
    with ThreadPoolExecutor(4) as pool:
        embedders = list(pool.map(lambda _: local_embedder(), range(8)))
        vectors = list(pool.map(lambda _: embedder.embed(["the same text"])[0], range(8)))
    assert {id(each) for each in embedders} == {id(embedder)}
    assert np.ptp(vectors, axis=0).max() == 0


def test_the_tokenizer_counts_all_of_a_text(embedder):
    assert len(embedder.tokenizer.encode("word " * 1000).ids) == 1002
    assert embedder.tokenizer.encode("word").tokens == ["[CLS]", "word", "[SEP]"]


def test_a_question_is_embedded_as_a_passage_is(embedder):
    question = TRIPLES[0][0]
    assert np.array_equal(embedder.embed_query(question), embedder.embed([question])[0])


def test_tokens_are_shown_with_their_places_and_average_to_the_vector(embedder):
    [tokens] = embedder.tokens(["Parking costs money."])
    assert tokens.hidden.shape == (6, 384)
    assert tokens.spans[1:3] == [(0, 7), (8, 13)]
    assert np.array_equal(tokens.vector, embedder.embed(["Parking costs money."])[0])


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # from Python 3.12 on
def test_a_process_forked_after_loading_embeds(embedder):
    texts = [text for triple in TRIPLES for text in triple]
    expected = embedder.embed(texts)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # nothing of pytest may run in the child
        os.write(writing, b"same" if np.array_equal(embedder.embed(texts), expected) else b"not")
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 10) == b"same"
    os.waitpid(child, 0)
    os.close(reading)


def test_a_mean_is_a_unit_vector_between(embedder):
    vectors = embedder.embed([TRIPLES[0][0], TRIPLES[0][1]])
    mean = normalized_mean(vectors)
    assert mean.shape == (384,)
    assert mean.dtype == np.float32
    assert np.linalg.norm(mean) == pytest.approx(1, abs=1e-6)
    assert similarity(mean, vectors[0]) == pytest.approx(similarity(mean, vectors[1]), abs=1e-5)


@pytest.mark.parametrize("vectors", [np.empty((0, 3)), np.array([[1.0, 0.0], [-1.0, 0.0]])])
def test_nothing_has_no_mean(vectors):
    with pytest.raises(ValueError, match="vector"):
        normalized_mean(vectors.astype(np.float32))

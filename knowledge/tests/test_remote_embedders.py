"""Embedders that ask a service, against one that speaks its protocol on this machine."""

import logging

import numpy as np
import pytest

from common.tests.http_service import Answer, serving
from knowledge.embedding import EmbedderUnavailable
from knowledge.embedding.gemini import gemini_embedder
from knowledge.embedding.minilm import local_embedder
from knowledge.embedding.openai_compatible import openai_embedder
from knowledge.embedding.remote import ATTEMPTS, MAX_BYTES, checked
from knowledge.tests.embedding_services import (
    KEY,
    gemini_service,
    openai_service,
    refusal,
    vector_of,
)

AT_ONCE_PAUSE = {"retry-after-ms": "1"}  # of OpenAI's client; Gemini's is told otherwise


def open_openai(url, key=KEY):
    return openai_embedder("text-embedding-3-small", base_url=f"{url}/v1", key=key)


def open_gemini(url, key=KEY):
    return gemini_embedder("gemini-embedding-001", base_url=url, key=key, pause=0.001)


SERVICES = {"openai": (openai_service, open_openai), "gemini": (gemini_service, open_gemini)}


@pytest.fixture(params=SERVICES)
def kind(request):
    return request.param


@pytest.fixture
def service(kind):
    with serving(SERVICES[kind][0]()) as service:
        yield service


@pytest.fixture
def remote(kind, service):
    return SERVICES[kind][1](service.url)


@pytest.fixture(params=[*SERVICES, "local"])
def embedder(request):
    if request.param == "local":
        yield local_embedder()
        return
    make, open_it = SERVICES[request.param]
    with serving(make()) as service:
        yield open_it(service.url)


def expected(*texts):
    vectors = np.array([vector_of(text) for text in texts])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_every_embedder_gives_unit_vectors_in_order(embedder):
    texts = ["one", "two words", "", "three", "one"]
    vectors = embedder.embed(texts)
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    assert vectors[0] == pytest.approx(vectors[4], abs=1e-6)
    assert vectors[0] @ vectors[1] < 0.99
    assert embedder.embed(["three"])[0] == pytest.approx(vectors[3], abs=1e-6)
    assert embedder.embed_query("one").shape == (384,)
    assert embedder.embed([]).shape == (0, 384)


def test_every_embedder_counts_for_splitting_without_cutting_off(embedder):
    assert len(embedder.tokenizer.encode("word " * 1000).ids) == 1002
    assert embedder.capacity == 240
    assert len(embedder.name) <= 100


def test_a_service_is_asked_for_384_numbers_with_the_key(remote, service):
    assert remote.embed(["one", "two"]) == pytest.approx(expected("one", "two"), abs=1e-6)
    [asked] = service.asked
    assert "384" in str(asked.body)
    assert KEY in asked.headers.get("authorization", "") + asked.headers.get("x-goog-api-key", "")


def test_many_texts_are_asked_for_in_parts(remote, service):
    texts = [f"text {number}" for number in range(150)]
    assert remote.embed(texts) == pytest.approx(expected(*texts), abs=1e-6)
    assert 1 < len(service.asked) < 5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_is_busy_is_asked_again(remote, service, status):
    service.faults.extend([refusal(None, status, **AT_ONCE_PAUSE)] * 2)
    assert remote.embed(["one"]) == pytest.approx(expected("one"), abs=1e-6)
    assert len(service.asked) == 3


def test_a_service_that_stays_busy_is_given_up_for_now(remote, service):
    service.faults.extend([refusal(None, 503, **AT_ONCE_PAUSE)] * 50)
    with pytest.raises(EmbedderUnavailable, match="busy or out of order") as raised:
        remote.embed(["one"])
    assert raised.value.may_pass
    assert len(service.asked) == ATTEMPTS["passage"]


def test_whoever_asks_a_question_does_not_wait_for_many_attempts(remote, service):
    service.faults.extend([refusal(None, 503, **AT_ONCE_PAUSE)] * 50)
    with pytest.raises(EmbedderUnavailable, match="busy or out of order"):
        remote.embed_query("one")
    assert len(service.asked) == ATTEMPTS["query"]


def test_a_wrong_key_is_refused_once_and_never_told(kind, service, caplog):
    wrong = "sk-wrong-and-secret"
    remote = SERVICES[kind][1](service.url, key=wrong)
    with caplog.at_level(logging.DEBUG), pytest.raises(EmbedderUnavailable) as raised:
        remote.embed_query("one")
    assert "EMBEDDING_API_KEY" in str(raised.value)
    assert not raised.value.may_pass
    assert raised.value.__suppress_context__  # a traceback would print what the service said
    assert wrong not in str(raised.value) + caplog.text
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 422])
def test_other_refusals_say_what_to_look_at(remote, service, status):
    service.faults.extend([refusal(None, status)] * 2)
    with pytest.raises(EmbedderUnavailable, match=f"status {status}") as raised:
        remote.embed(["one"])
    assert not raised.value.may_pass


def test_a_service_that_is_not_there_may_be_later(kind):
    with serving(lambda asked: Answer()) as service:
        url = service.url
    with pytest.raises(EmbedderUnavailable, match="does not answer") as raised:
        SERVICES[kind][1](url).embed_query("one")
    assert raised.value.may_pass


@pytest.mark.parametrize("kind", SERVICES)
def test_a_model_of_another_length_is_refused(kind):
    make, open_it = SERVICES[kind]
    with (
        serving(make(sizes=(1536,))) as service,
        pytest.raises(EmbedderUnavailable, match="vectors of 1536 numbers"),
    ):
        open_it(service.url).embed_query("one")


def test_a_server_that_takes_no_length_is_right_if_it_gives_384():
    with serving(openai_service(takes_dimensions=False)) as service:
        vectors = open_openai(service.url).embed(["one"])
    assert vectors == pytest.approx(expected("one"), abs=1e-6)


@pytest.mark.parametrize("body", ["", "no JSON", {}, {"data": []}, {"embeddings": []}, [1]])
def test_an_answer_that_is_none_is_not_taken(remote, service, body):
    service.respond = lambda asked: Answer(body)
    with pytest.raises(EmbedderUnavailable):
        remote.embed(["one"])


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        [[1.0] * 384],
        [[1.0] * 384, [1.0] * 383],
        [[1.0] * 384, [0.0] * 384],
        [[1.0] * 384, [float("nan")] * 384],
        [[1.0] * 384, [float("inf")] * 384],
        [["a"] * 384] * 2,
        [[1.0] * 768] * 2,
    ],
)
def test_vectors_of_a_wrong_shape_or_without_direction_are_not_taken(answer):
    assert checked([[2.0] * 384] * 2, 2, "x").shape == (2, 384)
    with pytest.raises(EmbedderUnavailable):
        checked(answer, 2, "x")


def test_of_a_long_text_only_the_beginning_is_sent(remote, service):
    text = "é" * 3000
    assert remote.embed([text]) == pytest.approx(expected("é" * (MAX_BYTES // 2)), abs=1e-6)


def test_gemini_is_told_what_is_a_question_and_what_a_passage():
    with serving(gemini_service()) as service:
        remote = open_gemini(service.url)
        remote.embed(["passage"])
        remote.embed_query("question")
    tasks = [asked.body["requests"][0]["taskType"] for asked in service.asked]
    assert tasks == ["RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"]

"""The lexical index: what BM25 makes of it, and who may write it at the same time."""

import math
import threading
from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge import baker_recipes as recipes
from knowledge import postings
from knowledge.models import Document, DocumentChunk, Posting, PostingBlock
from knowledge.postings import forget_documents, index_document, remove_postings
from knowledge.search import SearchFilters, search
from knowledge.testing import read_document
from tenants.context import acting_for

VOCABULARY = ["wing", "flow", "drag", "lift", "gust", "heat"]  # their own stems
passages = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join)
corpora = st.lists(st.lists(passages, min_size=1, max_size=3), min_size=1, max_size=6)


@pytest.fixture
def owner(people):
    return people["acme-owner"]


def make_document(contents, **fields):
    """A document that can be found by its words, as the pipeline would leave it."""
    document = recipes.document.make(
        processing_status="completed",
        is_processed=True,
        chunk_count=len(contents),
        embedding=[0.05] * 384,
        **fields,
    )
    for position, content in enumerate(contents):
        recipes.chunk.make(document=document, position=position, content=content)
    index_document(document)
    document.save(update_fields=["place", "lexeme_count"])
    return document


def found(user, query, **options):
    hits = search(user=user, query=query, vector=None, mode="text", top_k=100, **options)
    return [((hit.document_id, hit.position), hit.score) for hit in hits]


def bm25(corpus, query):
    """Okapi BM25 as its authors write it, over passages by key: scores by key."""
    words = {key: text.split() for key, text in corpus.items()}
    mean = sum(map(len, words.values())) / len(words)
    scores: Counter = Counter()
    for word in set(query.split()):
        holding = [key for key in words if word in words[key]]
        rarity = math.log(1 + (len(words) - len(holding) + 0.5) / (len(holding) + 0.5))
        for key in holding:
            frequency, norm = words[key].count(word), 1.2 * (0.25 + 0.75 * len(words[key]) / mean)
            scores[key] += rarity * frequency * 2.2 / (frequency + norm)
    return scores


def entries():
    return {
        (posting.lexeme, posting.block_id << 16 | entry >> 44, entry >> 20 & 0xFFFFFF)
        for posting in Posting.objects.all()
        for entry in posting.entries
    }


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(corpora, passages)
def test_the_ranking_is_bm25_over_what_is_visible(acme, owner, corpus, query):
    with acting_for(acme):
        made = [make_document(contents) for contents in corpus]
        try:
            for visible in (made, made[: len(made) // 2 + 1]):
                texts = {
                    (document.pk, position): content
                    for document, contents in zip(made, corpus, strict=True)
                    if document in visible
                    for position, content in enumerate(contents)
                }
                filters = SearchFilters(document=[document.pk for document in visible])
                hits = found(owner, query, filters=filters)
                expected = bm25(texts, query)
                assert dict(hits) == pytest.approx(expected, rel=1e-5)
                scores = [score for _, score in hits]
                assert scores == sorted(scores, reverse=True)
        finally:
            forget_documents([document.pk for document in made])
            assert not Posting.objects.exists()
            DocumentChunk.all_objects.all()._raw_delete("default")
            Document.all_objects.all()._raw_delete("default")


def test_documents_share_a_block_until_it_is_full(acme, monkeypatch):
    monkeypatch.setattr(postings, "BLOCK_CHUNKS", 3)
    with acting_for(acme):
        made = [make_document(["wing flow", "wing"]) for _ in range(4)]
        assert [document.place & 0xFFFF for document in made] == [0, 1, 0, 1]
        assert (
            list(PostingBlock.objects.values_list("document_count", "chunk_count")) == [(2, 4)] * 2
        )
        assert Posting.objects.filter(lexeme="wing").count() == 2


def test_a_document_leaves_and_the_others_stay(acme):
    with acting_for(acme):
        gone, kept = make_document(["wing drag"]), make_document(["wing flow", "lift"])
        remove_postings(acme.pk, [gone, Document(place=None)])
        assert entries() == {
            ("wing", kept.place, 0),
            ("flow", kept.place, 0),
            ("lift", kept.place, 1),
        }
        assert PostingBlock.objects.get().chunk_count == 2
        assert make_document(["gust"]).place not in {gone.place, kept.place}
        forget_documents(Document.objects.values_list("pk", flat=True))
        assert not PostingBlock.objects.exists()


def test_removing_reads_the_postings_of_its_own_words_alone(acme):
    with acting_for(acme):
        gone, kept = make_document(["wing drag"]), make_document(["wing flow", "lift gust"])
        with CaptureQueriesContext(connection) as queries:
            remove_postings(acme.pk, [gone])
    assert len([q for q in queries if "knowledge_posting " in q["sql"]]) == 1
    with acting_for(acme):
        assert {place for _, place, _ in entries()} == {kept.place}


def test_words_that_the_passages_have_no_more_leave_too(acme):
    with acting_for(acme):
        gone, kept = make_document(["wing drag", "gust"]), make_document(["wing flow", "drag"])
        DocumentChunk.objects.filter(document=gone, position=0).update(content="lift")
        remove_postings(acme.pk, [gone])
        assert {place for _, place, _ in entries()} == {kept.place}
        assert PostingBlock.objects.get().chunk_count == 2


def test_nothing_of_another_organization_is_removed(acme, globex):
    with acting_for(acme):
        ours = make_document(["wing"])
    with acting_for(globex):
        remove_postings(acme.pk, [ours])
        forget_documents([ours.pk])
    with acting_for(acme):
        assert entries() == {("wing", ours.place, 0)}


def test_a_document_read_again_has_its_new_words_alone(acme, owner, monkeypatch):
    from knowledge.passages import _remove_passages

    with acting_for(acme):
        document, kept = make_document(["wing drag"]), make_document(["wing"])
        place = document.place
        _remove_passages(document)
        recipes.chunk.make(document=document, position=0, content="gust")
        index_document(document)
        assert document.place != place
        assert entries() == {("gust", document.place, 0), ("wing", kept.place, 0)}


def test_more_equals_than_the_pool_holds_come_in_the_order_of_their_ids(acme, owner, monkeypatch):
    monkeypatch.setattr("knowledge.search.fusion.POOL", 3)
    with acting_for(acme):
        for _ in range(6):
            make_document(["wing", "wing"])
        hits = search(user=owner, query="wing", vector=None, mode="text", top_k=3)
        first = list(DocumentChunk.objects.order_by("pk").values_list("pk", flat=True)[:3])
        assert [hit.chunk_id for hit in hits] == first


@pytest.mark.django_db(transaction=True)
def test_two_uploads_of_an_organization_do_not_wait_for_each_other(acme, owner):
    """Each holds its block while the other writes the same words to another."""
    both = threading.Barrier(2, timeout=30)
    places, failures = [], []

    def upload():
        try:
            with acting_for(acme.pk):
                document = make_document(["wing flow drag"])
                both.wait()  # neither has committed yet
                places.append(document.place)
        except Exception as error:  # noqa: BLE001 (the assertion below shows it)
            failures.append(error)
            both.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len({place >> 16 for place in places}) == 2
    with acting_for(acme):
        assert {place for _, place, _ in entries()} == set(places)
        third = make_document(["wing"])
        assert third.place >> 16 in {place >> 16 for place in places}


@pytest.mark.django_db(transaction=True)
def test_documents_that_leave_at_the_same_time_do_not_deadlock(acme, owner, monkeypatch):
    monkeypatch.setattr(postings, "BLOCK_CHUNKS", 1)
    with acting_for(acme):
        made = [make_document(["wing flow", "drag"]) for _ in range(6)]
        [kept] = [make_document(["wing"])]
    failures = []
    start = threading.Barrier(2, timeout=30)

    def leave(documents):
        try:
            start.wait()
            with acting_for(acme.pk):
                forget_documents([document.pk for document in documents])
        except Exception as error:  # noqa: BLE001 (the assertion below shows it)
            failures.append(error)
        finally:
            connection.close()

    groups = made[::2], list(reversed(made[1::2]))
    threads = [threading.Thread(target=leave, args=(group,)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with acting_for(acme):
        assert entries() == {("wing", kept.place, 0)}


def test_a_real_document_has_the_entries_of_its_passages(acme, owner):
    document = read_document("# Wings\n\nFlow and drag.\n\n# Gusts\n\nLift, lift.", by=owner)
    with acting_for(acme):
        assert {place for _, place, _ in entries()} == {document.place}
        assert {(word, position) for word, _, position in entries()} >= {("drag", 0), ("lift", 1)}

"""The nearest passages of large organizations: which way they are found, and that they are these.

The organization here is small, and stands for a large one: what an index costs is set so low that
it pays all the same, and the planner is told that reading and sorting all is no choice.
"""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from knowledge import indexing
from knowledge.models import ChunkEmbedding, Document, DocumentChunk
from knowledge.search import SearchFilters, nearest, search
from knowledge.tests.vectors import fill
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.services import add_member, create_project
from tenants.testing import as_owner
from tenants.tests.sql import run

pytestmark = pytest.mark.django_db(transaction=True)

DOCUMENTS, EACH = 60, 20
AS_IF_LARGE = "; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"


@pytest.fixture(autouse=True)
def planned_as_if_large(monkeypatch):
    monkeypatch.setattr(nearest, "SETTINGS", nearest.SETTINGS + AS_IF_LARGE)


@pytest.fixture
def large(acme, monkeypatch):
    """Acme with documents of two projects, and an index: `filled` by the name of the project."""
    monkeypatch.setattr(nearest, "COST_OF_INDEX", 2)
    with acting_for(acme):
        projects = {
            name: create_project(organization_id=acme.pk, name=name) for name in ("most", "few")
        }
    filled = {
        "most": fill(acme, documents=DOCUMENTS, each=EACH, project=projects["most"]),
        "few": fill(acme, documents=6, each=EACH, seed=2, project=projects["few"]),
    }
    build_index()
    yield projects, filled
    for (name,) in run(
        "SELECT relname FROM pg_class WHERE relkind = 'i' AND relname LIKE 'knowledge_nearest_%'"
    ):
        run(f"DROP INDEX {name}")


def build_index():
    with as_owner(), indexing.alone():
        for step in indexing.plan(at_least=1_000):
            indexing.carry_out(step)


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def member(people, large):
    """Somebody who sees the documents of the project with few."""
    projects, _ = large
    with acting_for(people["acme-member"].organization_id):
        add_member(project=projects["few"], user=people["acme-member"])
    return people["acme-member"]


def find(user, vector, **options):
    with acting_for(user.organization_id):
        return search(user=user, query="", vector=vector, mode="vector", **options)


def found(user, vector, **options):
    return [hit.chunk_id for hit in find(user, vector, **options)]


def way(user, vector, **options):
    """The names of the indexes that are scanned for the vectors."""
    with acting_for(user.organization_id):
        with CaptureQueriesContext(connection) as queries:
            search(user=user, query="", vector=vector, mode="vector", **options)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {queries[-1]['sql']}")
            plan = [line for (line,) in cursor.fetchall()]
    scans = [line for line in plan if "Scan" in line and "never executed" not in line]
    assert not [line for line in scans if "Seq Scan" in line], plan
    names = [line.split(" using ")[1].split(" on ")[0] for line in scans if " using " in line]
    return [
        "index" if name.startswith(nearest.INDEX_PREFIX) else "documents"
        for name in names
        if name.startswith((nearest.INDEX_PREFIX, "knowledge_embedding_document"))
    ]


def test_who_sees_most_is_answered_by_the_index_under_row_security(owner, large):
    _, filled = large
    assert way(owner, filled["most"].vectors[0]) == ["index"]


def test_it_is_used_however_often_one_asks(owner, large):
    """A plan made for any organization alike could not use it; none is prepared."""
    _, filled = large
    for number in range(12):
        assert way(owner, filled["most"].vectors[number]) == ["index"]


def test_who_sees_few_is_answered_from_these_documents(member, large):
    _, filled = large
    assert way(member, filled["few"].vectors[0]) == ["documents"]


def test_a_filter_that_leaves_few_is_answered_from_these_documents(owner, large):
    _, filled = large
    vector = filled["most"].vectors[0]
    filters = SearchFilters(document=filled["most"].documents[:2])
    assert way(owner, vector, filters=filters) == ["documents"]
    assert set(found(owner, vector, filters=filters, top_k=100)) == set(
        filled["most"].chunks[: 2 * EACH]
    )


def test_without_an_index_all_are_compared(people, globex):
    filled = fill(globex, documents=10, each=20)
    assert "index" not in way(people["globex-owner"], filled.vectors[0])
    assert found(people["globex-owner"], filled.vectors[7]) == filled.nearest(filled.vectors[7])


def test_the_index_misses_hardly_one(owner, large):
    _, filled = large
    shares = []
    for vector in filled["most"].vectors[::40]:
        best = {*filled["most"].nearest(vector), *filled["few"].nearest(vector)}
        exact = set(without_index(owner, vector))
        assert exact <= best
        shares.append(len(exact & set(found(owner, vector))) / 10)
    assert np.mean(shares) >= 0.99


def without_index(user, vector, **options):
    cost, nearest.COST_OF_INDEX = nearest.COST_OF_INDEX, 1e18
    try:
        assert "index" not in way(user, vector, **options)
        return found(user, vector, **options)
    finally:
        nearest.COST_OF_INDEX = cost


def test_what_a_user_may_not_see_is_left_out_before_the_best_are_taken(member, large):
    _, filled = large
    few = filled["few"]
    for vector in filled["most"].vectors[::100]:
        assert set(found(member, vector)) == set(few.nearest(vector))


def test_the_index_is_used_and_what_may_not_be_seen_is_still_left_out(people, large):
    projects, filled = large
    member = people["acme-member"]
    with acting_for(member.organization_id):
        add_member(project=projects["most"], user=member)
    for vector in filled["few"].vectors[::30]:
        assert way(member, vector) == ["index"]
        assert set(found(member, vector)) == set(filled["most"].nearest(vector))


def test_deleted_hidden_and_waiting_documents_are_not_found_by_the_index(owner, large):
    _, filled = large
    vector = filled["most"].vectors[0]
    with acting_for(owner.organization_id):
        for change in ("delete", "hide", "wait"):
            document = Document.objects.get(pk=find(owner, vector)[0].document_id)
            if change == "delete":
                delete(document)
            elif change == "hide":
                Document.objects.filter(pk=document.pk).update(is_searchable=False)
            else:
                Document.objects.filter(pk=document.pk).update(
                    processing_status="pending", is_processed=False
                )
            assert document.pk not in {hit.document_id for hit in find(owner, vector, top_k=100)}
    assert way(owner, vector) == ["index"]


def test_what_the_index_does_not_give_is_found_exactly(owner, large, monkeypatch):
    """It gives up after so many vectors that may not be seen."""
    _, filled = large
    monkeypatch.setattr(nearest, "COST_OF_INDEX", 0)
    monkeypatch.setattr(
        nearest,
        "SETTINGS",
        "SET LOCAL hnsw.ef_search = 1; SET LOCAL hnsw.iterative_scan = off" + AS_IF_LARGE,
    )
    vector = filled["most"].vectors[0]
    assert way(owner, vector)[0] == "index"
    answer = found(owner, vector, top_k=100)
    assert len(answer) == 100
    assert answer == without_index(owner, vector, top_k=100)


def test_more_can_be_asked_for_than_the_index_looks_at_first(owner, large, monkeypatch):
    _, filled = large
    monkeypatch.setattr("knowledge.search.fusion.POOL", 500)
    vector = filled["most"].vectors[0]
    assert way(owner, vector, top_k=500) == ["index"]
    assert len(set(found(owner, vector, top_k=500))) == 500


def test_equals_come_in_the_order_of_their_ids_from_the_index_too(owner, large):
    with acting_for(owner.organization_id):
        same = ChunkEmbedding.objects.order_by("pk")[:30]
        vector = same[0].embedding
        ChunkEmbedding.objects.filter(pk__in=[row.pk for row in same]).update(embedding=vector)
    vector = np.array(vector, dtype=np.float32)
    for way_found in (found(owner, vector, top_k=30), without_index(owner, vector, top_k=30)):
        assert way_found == sorted(row.pk for row in same)


def test_an_answer_is_the_same_each_time(owner, large):
    _, filled = large
    for vector in filled["most"].vectors[::200]:
        assert find(owner, vector) == find(owner, vector)


def test_vectors_of_another_model_are_not_looked_at(owner, large):
    _, filled = large
    with acting_for(owner.organization_id):
        ChunkEmbedding.objects.update(embedding_model="another")
    assert found(owner, filled["most"].vectors[0]) == []


def test_another_organization_is_not_answered_from_the_index(people, large, globex):
    _, filled = large
    assert found(people["globex-owner"], filled["most"].vectors[0]) == []
    own = fill(globex, documents=2, each=5, seed=3)
    assert set(found(people["globex-owner"], filled["most"].vectors[0])) == set(own.chunks)
    with acting_for(globex):
        assert DocumentChunk.objects.count() == 10

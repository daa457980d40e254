"""Documents like another one: of the same model, within what the caller may see, never itself."""

from uuid import uuid4

import numpy as np
import pytest

from knowledge import baker_recipes as recipes
from knowledge.models import Document
from knowledge.testing import read_document
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.services import create_project


def vector(*parts):
    """A unit vector of 384 dimensions whose first are given."""
    whole = np.zeros(384)
    whole[: len(parts)] = parts
    return whole / np.linalg.norm(whole)


def make(organization, *parts, filename, **fields):
    values = {
        "embedding": vector(*parts),
        "embedding_model": "one",
        "is_processed": True,
        "chunk_count": 1,
        "processing_status": "completed",
    }
    with acting_for(organization):
        return recipes.document.make(filename=filename, **values | fields)


def path(document):
    return f"/api/v1/documents/{document.pk}/similar/"


def names(answer):
    assert answer.status_code == 200, answer.json()
    return [found["filename"] for found in answer.json()["results"]]


@pytest.fixture
def member(people):
    return api_as(people["acme-member"])


def test_the_most_alike_come_first_and_the_document_itself_never(member, acme):
    document = make(acme, 1, filename="self")
    make(acme, 0, 1, filename="apart")
    near = make(acme, 3, 1, filename="near")
    make(acme, -1, filename="opposite")
    answer = member.get(path(document))
    assert names(answer) == ["near", "apart", "opposite"]
    assert answer.json()["detail"] == ""
    first = answer.json()["results"][0]
    assert (first["document"], first["file_type"], first["project"]) == (str(near.pk), "txt", None)
    assert first["score"] == pytest.approx(3 / np.sqrt(10), abs=1e-6)
    assert names(member.get(path(document), {"top_k": 1})) == ["near"]


def test_ties_are_broken_alike_each_time(member, acme):
    document = make(acme, 1, filename="self")
    same = [make(acme, 1, 1, filename=f"same-{number}") for number in range(5)]
    expected = [twin.filename for twin in sorted(same, key=lambda twin: twin.pk)]
    for _ in range(3):
        assert names(member.get(path(document))) == expected


def test_only_what_the_caller_sees_and_what_can_be_found_is_compared(member, people, acme, globex):
    document = make(acme, 1, filename="self")
    with acting_for(acme):
        closed = create_project(organization_id=acme.pk, name="Closed")
    make(acme, 1, filename="closed", project=closed)
    make(acme, 1, filename="restricted", is_restricted=True)
    make(acme, 1, filename="unsearchable", is_searchable=False)
    make(acme, 1, filename="of another model", embedding_model="two")
    make(globex, 1, filename="foreign")
    gone = make(acme, 1, filename="deleted")
    with acting_for(acme):
        delete(gone)
    make(acme, 1, filename="open")
    assert names(member.get(path(document))) == ["open"]
    seen = names(api_as(people["acme-owner"]).get(path(document)))
    assert set(seen) == {"open", "closed", "restricted"}


def test_a_document_that_is_not_read_yet_says_so(member, acme):
    with acting_for(acme):
        document = recipes.document.make()
    make(acme, 1, filename="other")
    answer = member.get(path(document))
    assert names(answer) == []
    assert answer.json()["detail"].startswith("The document is pending")


def test_who_cannot_see_a_document_learns_nothing_of_what_is_like_it(member, acme, globex):
    foreign = make(globex, 1, filename="foreign")
    with acting_for(acme):
        closed = create_project(organization_id=acme.pk, name="Closed")
    hidden = make(acme, 1, filename="hidden", project=closed)
    answers = [member.get(path(document)) for document in (foreign, hidden)]
    answers.append(member.get(f"/api/v1/documents/{uuid4()}/similar/", {"top_k": "x"}))
    assert all(problem(answer, 404) == problem(answers[0], 404) for answer in answers)


@pytest.mark.parametrize("top_k", ["0", "101", "x", "1.5"])
def test_how_many_are_asked_for_is_checked(member, acme, top_k):
    assert fields_at_fault(member.get(path(make(acme, 1, filename="a")), {"top_k": top_k})) == {
        "top_k"
    }


def test_it_is_one_query_however_many_there_are(member, acme, django_assert_max_num_queries):
    document = make(acme, 1, filename="self")
    for number in range(20):
        make(acme, 1, number, filename=f"{number}")
    with django_assert_max_num_queries(12) as seen:
        assert len(names(member.get(path(document), {"top_k": 100}))) == 20
    compared = [q["sql"] for q in seen.captured_queries if "<#>" in q["sql"]]
    assert len(compared) == 1
    assert '"content"' not in "".join(q["sql"] for q in seen.captured_queries)


def test_texts_about_the_same_are_alike(people, acme):
    owner = people["acme-owner"]
    leave = read_document("Everybody has 25 days of vacation a year.", by=owner, filename="a.txt")
    read_document("Employees may take five weeks of holiday leave.", by=owner, filename="b.txt")
    read_document("The pump needs oil of grade 40 each month.", by=owner, filename="c.txt")
    assert names(api_as(owner).get(path(leave))) == ["b.txt", "c.txt"]
    with acting_for(acme):
        assert Document.objects.get(pk=leave.pk).embedding is not None

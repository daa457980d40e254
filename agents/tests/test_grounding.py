"""What a turn may draw on: passages of documents that the asking user may read, quoted exactly."""

import pytest

from agents.providers import FAMILIES, Family
from agents.providers.protocol import CitationFound, Finished, TextDelta
from agents.services import post_message, start_conversation
from agents.testing import answer, kept_events, make_agent, make_project
from knowledge.models import DocumentChunk
from knowledge.testing import read_document
from tenants.context import acting_for
from tenants.services import add_member

pytestmark = pytest.mark.django_db(transaction=True)

VACATION = """# Vacation

Every employee has thirty days of vacation a year.

## Carrying over

Up to five vacation days may be carried into the next year. They lapse on 31 March.
"""
QUESTION = "How many vacation days may I carry into the next year?"


@pytest.fixture
def quoting(monkeypatch):
    """A model `quoting` that quotes the beginning of every passage it is given."""

    async def quote_all(request):
        for number, passage in enumerate(request.passages, start=1):
            yield CitationFound(number, passage, passage.content[:20])
        yield TextDelta(f"There are {len(request.passages)} passages.")
        yield Finished("stop")

    monkeypatch.setitem(FAMILIES, "quoting", Family(("quoting",), provider=quote_all))


def upload(by, project=None, text=VACATION):
    return read_document(text, by=by, project=project, filename="vacation.md")


def project_of(*people, name="Rocket"):
    with acting_for(people[0].organization_id):
        project = make_project(people[0], name)
        for person in people[1:]:
            add_member(project=project, user=person)
    return project


def answered(by, project, question=QUESTION, model_name="quoting"):
    """The reply to a question that somebody asks in a project."""
    with acting_for(by.organization_id):
        agent = make_agent(by=by, model_name=model_name)
        conversation = start_conversation(agent=agent, project=project, by=by)
        reply = post_message(conversation=conversation, content=question, by=by)
    return answer(reply)


def cited(reply):
    return {citation["document"] for citation in reply.citations}


def test_a_turn_draws_on_what_everybody_and_the_project_may_read(people, quoting):
    member, owner = people["acme-member"], people["acme-owner"]
    here, elsewhere = project_of(member), project_of(owner, name="Secret")
    shared, own, other = upload(owner), upload(owner, here), upload(owner, elsewhere)
    foreign = upload(people["globex-owner"])
    found = cited(answered(member, here))
    assert found == {str(shared.pk), str(own.pk)}
    # The others are there, and found by those who may read them.
    assert str(other.pk) in cited(answered(owner, elsewhere))
    globex_owner = people["globex-owner"]
    assert cited(answered(globex_owner, project_of(globex_owner))) == {str(foreign.pk)}


def test_another_projects_documents_stay_out_even_for_who_may_read_them(people, quoting):
    owner = people["acme-owner"]
    here, elsewhere = project_of(owner), project_of(owner, name="Secret")
    own = upload(owner, here)
    upload(owner, elsewhere)
    assert cited(answered(owner, here)) == {str(own.pk)}


def test_a_citation_names_the_place_of_its_quote(people, quoting):
    member = people["acme-member"]
    document = upload(people["acme-owner"])
    reply = answered(member, project_of(member))
    assert reply.citations
    assert [data for _, kind, data in kept_events(reply) if kind == "citation"] == reply.citations
    for number, citation in enumerate(reply.citations, start=1):
        assert (citation["number"], citation["filename"]) == (number, "vacation.md")
        assert citation["page"] is None  # Markdown has no pages
        with acting_for(member.organization_id):
            chunk = DocumentChunk.objects.select_related("document").get(pk=citation["chunk"])
        assert chunk.document_id == document.pk
        assert citation["quote"] in chunk.content
        assert chunk.content in chunk.document.content


# Without a language model


def test_a_question_is_answered_by_an_exact_quote(people):
    member = people["acme-member"]
    document = upload(people["acme-owner"])
    reply = answered(member, project_of(member), model_name="extractive")
    assert (reply.status, reply.finish_reason, reply.tokens_used) == ("completed", "stop", 0)
    citation = reply.citations[0]
    assert (citation["number"], citation["document"]) == (1, str(document.pk))
    assert "Up to five vacation days may be carried into the next year" in citation["quote"]
    assert citation["quote"] in VACATION
    assert f"[1] vacation.md: “{citation['quote']}”" in reply.content
    assert "No language model was used" in reply.content
    events = kept_events(reply)
    kinds = [kind for _, kind, _ in events]
    assert kinds[0] == "message.started"
    assert set(kinds[1:-3]) == {"citation"}
    assert kinds[-3:] == ["text.delta", "usage", "message.completed"]
    assert set(events[-2][2].values()) == {0}


@pytest.mark.parametrize("question", ["Who painted the Sistine Chapel?", "How?", "?"])
def test_a_question_that_nothing_answers_is_declined(people, question):
    member = people["acme-member"]
    upload(people["acme-owner"])
    reply = answered(member, project_of(member), question, model_name="extractive")
    assert (reply.status, reply.finish_reason, reply.tokens_used) == ("completed", "no_answer", 0)
    assert reply.citations == []
    assert reply.content.startswith("Nothing in the documents that you may read answers this")
    assert "No language model was used" in reply.content


def test_what_the_asking_user_may_not_read_is_declined(people):
    """The document is there: who may read it gets the quote."""
    member, owner = people["acme-member"], people["acme-owner"]
    secret = project_of(owner, name="Secret")
    upload(owner, secret)
    declined = answered(member, project_of(member), model_name="extractive")
    assert (declined.finish_reason, declined.citations) == ("no_answer", [])
    assert answered(owner, secret, model_name="extractive").finish_reason == "stop"

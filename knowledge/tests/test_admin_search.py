"""The page "Try a search": what it shows, with whose eyes, and to whom it does not open."""

import pytest
from django.db import connection
from django.urls import reverse

from knowledge.admin import search as page
from knowledge.testing import read_document
from tenants.admin.testing import signed_in
from tenants.context import acting_for
from tenants.models import Permission, Role, User, UserRole
from tenants.permissions import Permissions
from tenants.services import add_member, create_project, set_permissions, set_roles
from tenants.staff_access import begin

URL = "/admin/knowledge/document/search/"
TEXT = "# Leave\n\nEverybody has 25 days of vacation a year.\n"
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


@pytest.fixture
def vacation(people):
    return read_document(TEXT, by=people["acme-manager"], filename="leave.md", metadata={"y": 1})


def let_in(organization, username):
    with acting_for(organization):
        User.objects.filter(username=username).update(is_staff=True)


def ask(username="acme-owner", client=None, **asked):
    client = client or signed_in(username)
    answer = client.get(URL, {"query": "how many vacation days"} | asked)
    assert answer.status_code == 200
    return answer


def names(answer):
    return [shown.hit.filename for shown in answer.context["hits"]]


def test_the_page_is_found_in_the_menu_and_asks_for_a_question(acme):
    client = signed_in("acme-owner")
    assert URL in client.get(reverse("admin:index")).content.decode()
    shown = client.get(URL)
    assert b'name="query"' in shown.content
    assert "hits" not in shown.context
    assert 'value="null"' not in shown.content.decode()
    labelled = shown.content.decode()
    for name in shown.context["form"].fields:
        assert f'for="id_{name}"' in labelled


def test_a_passage_is_shown_with_its_ranks_its_words_and_why(acme, vacation):
    answer = ask()
    (shown,) = answer.context["hits"]
    assert (shown.hit.lexical_place, shown.hit.vector_place) == (1, 1)
    assert shown.reasons == ["role: Owner"]
    text = answer.content.decode()
    for said in ("leave.md", ">vacation</mark>", "BM25", "cosine", "role: Owner", "in "):
        assert said in text
    assert reverse("admin:knowledge_document_change", args=[vacation.pk]) in text
    assert "no-store" in answer["Cache-Control"]
    assert "unsafe-eval" in answer["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("mode", "places"), [("text", (1, None)), ("vector", (None, 1)), ("hybrid", (1, 1))]
)
def test_each_way_of_ranking_shows_its_own_places(vacation, mode, places):
    (shown,) = ask(mode=mode).context["hits"]
    assert (shown.hit.lexical_place, shown.hit.vector_place) == places


@pytest.mark.parametrize(
    ("asked", "hits"),
    [
        ({"metadata": '{"y": 1}'}, 1),
        ({"metadata": '{"y": 2}'}, 0),
        ({"file_type": "pdf, .md"}, 1),
        ({"file_type": "pdf"}, 0),
        ({"created_after": "2020-01-01"}, 1),
        ({"created_before": "2020-01-01"}, 0),
        ({"top_k": "1"}, 1),
    ],
)
def test_filters_narrow_it(vacation, asked, hits):
    answer = ask(**asked)
    assert len(answer.context["hits"]) == hits
    assert ("Nothing was found" in answer.content.decode()) == (hits == 0)


@pytest.mark.parametrize(
    ("asked", "at_fault"),
    [
        ({"query": " "}, "query"),
        ({"query": "x" * 4001}, "query"),
        ({"mode": "magic"}, "mode"),
        ({"top_k": "0"}, "top_k"),
        ({"top_k": "51"}, "top_k"),
        ({"project": "x"}, "project"),
        ({"person": "nobody-at-all"}, "person"),
        ({"created_after": "soon"}, "created_after"),
        ({"metadata": "[1]"}, "metadata"),
    ],
)
def test_what_cannot_be_asked_is_an_error_of_its_field(acme, asked, at_fault):
    assert list(ask(**asked).context["form"].errors) == [at_fault]


def test_an_administrator_sees_what_somebody_would_find(acme, people, vacation):
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        add_member(project=project, user=people["acme-member"])
    read_document(TEXT, by=people["acme-manager"], filename="rocket.md", project=project)
    assert sorted(names(ask())) == ["leave.md", "rocket.md"]
    assert names(ask(person="viewer@acme.test")) == ["leave.md"]
    theirs = ask(person="acme-member")
    assert sorted(names(theirs)) == ["leave.md", "rocket.md"]
    reasons = {shown.hit.filename: shown.reasons for shown in theirs.context["hits"]}
    assert reasons["leave.md"] == ["role: Member"]
    assert reasons["rocket.md"][0].startswith("membership")
    assert "as acme-member, who may search 2 documents" in theirs.content.decode()


def test_nobody_looks_with_the_eyes_of_another_organizations_people(acme, globex, people, vacation):
    read_document(TEXT, by=people["globex-owner"], filename="theirs.md")
    for name in ("globex-owner", "owner@globex.test", "staff"):
        assert ask(person=name).context["form"].errors["person"] == [page.NO_PERSON]
    assert names(ask("globex-owner")) == ["theirs.md"]


def test_who_may_not_administer_people_searches_as_themselves(acme, people, vacation):
    let_in(acme, "acme-member")
    answer = ask("acme-member", person="acme-owner")
    assert "person" not in answer.context["form"].fields
    assert answer.context["person"] == people["acme-member"]
    assert names(answer) == ["leave.md"]


def test_who_reads_not_every_document_borrows_nobodys_eyes(acme, people):
    """Somebody who changes people, but may not read all there is, would read it that way."""
    read_document(TEXT, by=people["acme-owner"], filename="secret.md", is_restricted=True)
    with acting_for(acme):
        role = Role.objects.create(organization_id=acme.pk, name="Personnel")
        held = (Permissions.USERS_CHANGE, Permissions.DOCUMENTS_VIEW)
        set_permissions(role=role, permissions=Permission.objects.filter(name__in=held))
        set_roles(user=people["acme-member"], roles=[role])
    let_in(acme, "acme-member")
    answer = ask("acme-member", person="acme-owner")
    assert "person" not in answer.context["form"].fields
    assert names(answer) == []
    assert "no document that acme-member may read" in answer.content.decode()
    assert names(ask(person="acme-owner")) == ["secret.md"]


def test_who_sees_no_documents_has_no_such_page(acme, people):
    with acting_for(acme):
        UserRole.objects.filter(user=people["acme-viewer"]).delete()
    let_in(acme, "acme-viewer")
    assert signed_in("acme-viewer").get(URL, {"query": "x"}).status_code == 403
    let_in(acme, "acme-member")
    assert ask("acme-member").status_code == 200


@both_logins
def test_platform_staff_search_only_while_they_act_for_an_organization(acme, people, vacation):
    client = signed_in("staff")
    assert client.get(URL, {"query": "vacation"}).status_code == 403
    assert URL not in client.get(reverse("admin:index")).content.decode()
    begin(organization=acme, by=people["staff"], reason="Somebody asked for help", minutes=15)
    answer = ask(client=client)
    assert names(answer) == ["leave.md"]
    assert answer.context["hits"][0].reasons == ["platform staff, acting"]
    assert "person" not in answer.context["form"].fields


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_question_is_embedded(vacation, monkeypatch):
    embed, seen = page.embed_query, []

    def watched(text):
        seen.append(connection.in_atomic_block)
        return embed(text)

    monkeypatch.setattr(page, "embed_query", watched)
    assert names(ask()) == ["leave.md"]
    assert seen == [False]


def test_the_page_is_only_read(acme):
    assert signed_in("acme-owner").post(URL, {"query": "x"}).status_code == 405


def test_markup_in_a_passage_is_shown_as_it_is(people):
    read_document("<script>alert('vacation')</script> days", by=people["acme-owner"])
    text = ask(mode="text").content.decode()
    assert "<script>alert(" not in text
    assert "&lt;script&gt;alert(" in text

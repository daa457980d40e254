"""Documents that are granted, and those that are restricted: who finds and changes them how."""

import json

import pytest
from django.db import connection

from knowledge import baker_recipes
from knowledge.models import Document, DocumentChunk
from knowledge.search import SearchFilters, search
from knowledge.services import keep_for_its_people
from knowledge.testing import read_document, upload
from tenants import sharing
from tenants.api.testing import api_as, problem
from tenants.context import acting_for
from tenants.models import Permission, Role
from tenants.services import add_member, create_project, set_permissions, set_roles
from tenants.tests.statements import every_statement_names

DOCUMENTS = "/api/v1/documents/"
TEXT = "# Zeppelins\n\nThe zeppelin leaves the hangar at seven in the morning.\n"
QUESTION = {"query": "zeppelin hangar", "mode": "text"}
SEES = {"list", "detail", "search", "file", "chunks"}
ROLES = ("viewer", "member", "manager", "owner")


def built_in(name):
    return Role.objects.get(name=name, organization=None)


def make_project(acme, name="Closed"):
    with acting_for(acme):
        return create_project(organization_id=acme.pk, name=name)


@pytest.fixture
def closed(acme):
    """A project that nobody has joined."""
    return make_project(acme)


def reached(user, document):
    """The ways by which somebody gets at a document, over the API."""
    client, path = api_as(user), f"{DOCUMENTS}{document.pk}/"
    file = client.get(f"{path}file/")
    if file.streaming:
        b"".join(file.streaming_content)
    answers = {
        "list": str(document.pk) in client.get(DOCUMENTS).content.decode(),
        "detail": client.get(path).status_code == 200,
        "search": bool(client.post("/api/v1/search/", QUESTION).json()["results"]),
        "file": file.status_code == 200,
        "chunks": client.get(f"{path}chunks/").status_code == 200,
        "change": client.patch(path, {"metadata": {"seen": True}}).status_code == 200,
        "reprocess": client.post(f"{path}reprocess/").status_code == 202,
    }
    return {way for way, is_open in answers.items() if is_open}


@pytest.mark.parametrize("is_restricted", [False, True])
@pytest.mark.parametrize("granted", [None, "view", "change"])
@pytest.mark.parametrize("to", ["user", "role"])
@pytest.mark.parametrize("role", ROLES)
def test_who_reaches_a_document_of_a_project_that_they_are_not_in(
    acme, people, closed, role, to, granted, is_restricted
):
    person = people[f"acme-{role}"]
    document = read_document(
        TEXT, by=people["acme-owner"], project=closed, is_restricted=is_restricted
    )
    if granted:
        with acting_for(acme):
            grantee = person if to == "user" else built_in(role.title())
            sharing.give(row=document, action=granted, to=grantee)
    changes = {"change", "reprocess"}
    if role in ("manager", "owner"):
        expected = SEES | changes
    else:
        expected = {None: set(), "view": SEES, "change": SEES | changes}[granted]
    assert reached(person, document) == expected
    assert reached(people["globex-owner"], document) == set()


def test_a_grant_to_change_is_none_to_delete(acme, people):
    document = upload(TEXT, by=people["acme-owner"])
    member = people["acme-member"]
    with acting_for(acme):
        sharing.give(row=document, action="change", to=member)
    path = f"{DOCUMENTS}{document.pk}/"
    problem(api_as(member).delete(path), 403)
    assert api_as(people["acme-manager"]).delete(path).status_code == 204
    problem(api_as(member).get(path), 404)
    problem(api_as(member).post(f"{path}restore/"), 403)
    assert api_as(people["acme-manager"]).post(f"{path}restore/").status_code == 200
    assert api_as(member).get(path).status_code == 200


@pytest.mark.parametrize("joined", [True, False])
def test_a_restricted_document_is_hidden_from_the_people_of_its_project(acme, people, joined):
    project = make_project(acme) if joined else None
    member = people["acme-member"]
    if joined:
        with acting_for(acme):
            add_member(project=project, user=member)
            add_member(project=project, user=people["acme-viewer"])
    document = read_document(TEXT, by=people["acme-owner"], project=project)
    path, owner = f"{DOCUMENTS}{document.pk}/", api_as(people["acme-owner"])
    assert reached(member, document) == SEES
    assert owner.patch(path, {"is_restricted": True}).json()["is_restricted"] is True
    assert reached(member, document) == set()
    assert reached(people["acme-manager"], document) >= SEES
    read_again(document)
    asked = {"user": str(member.pk), "action": "view"}
    made = owner.post(f"{path}grants/", asked).json()
    assert reached(member, document) == SEES
    assert reached(people["acme-viewer"], document) == set()
    assert owner.delete(f"{path}grants/{made['id']}/").status_code == 204
    assert reached(member, document) == set()
    assert owner.patch(path, {"is_restricted": False}).status_code == 200
    assert "detail" in reached(member, document)


def read_again(document):
    """The manager who reached it has had it queued for reading."""
    from knowledge.ingestion import read
    from knowledge.ingestion.pipeline import ingest

    ingest(document.organization_id, document.pk, read=read.read_document)


def test_who_may_change_documents_but_not_read_all_has_no_right_over_a_restricted_one(acme, people):
    member = people["acme-member"]
    document = upload(TEXT, by=people["acme-owner"], is_restricted=True)
    plain = upload(TEXT, by=people["acme-owner"])
    with acting_for(acme):
        role = Role.objects.create(name="Editor")
        rights = ["knowledge.view_document", "knowledge.change_document"]
        set_permissions(role=role, permissions=list(Permission.objects.filter(name__in=rights)))
        set_roles(user=member, roles=[role])
    editor = api_as(member)
    assert editor.patch(f"{DOCUMENTS}{plain.pk}/", {}).status_code == 200
    problem(editor.patch(f"{DOCUMENTS}{document.pk}/", {}), 404)
    with acting_for(acme):
        sharing.give(row=document, action="view", to=member)
    assert editor.get(f"{DOCUMENTS}{document.pk}/").status_code == 200
    problem(editor.patch(f"{DOCUMENTS}{document.pk}/", {"is_restricted": False}), 403)
    assert editor.patch(f"{DOCUMENTS}{plain.pk}/", {"is_restricted": True}).status_code == 200
    assert editor.get(f"{DOCUMENTS}{plain.pk}/").status_code == 200


def test_who_uploads_a_restricted_document_keeps_it(acme, people):
    from knowledge.tests.test_api_documents import text_file

    member = api_as(people["acme-member"])
    data = {"file": text_file(TEXT), "is_restricted": "true"}
    made = member.post(DOCUMENTS, data, format="multipart").json()
    assert made["is_restricted"] is True
    path = f"{DOCUMENTS}{made['id']}/"
    assert member.get(path).status_code == 200
    problem(api_as(people["acme-viewer"]).get(path), 404)
    listed = member.get(f"{path}grants/").json()
    assert [grant["action"] for grant in listed["grants"]] == ["change"]
    assert member.patch(path, {"is_restricted": False}).status_code == 200
    assert api_as(people["acme-viewer"]).get(path).status_code == 200


def test_whose_document_is_restricted_by_another_keeps_it(acme, people):
    member = people["acme-member"]
    document = upload(TEXT, by=member)
    with acting_for(acme):
        document.is_restricted = True
        document.save()
        assert not Document.objects.visible_to(member).exists()
        keep_for_its_people(document=document, by=people["acme-manager"])
        assert Document.objects.visible_to(member).get() == document
        granted = {grant.user.username for grant in sharing.grants_on(document)}
    assert granted == {"acme-member", "acme-manager"}


def test_a_document_is_not_put_into_a_project_that_is_only_granted_to_view(acme, people, closed):
    member = people["acme-member"]
    document = upload(TEXT, by=people["acme-owner"])
    with acting_for(acme):
        sharing.give(row=document, action="change", to=member)
        sharing.give(row=closed, action="view", to=member)
    into = {"project": str(closed.pk)}
    client, path = api_as(member), f"{DOCUMENTS}{document.pk}/"
    assert client.get(f"/api/v1/projects/{closed.pk}/").status_code == 200
    problem(client.patch(path, into), 400)
    with acting_for(acme):
        sharing.give(row=closed, action="change", to=member)
    assert client.patch(path, into).status_code == 200


def test_what_is_in_a_granted_project_is_seen_but_the_restricted(acme, people, closed):
    open_one = upload(TEXT, by=people["acme-owner"], project=closed)
    upload(TEXT, by=people["acme-owner"], project=closed, is_restricted=True)
    with acting_for(acme):
        sharing.give(row=closed, action="view", to=built_in("Viewer"))
        assert Document.objects.visible_to(people["acme-viewer"]).get() == open_one
        assert not Document.objects.visible_to(people["acme-member"]).exists()


def test_in_another_project_what_is_granted_is_at_hand_and_the_rest_is_not(acme, people, closed):
    member = people["acme-member"]
    mine = make_project(acme, "Mine")
    granted = read_document(TEXT, by=people["acme-owner"], project=closed)
    with acting_for(acme):
        add_member(project=mine, user=member)

        def found():
            hits = search(user=member, query="zeppelin", vector=None, mode="text", project=mine)
            return {hit.document_id for hit in hits}

        assert found() == set()
        sharing.give(row=granted, action="view", to=member)
        assert found() == {granted.pk}
        hits = search(
            user=people["acme-owner"], query="zeppelin", vector=None, mode="text", project=mine
        )
        assert hits == []


def test_a_search_asks_once_and_names_the_organization(acme, people, closed):
    with acting_for(acme), every_statement_names(acme):
        list(Document.objects.visible_to(people["acme-member"]))
        list(Document.objects.at_hand_in(closed, people["acme-member"]))


def test_the_plan_looks_grants_up_once_however_many_documents_there_are(acme, people, closed):
    """Each set of ids is hashed once: nothing in the plan runs again for each document."""
    member = people["acme-member"]
    with acting_for(acme):
        made = baker_recipes.document.make(_quantity=300, project=closed, _bulk_create=True)
        for document in made[:5]:
            sharing.give(row=document, action="view", to=member)
        sql, values = Document.objects.visible_to(member).query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", values)
            found = cursor.fetchone()[0]
        plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
        assert Document.objects.visible_to(member).count() == 5
    loops = {node["Actual Loops"] for node in nodes(plan) if node["Node Type"] != "Materialize"}
    assert max(loops) <= 5, plan


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def test_filters_narrow_what_is_granted_and_widen_nothing(acme, people, closed):
    member = people["acme-member"]
    document = read_document(TEXT, by=people["acme-owner"], project=closed)
    with acting_for(acme):
        assert DocumentChunk.objects.filter(document=document).exists()
        asked = {"user": member, "query": "zeppelin", "vector": None, "mode": "text"}
        filters = SearchFilters(document=[document.pk])
        assert search(**asked, filters=filters) == []
        sharing.give(row=document, action="view", to=member)
        assert len(search(**asked, filters=filters)) == 1
        assert search(**asked, filters=SearchFilters(file_type=["pdf"])) == []

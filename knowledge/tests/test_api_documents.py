from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from knowledge import baker_recipes as recipes
from knowledge.models import Document
from knowledge.testing import upload
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.models import OrganizationUsage
from tenants.services import add_member, create_project

DOCUMENTS = "/api/v1/documents/"
TEXT = "Everybody has 25 days of vacation a year.\n"
FIELDS = {
    "id",
    "attachment_of",
    "filename",
    "file_type",
    "file_size",
    "project",
    "metadata",
    "page_count",
    "processing_status",
    "progress",
    "error",
    "notice",
    "is_searchable",
    "is_restricted",
    "language",
    "created_at",
}


def text_file(content=TEXT, name="leave.md"):
    return SimpleUploadedFile(name, content.encode())


def post(client, **fields):
    return client.post(DOCUMENTS, {"file": text_file()} | fields, format="multipart")


@pytest.fixture
def member(people):
    return api_as(people["acme-member"])


@pytest.fixture
def manager(people):
    return api_as(people["acme-manager"])


@pytest.fixture
def project(acme, people):
    """A project of Acme that its member has joined."""
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        add_member(project=project, user=people["acme-member"])
    return project


@pytest.fixture
def closed(acme):
    """A project of Acme that nobody has joined."""
    with acting_for(acme):
        return create_project(organization_id=acme.pk, name="Closed")


def test_a_file_is_uploaded_for_the_whole_organization(member, acme):
    answer = post(member)
    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert body.keys() == FIELDS
    assert body["filename"] == "leave.md"
    assert body["file_size"] == len(TEXT)
    assert (body["project"], body["metadata"]) == (None, {})
    assert (body["processing_status"], body["is_searchable"]) == ("pending", True)
    assert member.get(f"{DOCUMENTS}{body['id']}/").json() == body
    with acting_for(acme):
        assert OrganizationUsage.objects.get().storage_bytes == len(TEXT)


def test_a_file_is_uploaded_into_a_project_with_what_is_known_of_it(member, project):
    told = {"project": str(project.pk), "metadata": '{"year": 2024}', "is_searchable": "false"}
    body = post(member, **told).json()
    assert body["project"] == str(project.pk)
    assert body["metadata"] == {"year": 2024}
    assert body["is_searchable"] is False


def test_a_browsers_form_says_what_its_boxes_say(member):
    ticked = post(member, is_searchable=["false", "true"], metadata="", project="").json()
    assert (ticked["is_searchable"], ticked["metadata"], ticked["project"]) == (True, {}, None)
    assert post(member, is_searchable=["false"]).json()["is_searchable"] is False


def test_what_is_the_servers_cannot_be_written(member, globex, people):
    body = post(
        member,
        id=str(uuid4()),
        organization=str(globex.pk),
        file_size="1",
        processing_status="completed",
        uploaded_by=str(people["acme-owner"].pk),
        sha256="0" * 64,
    ).json()
    with acting_for(people["acme-member"].organization_id):
        document = Document.objects.get()
    assert str(document.pk) == body["id"]
    assert document.file_size == len(TEXT)
    assert document.processing_status == "pending"
    assert document.uploaded_by_id == people["acme-member"].pk


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"file": ""}, "file"),
        ({"file": SimpleUploadedFile("empty.txt", b"")}, "file"),
        ({"file": "no file"}, "file"),
        ({"file": SimpleUploadedFile("x.bin", bytes(range(256)) * 20)}, "file"),
        ({"project": "not an id"}, "project"),
        ({"metadata": "{not json"}, "metadata"),
        ({"metadata": "[1]"}, "metadata"),
        ({"metadata": '{"a": "\\u0000"}'}, "metadata"),
        ({"metadata": '{"a": "\\ud800"}'}, "metadata"),
        ({"metadata": '{"a": NaN}'}, "metadata"),
        ({"metadata": '{"a": 1e999}'}, "metadata"),
        ({"metadata": '{"a":' * 40 + "1" + "}" * 40}, "metadata"),
        ({"metadata": '{"a":' * 100_000}, "metadata"),
        ({"is_searchable": "perhaps"}, "is_searchable"),
    ],
)
def test_an_upload_is_validated(member, fields, at_fault):
    assert fields_at_fault(post(member, **fields)) == {at_fault}


def test_an_upload_without_a_file_or_a_form_is_refused(member):
    assert fields_at_fault(member.post(DOCUMENTS, {}, format="multipart")) == {"file"}
    assert fields_at_fault(member.post(DOCUMENTS, {"file": "x"}, format="json")) == {"file"}
    problem(member.post(DOCUMENTS, b"x", content_type="application/octet-stream"), 415)
    problem(member.post(DOCUMENTS, b"x", content_type="multipart/form-data"), 400)


def test_what_is_too_large_is_refused(member, settings):
    settings.MAX_UPLOAD_BYTES = 10
    problem(post(member), 413)
    settings.MAX_UPLOAD_BYTES = -1_000_000  # now the declared length alone is too much
    problem(post(member), 413)


def test_what_the_quota_does_not_hold_is_refused(member, acme):
    from tenants import counters

    with acting_for(acme):
        counters.claim(acme.pk, "storage_bytes", acme.max_storage_bytes - 5)
    body = problem(post(member), 409)
    assert (body["quota"], body["limit"]) == ("storage_bytes", acme.max_storage_bytes)
    assert member.get(DOCUMENTS).json()["results"] == []


def test_who_may_not_add_documents_adds_none(people):
    problem(post(api_as(people["acme-viewer"])), 403)


def test_a_project_one_cannot_see_is_as_unknown_as_none(member, closed, globex):
    with acting_for(globex):
        foreign = create_project(organization_id=globex.pk, name="Secret")
    answers = [post(member, project=str(key)) for key in (foreign.pk, closed.pk, uuid4())]
    assert fields_at_fault(answers[0]) == {"project"}
    assert len({answer.content for answer in answers}) == 1


def test_members_see_documents_of_the_organization_and_of_their_projects(
    member, manager, people, acme, project, closed
):
    with acting_for(acme):
        for filename, of in (("all.txt", None), ("ours.txt", project), ("closed.txt", closed)):
            recipes.document.make(filename=filename, project=of)

    def seen(client):
        return [document["filename"] for document in client.get(DOCUMENTS).json()["results"]]

    assert seen(member) == ["ours.txt", "all.txt"]
    assert seen(manager) == ["closed.txt", "ours.txt", "all.txt"]
    assert seen(api_as(people["acme-viewer"])) == ["all.txt"]
    assert seen(api_as(people["globex-owner"])) == []


def test_another_organizations_a_deleted_and_no_document_are_answered_alike(manager, acme, globex):
    with acting_for(globex):
        foreign = recipes.document.make()
    with acting_for(acme):
        deleted = recipes.document.make()
        delete(deleted)
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "file/"),
        ("GET", "chunks/"),
        ("POST", "reprocess/"),
    ):
        bodies = [
            problem(
                manager.generic(method, f"{DOCUMENTS}{key}/{rest}", "{bad", "application/json"), 404
            )
            for key in (foreign.pk, deleted.pk, uuid4(), "not-an-id")
        ]
        assert all(body == bodies[0] for body in bodies)
    for key in (foreign.pk, uuid4()):
        problem(manager.post(f"{DOCUMENTS}{key}/restore/"), 404)


def test_a_document_is_changed_by_those_who_may(manager, member, acme, project):
    with acting_for(acme):
        path = f"{DOCUMENTS}{recipes.document.make().pk}/"
    told = {"metadata": {"year": 2024}, "is_searchable": False, "project": str(project.pk)}
    problem(member.patch(path, told), 403)
    changed = manager.patch(path, told | {"filename": "mine.txt", "error": "x"})
    assert changed.status_code == 200
    assert changed.json().items() >= told.items()
    assert changed.json()["filename"] != "mine.txt"
    assert fields_at_fault(manager.patch(path, {"metadata": [1]})) == {"metadata"}


def test_a_document_is_deleted_and_restored(manager, member, acme):
    path = f"{DOCUMENTS}{post(member).json()['id']}/"
    problem(member.delete(path), 403)
    assert manager.delete(path).status_code == 204
    problem(manager.get(path), 404)
    with acting_for(acme):
        assert OrganizationUsage.objects.get().storage_bytes == 0
    assert manager.post(f"{path}restore/").status_code == 200
    assert manager.get(path).status_code == 200
    problem(manager.post(f"{path}restore/"), 404)
    with acting_for(acme):
        assert OrganizationUsage.objects.get().storage_bytes == len(TEXT)


def test_a_document_is_not_restored_into_a_deleted_project(manager, acme, project):
    with acting_for(acme):
        document = recipes.document.make(project=project)
        delete(document)
        delete(project)
    problem(manager.post(f"{DOCUMENTS}{document.pk}/restore/"), 409)


def test_a_file_comes_back_as_it_was_sent_as_a_download(member):
    path = f"{DOCUMENTS}{post(member).json()['id']}/file/"
    answer = member.get(path)
    assert b"".join(answer.streaming_content) == TEXT.encode()
    assert answer["Content-Disposition"] == 'attachment; filename="leave.md"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Length"] == str(len(TEXT))
    assert "no-store" in answer["Cache-Control"]


def test_a_page_that_was_uploaded_is_never_shown_as_one(member):
    page = SimpleUploadedFile("page.html", b"<html><script>alert(1)</script><p>Hello</p></html>")
    answer = member.get(f"{DOCUMENTS}{post(member, file=page).json()['id']}/file/")
    assert answer["Content-Disposition"].startswith("attachment")
    assert "html" not in answer["Content-Type"]
    answer.close()


def test_a_document_without_a_file_has_none_to_send(member, acme):
    with acting_for(acme):
        document = recipes.document.make()
    problem(member.get(f"{DOCUMENTS}{document.pk}/file/"), 404)


def test_a_document_is_read_again(manager, member, acme):
    with acting_for(acme):
        document = recipes.document.make(processing_status="failed", error="broken", attempts=3)
    path = f"{DOCUMENTS}{document.pk}/reprocess/"
    problem(member.post(path), 403)
    answer = manager.post(path)
    assert answer.status_code == 202
    assert (answer.json()["processing_status"], answer.json()["error"]) == ("pending", "")


def test_the_same_file_again_gives_back_the_document_that_is_there(member, manager):
    first, again = post(member), post(manager)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_one_that_may_not_be_seen_is_not_given_back(member, manager):
    theirs = post(manager, is_restricted="true")
    mine = post(member, is_restricted="true")
    assert (theirs.status_code, mine.status_code) == (201, 201)
    told = theirs.json() | {"id": mine.json()["id"], "created_at": mine.json()["created_at"]}
    assert mine.json() == told


def test_the_passages_of_a_document_are_listed_as_they_stand(member, acme):
    with acting_for(acme):
        document = recipes.document.make()
        for position in (2, 0, 1):
            recipes.chunk.make(document=document, position=position, start=0, end=9)
        recipes.chunk.make()
    path = f"{DOCUMENTS}{document.pk}/chunks/"
    first = member.get(path, {"page_size": 2}).json()
    assert [chunk["position"] for chunk in first["results"]] == [0, 1]
    second = member.get(first["next"]).json()
    assert [chunk["position"] for chunk in second["results"]] == [2]
    assert second["results"][0].keys() == {
        "id",
        "position",
        "page",
        "heading",
        "start",
        "end",
        "content",
    }
    problem(member.get(path, {"cursor": "nx"}), 400)


def test_the_length_of_a_list_costs_no_queries(
    member, acme, project, django_assert_max_num_queries
):
    with acting_for(acme):
        document = recipes.document.make()
        for number in range(20):
            recipes.document.make(project=project)
            recipes.chunk.make(document=document, position=number)
    with django_assert_max_num_queries(10):
        assert len(member.get(DOCUMENTS).json()["results"]) == 21
    with django_assert_max_num_queries(11):
        chunks = member.get(f"{DOCUMENTS}{document.pk}/chunks/").json()["results"]
        assert len(chunks) == 20


def test_a_list_does_not_read_the_texts(member, acme, django_assert_max_num_queries):
    with acting_for(acme):
        recipes.document.make()
    with django_assert_max_num_queries(10) as seen:
        member.get(DOCUMENTS)
    selected = next(q["sql"] for q in seen.captured_queries if "knowledge_document" in q["sql"])
    assert '"embedding"' not in selected
    assert '"content"' not in selected


def test_an_upload_that_is_refused_leaves_no_row(member, acme, project):
    assert post(member, project=str(uuid4())).status_code == 400
    with acting_for(acme):
        assert not Document.all_objects.exists()


def test_uploads_of_other_code_are_listed_alike(member, people):
    upload(TEXT, by=people["acme-manager"], filename="other.md")
    assert member.get(DOCUMENTS).json()["results"][0]["filename"] == "other.md"

"""A ZIP archive over the API: its files become documents, each by itself."""

import zipfile
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from knowledge.models import Document
from knowledge.testing import upload
from knowledge.tests.zips import packed
from tenants import counters
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.models import AuditEntry, OrganizationUsage
from tenants.services import add_member, create_project

IMPORT = "/api/v1/documents/import/"
FILES = {
    "hr/leave.md": b"# Leave\n\nEverybody has 25 days.\n",
    "hr/old/rules.txt": b"Rules that once held.\n",
    "logo.png": b"\x89PNG\r\n\x1a\n0000",
}


@pytest.fixture(autouse=True)
def _storage_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def member(people):
    return api_as(people["acme-member"])


def post(client, files=FILES, **fields):
    content = files if isinstance(files, bytes) else packed(files)
    file = SimpleUploadedFile("all.zip", content)
    return client.post(IMPORT, {"file": file} | fields, format="multipart")


def results(answer):
    assert answer.status_code == 200, answer.json()
    return {found["path"]: found["result"] for found in answer.json()["results"]}


def test_each_file_becomes_a_document_that_knows_its_path(member, people, acme):
    answer = post(member, metadata='{"year": 2026}')
    assert results(answer) == {
        "hr/leave.md": "created",
        "hr/old/rules.txt": "created",
        "logo.png": "refused",
    }
    body = answer.json()
    assert (body["created"], body["existing"], body["refused"], body["over_quota"]) == (2, 0, 1, 0)
    assert "an image" in body["results"][2]["reason"]
    assert body["results"][2]["document"] is None
    with acting_for(acme):
        leave = Document.objects.get(pk=body["results"][0]["document"])
        assert (leave.filename, leave.file_type) == ("leave.md", "md")
        assert leave.metadata == {"year": 2026, "path": "hr/leave.md"}
        assert leave.uploaded_by_id == people["acme-member"].pk
        with leave.file.open("rb") as stored:
            assert stored.read() == FILES["hr/leave.md"]


def test_the_same_again_is_there_already(member, acme):
    first = post(member).json()
    again = post(member)
    assert set(results(again).values()) == {"existing", "refused"}
    assert again.json()["results"][0] == first["results"][0] | {"result": "existing"}
    with acting_for(acme):
        assert Document.objects.count() == 2


def test_what_is_there_for_others_is_not_what_was_asked_for(member):
    post(member)
    assert results(post(member, is_restricted="true"))["hr/leave.md"] == "created"
    assert results(post(member, is_restricted="true"))["hr/leave.md"] == "existing"


def test_what_somebody_else_keeps_hidden_is_not_told_to_be_there(member, people):
    restricted = FILES["hr/leave.md"]
    upload(restricted, by=people["acme-owner"], filename="leave.md", is_restricted=True)
    assert results(post(member))["hr/leave.md"] == "created"


def test_files_go_into_a_project(member, people, acme):
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        closed = create_project(organization_id=acme.pk, name="Closed")
        add_member(project=project, user=people["acme-member"])
    assert results(post(member))["hr/leave.md"] == "created"
    assert results(post(member, project=str(project.pk)))["hr/leave.md"] == "created"
    answers = [post(member, project=str(pk)) for pk in (closed.pk, uuid4())]
    assert [fields_at_fault(answer) for answer in answers] == [{"project"}, {"project"}]
    assert answers[0].content == answers[1].content


def test_a_full_quota_ends_it_with_what_was_done(member, acme):
    sizes = [len(FILES[path]) for path in ("hr/leave.md", "hr/old/rules.txt")]
    with acting_for(acme):
        counters.claim(acme.pk, "storage_bytes", acme.max_storage_bytes - sizes[0] - 5)
    found = results(post(member))
    assert list(found.values()) == ["created", "over quota", "over quota"]
    with acting_for(acme):
        assert Document.objects.get().file_size == sizes[0]
        assert OrganizationUsage.objects.get().storage_bytes == acme.max_storage_bytes - 5


def test_what_is_no_archive_is_an_error_of_the_file(member):
    assert fields_at_fault(post(member, b"no archive")) == {"file"}
    assert fields_at_fault(post(member, {"[Content_Types].xml": b"<a/>"})) == {"file"}
    assert fields_at_fault(post(member, {"z.txt": bytes(20_000_000)})) == {"file"}
    assert fields_at_fault(member.post(IMPORT, {}, format="multipart")) == {"file"}


def test_who_may_not_add_documents_imports_none(people, acme):
    problem(post(api_as(people["acme-viewer"])), 403)
    with acting_for(acme):
        assert not Document.all_objects.exists()
    assert post(api_as(people["acme-member"])).status_code == 200


def test_nothing_is_written_where_a_name_says(member, tmp_path):
    archive = {"../../../escaped.txt": b"x\n", str(tmp_path / "absolute.txt"): b"y\n"}
    assert set(results(post(member, archive)).values()) == {"created"}
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(stored) == 2
    assert not [path for path in stored if path.suffix]


def test_the_audit_trail_names_who_imported(member, people, acme):
    post(member)
    with acting_for(acme):
        entries = AuditEntry.objects.filter(object_type="knowledge.Document")
        assert {(e.actor_id, e.way) for e in entries} == {(people["acme-member"].pk, "api")}
        assert entries.count() == 2


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_a_file_is_unpacked(member, monkeypatch):
    seen = []
    unpack = zipfile.ZipFile.open

    def watched(archive, member, mode="r", **kwargs):
        if mode == "r":
            seen.append(connection.in_atomic_block)
        return unpack(archive, member, mode, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "open", watched)
    assert results(post(member))["hr/leave.md"] == "created"
    assert seen == [False] * 3

"""Many files at once in the admin, and ZIP archives: each by itself, and what became of it."""

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile

from knowledge.models import Document
from knowledge.tests.zips import packed
from tenants import counters
from tenants.admin.testing import errors_of, page, signed_in
from tenants.context import acting_for
from tenants.models import AuditEntry, OrganizationUsage, User
from tenants.staff_access import begin

PNG = b"\x89PNG\r\n\x1a\n0000"


@pytest.fixture(autouse=True)
def _storage_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def upload(files, username="acme-owner", **fields):
    """Upload {name: bytes}; return the answer and what was said."""
    sent = [SimpleUploadedFile(name, content) for name, content in files.items()]
    client = signed_in(username)
    answer = client.post(page(Document, "add"), {"file": sent, "is_searchable": "on", **fields})
    if answer.status_code != 302:
        return answer, []
    shown = client.get(answer.url)
    return answer, [str(message) for message in get_messages(shown.wsgi_request)]


def stored(organization):
    with acting_for(organization):
        return {d.filename: d.metadata for d in Document.objects.order_by("pk")}


def test_many_files_are_uploaded_at_once(acme):
    answer, said = upload(
        {"a.md": b"# One\n", "b.txt": b"Two\n", "c.png": PNG}, metadata='{"y": 1}'
    )
    assert answer.url == page(Document, "changelist")
    assert said[0] == "2 files uploaded."
    assert said[1].startswith("c.png: The file is an image.")
    assert stored(acme) == {"a.md": {"y": 1}, "b.txt": {"y": 1}}
    with acting_for(acme):
        owner = User.objects.get(username="acme-owner")
        assert {d.uploaded_by_id for d in Document.objects.all()} == {owner.pk}
        entries = AuditEntry.objects.filter(object_type="knowledge.Document")
        assert {(entry.actor_id, entry.way) for entry in entries} == {(owner.pk, "admin")}


def test_the_same_again_is_there_already(acme):
    upload({"a.md": b"# One\n", "b.txt": b"Two\n"})
    _, said = upload({"a.md": b"# One\n", "c.txt": b"Three\n"})
    assert said == ["1 file uploaded.", "1 file there already."]


def test_an_archive_is_unpacked_when_asked(acme):
    archive = packed({"hr/a.md": b"# One\n", "hr/b.png": PNG, "../c.txt": b"Three\n"})
    answer, said = upload({"all.zip": archive}, unpack="on")
    assert answer.status_code == 302
    assert said[0] == "2 files uploaded."
    assert said[1].startswith("hr/b.png: ")
    assert stored(acme) == {"c.txt": {"path": "c.txt"}, "a.md": {"path": "hr/a.md"}}
    answer, _ = upload({"all.zip": packed({"hr/a.md": b"# One\n"})})
    assert "ZIP archive" in errors_of(answer)["file"][0]


def test_an_archive_that_is_none_is_said(acme):
    _, said = upload({"all.zip": b"no archive", "b.txt": b"Two\n"}, unpack="on")
    assert said == ["1 file uploaded.", "all.zip: The file is no ZIP archive, or a damaged one."]


def test_a_full_quota_is_said_of_each_that_found_no_room(acme):
    with acting_for(acme):
        counters.claim(acme.pk, "storage_bytes", acme.max_storage_bytes - 5)
    _, said = upload({"a.txt": b"One\n", "b.txt": b"Two\n"})
    assert said[0] == "1 file uploaded."
    assert said[1].startswith("b.txt: The quota of storage_bytes")
    with acting_for(acme):
        assert OrganizationUsage.objects.get().storage_bytes == acme.max_storage_bytes - 1


def test_of_very_many_refused_some_are_named(acme):
    _, said = upload({f"{number}.png": PNG for number in range(30)})
    assert len(said) == 21
    assert said[-1] == "10 more were not taken."


def test_an_empty_file_among_many_is_an_error_of_the_form(acme):
    answer, _ = upload({"a.txt": b"", "b.txt": b"Two\n"})
    assert errors_of(answer)["file"] == ["The submitted file is empty."]
    assert stored(acme) == {}


def test_who_may_not_add_documents_uploads_none(acme):
    with acting_for(acme):
        User.objects.filter(username__in=["acme-viewer", "acme-member"]).update(is_staff=True)
    files = {"a.txt": b"One\n", "b.txt": b"Two\n"}
    answer, _ = upload(files, "acme-viewer")
    assert answer.status_code == 403
    assert stored(acme) == {}
    answer, _ = upload(files, "acme-member")
    assert (answer.status_code, len(stored(acme))) == (302, 2)


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_platform_staff_upload_only_while_they_act_and_are_not_named_in_the_rows(acme, people):
    files = {"a.txt": b"One\n", "b.txt": b"Two\n"}
    assert upload(files, "staff")[0].status_code == 403
    begin(organization=acme, by=people["staff"], reason="Somebody asked for help", minutes=15)
    answer, _ = upload(files, "staff")
    assert answer.status_code == 302
    with acting_for(acme):
        assert {d.uploaded_by_id for d in Document.objects.all()} == {None}
        entries = AuditEntry.objects.filter(object_type="knowledge.Document")
        assert {entry.acting_as for entry in entries} == {"platform staff"}

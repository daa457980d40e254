"""What is attached to a mail becomes documents of their own, for the same people as the mail."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from django.db import IntegrityError

from knowledge import attachments
from knowledge.baker_recipes import document as document_recipe
from knowledge.ingestion import pipeline, read
from knowledge.models import Document
from knowledge.services import reprocess_documents
from knowledge.testing import read_document, upload
from tenants import sharing
from tenants.api.testing import api_as
from tenants.context import acting_for
from tenants.deletion import RestoreConflict, delete, restore
from tenants.models import Organization, OrganizationUsage
from tenants.services import create_project

DOCUMENTS = "/api/v1/documents/"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
RULES = b"# Zeppelins\n\nThe zeppelin leaves the hangar at seven.\n"


def new_mail(*files, subject="Rules"):
    """A mail with (name, content) attached; a content may be a mail."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@acme.example", "b@acme.example", subject
    mail.set_content("See what is attached.")
    for name, content in files:
        if isinstance(content, EmailMessage):
            mail.add_attachment(content)
        else:
            mail.add_attachment(content, maintype="application", subtype="x", filename=name)
    return mail


def read_mail(mail, *, by, **fields):
    return read_document(mail.as_bytes(), by=by, filename="rules.eml", **fields)


def attached_to(mail):
    with acting_for(mail.organization_id):
        return list(Document.objects.filter(attachment_of=mail).order_by("attachment_position"))


def read_again(mail, by):
    with acting_for(mail.organization_id) as organization_id:
        reprocess_documents(documents=[mail], by=by)
    pipeline.ingest(organization_id, mail.pk, read=read.read_document)
    return now(mail)


def now(document):
    with acting_for(document.organization_id):
        return Document.all_objects.get(pk=document.pk)


def storage(organization):
    with acting_for(organization):
        return OrganizationUsage.objects.get().storage_bytes


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture
def mail(owner):
    return read_mail(new_mail(("rules.md", RULES), ("days.txt", b"25 days")), by=owner)


def test_what_is_attached_becomes_documents_that_wait_to_be_read(acme, owner, mail):
    first, second = attached_to(mail)
    assert mail.processing_status == "completed"
    assert mail.notice == ""
    assert [first.filename, first.file_type, first.file_size] == ["rules.md", "md", len(RULES)]
    assert [second.filename, second.file_type] == ["days.txt", "txt"]
    assert first.processing_status == "pending"
    assert first.uploaded_by_id == owner.pk
    with acting_for(acme), first.file.open() as file:
        assert file.read() == RULES
    assert storage(acme) == mail.file_size + first.file_size + second.file_size


def test_what_is_attached_is_found(acme, owner, mail):
    with acting_for(acme) as organization_id:
        for document in attached_to(mail):
            pipeline.ingest(organization_id, document.pk, read=read.read_document)
    question = {"query": "zeppelin hangar", "mode": "text"}
    (hit,) = api_as(owner).post("/api/v1/search/", question).json()["results"]
    assert hit["filename"] == "rules.md"


def test_reading_a_mail_again_attaches_nothing_twice(acme, owner, mail):
    before, used = attached_to(mail), storage(acme)
    assert read_again(mail, owner).processing_status == "completed"
    assert attached_to(mail) == before
    assert storage(acme) == used


def test_what_somebody_deleted_does_not_come_back_with_the_next_reading(owner, mail):
    first, second = attached_to(mail)
    with acting_for(mail.organization_id):
        delete(first)
    read_again(mail, owner)
    assert attached_to(mail) == [second]


def test_the_same_attachment_twice_is_refused_by_the_database(acme, mail):
    with acting_for(acme), pytest.raises(IntegrityError, match="knowledge_document_attachment"):
        document_recipe.make(attachment_of=mail, attachment_position=0)


def test_a_mail_of_another_organization_is_refused_by_the_database(globex, mail):
    with (
        acting_for(globex),
        pytest.raises(IntegrityError, match="knowledge_document_attachment_of"),
    ):
        document_recipe.make(attachment_of_id=mail.pk, attachment_position=5)


def test_a_reading_that_came_too_late_attaches_nothing_and_leaves_no_file(acme, owner):
    waiting = upload(new_mail(("rules.md", RULES)).as_bytes(), by=owner, filename="rules.eml")

    directory = Path(waiting.file.path).parent
    before = set(directory.iterdir())

    def read_slowly(path, **options):
        with acting_for(acme):
            delete(now(waiting))
        return read.read_document(path, **options)

    pipeline.ingest(acme.pk, waiting.pk, read=read_slowly)
    with acting_for(acme):
        assert not Document.all_objects.exclude(attachment_of=None).exists()
    assert set(directory.iterdir()) == before


def test_a_mail_is_deleted_and_restored_with_what_is_attached(acme, mail):
    first, second = attached_to(mail)
    used = storage(acme)
    with acting_for(acme):
        delete(first)
        delete(mail)
    assert attached_to(mail) == []
    assert storage(acme) == 0
    with acting_for(acme):
        with pytest.raises(RestoreConflict, match=r"Restore rules\.eml first"):
            restore(now(second))
        restore(mail)
    assert attached_to(mail) == [second]
    assert storage(acme) == used - first.file_size
    with acting_for(acme):
        restore(now(first))
    assert attached_to(mail) == [first, second]


def test_what_cannot_be_read_is_named_and_the_rest_is_there(owner):
    mail = read_mail(new_mail(("../me.png", PNG), ("rules.md", RULES), ("x", b"")), by=owner)
    assert [document.filename for document in attached_to(mail)] == ["rules.md"]
    assert mail.processing_status == "completed"
    assert mail.notice == "Left out of what is attached:\nme.png: the file is an image"
    shown = api_as(owner).get(f"{DOCUMENTS}{mail.pk}/").json()
    assert shown["notice"] == mail.notice


def test_many_that_are_left_out_are_counted(owner):
    mail = read_mail(new_mail(*[(f"{n}.png", PNG) for n in range(50)]), by=owner)
    assert mail.notice.endswith("\n19.png: the file is an image\nand 30 more")


def test_over_quota_the_mail_is_read_and_says_what_was_left_out(acme, owner):
    big = ("big.txt", b"x" * 2_000_000)
    waiting = upload(new_mail(big, ("small.txt", b"x")).as_bytes(), by=owner, filename="a.eml")
    with acting_for(acme):
        room = 10**9 * Organization.objects.get(pk=acme.pk).max_storage_gb - 1_000_000
        OrganizationUsage.objects.update(storage_bytes=room)
    pipeline.ingest(acme.pk, waiting.pk, read=read.read_document)
    mail = now(waiting)
    assert mail.processing_status == "completed"
    assert mail.notice.endswith("\nbig.txt: the organization's storage is full")
    assert [document.filename for document in attached_to(mail)] == ["small.txt"]
    with acting_for(acme):
        OrganizationUsage.objects.update(storage_bytes=0)
    assert read_again(mail, owner).notice == ""
    assert [document.filename for document in attached_to(mail)] == ["big.txt", "small.txt"]


def test_mails_within_mails_end_somewhere(acme, owner):
    mail = new_mail(("rules.md", RULES), subject="Level 0")
    for level in range(1, 6):
        mail = new_mail(("", mail), (f"{level}.txt", b"x"), subject=f"Level {level}")
    mail = read_mail(mail, by=owner)
    depths = 0
    while inner := [document for document in attached_to(mail) if document.file_type == "eml"]:
        depths += 1
        (mail,) = inner
        pipeline.ingest(acme.pk, mail.pk, read=read.read_document)
    assert depths == attachments.MAX_DEPTH
    assert "a mail within a mail" in now(mail).notice


def test_what_is_attached_is_where_its_mail_is(acme, owner, member):
    with acting_for(acme):
        closed = create_project(organization_id=acme.pk, name="Closed")
    fields = {"project": closed, "is_searchable": False}
    mail = read_mail(new_mail(("rules.md", RULES)), by=owner, **fields)
    (attached,) = attached_to(mail)
    assert attached.project_id == closed.pk
    assert not attached.is_searchable
    path = f"{DOCUMENTS}{attached.pk}/"
    assert api_as(member).get(path).status_code == 404
    assert api_as(owner).patch(f"{DOCUMENTS}{mail.pk}/", {"project": None}).status_code == 200
    assert api_as(member).get(path).status_code == 200


def test_what_is_attached_to_a_restricted_mail_is_for_its_people_alone(acme, people):
    manager, member = people["acme-manager"], people["acme-member"]
    mail = read_mail(new_mail(("rules.md", RULES)), by=manager, is_restricted=True)
    (attached,) = attached_to(mail)
    path = f"{DOCUMENTS}{attached.pk}/"
    assert attached.is_restricted
    assert api_as(manager).get(path).json()["attachment_of"] == str(mail.pk)
    assert api_as(member).get(path).status_code == 404
    with acting_for(acme):
        granted, _ = sharing.grant(row=mail, action="view", to=member, by=manager)
    assert api_as(member).get(path).status_code == 200
    with acting_for(acme):
        sharing.revoke(granted=granted, by=manager)
    assert api_as(member).get(path).status_code == 404


def test_restricting_a_mail_restricts_what_is_attached_deleted_or_not(acme, owner, member, mail):
    first, second = attached_to(mail)
    with acting_for(acme):
        delete(second)
    assert api_as(member).get(f"{DOCUMENTS}{first.pk}/").status_code == 200
    answer = api_as(owner).patch(f"{DOCUMENTS}{mail.pk}/", {"is_restricted": True})
    assert answer.status_code == 200
    with acting_for(acme):
        restore(second)
    for document in (first, second):
        assert now(document).is_restricted
        assert api_as(member).get(f"{DOCUMENTS}{document.pk}/").status_code == 404


@pytest.mark.parametrize("change", [{"project": None}, {"is_restricted": True}])
def test_what_is_attached_goes_nowhere_without_its_mail(acme, owner, change):
    with acting_for(acme):
        closed = create_project(organization_id=acme.pk, name="Closed")
    mail = read_mail(new_mail(("rules.md", RULES)), by=owner, project=closed)
    (attached,) = attached_to(mail)
    answer = api_as(owner).patch(f"{DOCUMENTS}{attached.pk}/", change)
    assert answer.status_code == 400
    assert "attached to a mail" in answer.content.decode()
    assert api_as(owner).patch(f"{DOCUMENTS}{mail.pk}/", change).status_code == 200


def test_the_mail_is_not_named_to_those_who_may_not_see_it(acme, people):
    manager, member = people["acme-manager"], people["acme-member"]
    mail = read_mail(new_mail(("rules.md", RULES)), by=manager, is_restricted=True)
    (attached,) = attached_to(mail)
    with acting_for(acme):
        sharing.grant(row=attached, action="view", to=member, by=manager)
    listed = api_as(member).get(DOCUMENTS).json()["results"]
    assert [document["attachment_of"] for document in listed] == [None]
    assert api_as(member).get(f"{DOCUMENTS}{attached.pk}/").json()["attachment_of"] is None
    of_mail = f"{DOCUMENTS}?attachment_of={mail.pk}"
    assert api_as(member).get(of_mail).json()["results"] == []
    assert [document["id"] for document in api_as(manager).get(of_mail).json()["results"]] == [
        str(attached.pk)
    ]


def test_the_list_is_filtered_by_mail(owner, mail):
    listed = api_as(owner).get(f"{DOCUMENTS}?attachment_of={mail.pk}").json()["results"]
    assert [document["filename"] for document in listed] == ["days.txt", "rules.md"]
    assert {document["attachment_of"] for document in listed} == {str(mail.pk)}
    assert api_as(owner).get(f"{DOCUMENTS}?attachment_of=x").status_code == 400


def test_the_admin_shows_both_ways_what_may_be_seen(client, acme, people, mail):
    first, _ = attached_to(mail)
    client.force_login(people["acme-owner"])
    path = "/admin/knowledge/document/"
    assert "rules.md" in client.get(f"{path}{mail.pk}/change/").content.decode()
    page = client.get(f"{path}{first.pk}/change/").content.decode()
    assert f"{path}{mail.pk}/change/" in page
    assert 'name="project"' not in page
    assert 'name="metadata"' in page
    listed = client.get(f"{path}?attachment_of__isempty=0").content.decode()
    assert str(first.pk) in listed
    assert str(mail.pk) not in listed

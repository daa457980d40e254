"""Documents in the admin: uploaded, read again, removed; never shown to platform staff."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from common.ids import uuid7
from knowledge import baker_recipes
from knowledge.models import Document
from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.context import acting_for
from tenants.models import OrganizationUsage, User
from tenants.services import add_member, create_project

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
TEXT = b"# Vacation\n\nEverybody has 28 days of vacation a year.\n"


def person(role, organization):
    with acting_for(organization):
        return User.objects.get(username=f"{organization.slug}-{role}")


def make_document(organization, **fields):
    with acting_for(organization):
        return baker_recipes.document.make(**fields)


def make_project(organization, name="Rocket"):
    with acting_for(organization):
        return create_project(organization_id=organization.pk, name=name)


def reread(document):
    with acting_for(document.organization_id):
        return Document.all_objects.get(pk=document.pk)


def upload(username, *, name="policy.md", content=TEXT, **fields):
    data = {"file": SimpleUploadedFile(name, content), "is_searchable": "on", **fields}
    return signed_in(username).post(page(Document, "add"), data)


def test_an_owner_uploads_a_document(acme):
    project = make_project(acme)
    answer = upload("acme-owner", project=str(project.pk), metadata='{"year": 2026}')
    assert answer.url == page(Document, "changelist")
    with acting_for(acme):
        document = Document.objects.get(filename="policy.md")
        assert document.organization_id == acme.pk
        assert (document.project, document.metadata) == (project, {"year": 2026})
        assert (document.file_size, document.processing_status) == (len(TEXT), "pending")
        assert document.uploaded_by == person("owner", acme)
        assert OrganizationUsage.objects.get().storage_bytes == len(TEXT)


def test_a_file_that_is_not_read_is_an_error_of_the_form(acme):
    answer = upload("acme-owner", name="virus.exe", content=b"MZ\x90\x00\x03\x00\x00\x00")
    assert list(errors_of(answer)) == ["file"]
    with acting_for(acme):
        assert not Document.all_objects.exists()


def test_the_same_file_again_is_an_error_of_the_form(acme):
    upload("acme-owner", name="first.md")
    answer = upload("acme-owner", name="second.md")
    assert errors_of(answer) == {"file": ["The same file is here already: first.md."]}
    assert upload("acme-owner", name="second.md", content=TEXT * 2).status_code == 302


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({}, None),
        ({"pages_read": 3, "pages_total": 1200}, "3 of 1,200 pages read"),
        (
            {"pages_read": 7, "pages_total": 7, "chunks_embedded": 32, "chunks_total": 70},
            "32 of 70 passages embedded",
        ),
    ],
)
def test_how_far_reading_got_is_shown_while_it_goes_on(acme, columns, shown):
    document = make_document(acme, processing_status="processing", **columns)
    for place in (page(Document, "changelist"), page(Document, "change", document.pk)):
        text = signed_in("acme-owner").get(place).content.decode()
        assert (" pages read" in text or "passages embedded" in text) == bool(shown)
        assert not shown or shown in text
    with acting_for(acme):
        Document.objects.update(processing_status="failed")
    text = signed_in("acme-owner").get(page(Document, "changelist")).content.decode()
    assert not shown or shown not in text


def test_a_full_storage_is_an_error_of_the_form(acme, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    with acting_for(acme):
        OrganizationUsage.objects.update(storage_bytes=acme.max_storage_bytes)
    answer = upload("acme-owner")
    assert errors_of(answer) == {
        "": ["The organization's quota of storage is 100.00 GB, and 100.00 GB is in use already."]
    }
    assert not list((settings.MEDIA_ROOT / str(acme.pk)).glob("*"))


def test_a_document_takes_a_file(acme):
    answer = signed_in("acme-owner").post(page(Document, "add"), {"metadata": ""})
    assert errors_of(answer) == {"file": ["This field is required."]}


def test_another_organizations_project_is_no_choice(acme, globex):
    answer = upload("acme-owner", project=str(make_project(globex).pk))
    assert "not one of the available choices" in errors_of(answer)["project"][0]


def test_a_document_is_shown_with_its_passages(acme):
    document = make_document(acme, processing_status="failed", error="The file holds no text.")
    with acting_for(acme):
        baker_recipes.chunk.make(document=document, content="28 days of vacation")
    client = signed_in("acme-owner")
    found = client.get(page(Document, "changelist"), {"q": document.filename}).content.decode()
    assert str(document.pk) in found
    shown = client.get(page(Document, "change", document.pk)).content.decode()
    assert "The file holds no text." in shown
    assert "28 days of vacation" in shown


def test_what_reading_found_is_not_typed_in(acme):
    document, client = make_document(acme), signed_in("acme-owner")
    address = page(Document, "change", document.pk)
    changes = {"filename": "x", "processing_status": "completed", "is_searchable": None}
    client.post(address, filled(client.get(address), **changes))
    changed = reread(document)
    assert (changed.filename, changed.processing_status) == (document.filename, "pending")
    assert not changed.is_searchable


def test_the_language_of_a_document_is_chosen(acme):
    document = make_document(acme)
    client, address = signed_in("acme-owner"), page(Document, "change", document.pk)
    data = filled(client.get(address)) | {"language": "german"}
    assert client.post(address, data).status_code == 302
    assert (reread(document).language, reread(document).is_language_chosen) == ("german", True)
    assert list(errors_of(client.post(address, data | {"language": "klingon"}))) == ["language"]
    assert reread(document).language == "german"


def test_documents_are_read_again(acme):
    document = make_document(acme, processing_status="failed", error="No text.", attempts=3)
    selected = {"action": "read_again", "_selected_action": [document.pk]}
    signed_in("acme-owner").post(page(Document, "changelist"), selected)
    again = reread(document)
    assert (again.processing_status, again.error, again.attempts) == ("pending", "", 0)


def test_all_that_failed_are_read_again_whichever_are_selected(acme, globex):
    failed = {"processing_status": "failed", "error": "No text."}
    selected, others = make_document(acme), [make_document(acme, **failed) for _ in range(2)]
    theirs = make_document(globex, **failed)
    asked = {"action": "read_failed_again", "_selected_action": [selected.pk]}
    answer = signed_in("acme-owner").post(page(Document, "changelist"), asked, follow=True)
    assert "Queued 2 documents that had failed." in answer.content.decode()
    assert {reread(other).processing_status for other in others} == {"pending"}
    assert reread(selected).updated_at == selected.updated_at
    assert reread(theirs).processing_status == "failed"


def test_a_document_is_removed(acme):
    document, client = make_document(acme), signed_in("acme-owner")
    assert document.filename in client.get(page(Document, "delete", document.pk)).content.decode()
    client.post(page(Document, "delete", document.pk), {"post": "yes"})
    assert str(document.pk) not in client.get(page(Document, "changelist")).content.decode()
    assert reread(document).is_deleted


def test_a_member_sees_and_uploads_what_is_theirs(acme):
    """The built-in Member, let into the admin, who may add documents and change none."""
    mine, others = make_project(acme), make_project(acme, "Others")
    with acting_for(acme):
        add_member(project=mine, user=person("member", acme))
        User.objects.filter(username="acme-member").update(is_staff=True)
    seen, hidden = make_document(acme, project=mine), make_document(acme, project=others)
    client = signed_in("acme-member")
    shown = client.get(page(Document, "changelist")).content.decode()
    assert str(seen.pk) in shown
    assert str(hidden.pk) not in shown
    assert client.get(page(Document, "change", hidden.pk)).url == "/admin/"
    assert client.post(page(Document, "change", seen.pk), {"metadata": ""}).status_code == 403
    selected = {"action": "read_again", "_selected_action": [seen.pk]}
    client.post(page(Document, "changelist"), selected)
    assert "not one of" in errors_of(upload("acme-member", project=str(others.pk)))["project"][0]
    assert upload("acme-member", project=str(mine.pk)).status_code == 302


@pytest.mark.parametrize("view", ["change", "delete"])
def test_another_organizations_are_answered_like_none(acme, globex, view):
    theirs, client = make_document(globex), signed_in("acme-owner")
    assert str(theirs.pk) not in client.get(page(Document, "changelist")).content.decode()
    answers = [client.get(page(Document, view, pk)) for pk in (theirs.pk, uuid7())]
    assert {(answer.status_code, answer.url) for answer in answers} == {(302, "/admin/")}


@both_logins
def test_platform_staff_see_none(acme):
    document, client = make_document(acme), signed_in("staff")
    for address in (
        page(Document, "changelist"),
        page(Document, "add"),
        page(Document, "change", document.pk),
        page(Document, "delete", document.pk),
        reverse("admin:app_list", args=["knowledge"]),
    ):
        assert client.get(address).status_code in (403, 404)
    source = {"app_label": "knowledge", "model_name": "documentchunk", "field_name": "document"}
    assert client.get(reverse("admin:autocomplete"), source).status_code == 403
    assert page(Document, "changelist") not in client.get(reverse("admin:index")).content.decode()


def test_fifty_documents_take_no_query_each(acme, django_assert_max_num_queries):
    document = make_document(acme)
    project = make_project(acme)
    with acting_for(acme):
        baker_recipes.document.make(_quantity=49, project=project)
        baker_recipes.chunk.make(_quantity=50, document=document)
    client = signed_in("acme-owner")
    for address in (page(Document, "changelist"), page(Document, "change", document.pk)):
        with django_assert_max_num_queries(20):
            assert client.get(address).status_code == 200

"""The audit trail of content: the organization's own, kept from platform staff."""

import pytest
from django.urls import reverse

from agents.testing import answer, ask, make_conversation
from knowledge.testing import read_document, upload
from tenants.admin.testing import signed_in
from tenants.context import acting_for
from tenants.models import AuditEntry
from tenants.services import create_project


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_what_platform_staff_delete_is_theirs_to_the_last_row(acme, people):
    with acting_for(acme):
        conversation = make_conversation(people["acme-member"])
    staff = signed_in("staff")
    page = reverse("admin:tenants_project_delete", args=[conversation.project_id])
    assert staff.post(page, {"post": "yes"}).status_code == 302
    with acting_for(acme):
        deleted = AuditEntry.objects.get(object_id=conversation.pk, action="deleted")
    assert (deleted.acting_as, deleted.actor_name) == ("platform staff", "staff")


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_platform_staff_see_the_control_planes_entries_and_no_contents(acme, people):
    with acting_for(acme):
        create_project(organization_id=acme.pk, name="Seen")
    upload("# Unseen", by=people["acme-member"], filename="unseen.md")
    page = signed_in("staff").get("/admin/tenants/auditentry/").content.decode()
    assert "Seen" in page
    assert "unseen" not in page
    with acting_for(acme):
        assert AuditEntry.objects.filter(object_name="unseen.md").exists()


@pytest.mark.django_db(transaction=True)
def test_what_jobs_do_is_written_as_the_systems(acme, people):
    document = read_document("# Leave\n\nFive days.\n", by=people["acme-member"])
    with acting_for(acme):
        found = AuditEntry.objects.filter(object_id=document.pk).order_by("created_at")
        statuses = [entry.after.get("processing_status") for entry in found]
        assert statuses == ["pending", "processing", "completed"]
        assert {entry.acting_as for entry in found} == {"system"}


@pytest.mark.django_db(transaction=True)
def test_a_question_and_its_reply_are_written_without_what_they_say(acme, people):
    reply = answer(ask(people["acme-member"], "How many days?", model_name="extractive"))
    with acting_for(acme):
        found = AuditEntry.objects.filter(
            object_type="agents.Message", after__conversation_id=str(reply.conversation_id)
        )
        assert {entry.after["role"] for entry in found} == {"user", "assistant"}
        assert not [entry for entry in found if "days" in str(entry.after)]

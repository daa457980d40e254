"""Conversations in the admin: to read, for those who may; never for platform staff."""

import pytest
from django.urls import reverse

from agents.baker_recipes import message_recipe
from agents.models import Conversation
from agents.testing import make_conversation
from common.ids import uuid7
from tenants.admin.testing import page, signed_in
from tenants.context import acting_for
from tenants.models import Permission, Role, User
from tenants.permissions import Permissions
from tenants.services import set_permissions, set_roles

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def person(role, organization):
    with acting_for(organization):
        return User.objects.get(username=f"{organization.slug}-{role}")


def conversation_of(role, organization, count=2):
    with acting_for(organization):
        conversation = make_conversation(person(role, organization))
        for _ in range(count):
            message_recipe.make(conversation=conversation, content="How many days of vacation?")
        return conversation


def let_in(role, organization, *permissions):
    """Make somebody staff with a role of just these permissions."""
    somebody = person(role, organization)
    with acting_for(organization):
        User.objects.filter(pk=somebody.pk).update(is_staff=True)
        narrow = Role.objects.create(name="Narrow")
        wanted = Permission.objects.filter(name__in=permissions)
        set_permissions(role=narrow, permissions=list(wanted))
        set_roles(user=somebody, roles=[narrow])


def test_an_owner_reads_a_transcript(acme):
    conversation = conversation_of("member", acme)
    client = signed_in("acme-owner")
    assert str(conversation.pk) in client.get(page(Conversation, "changelist")).content.decode()
    shown = client.get(page(Conversation, "change", conversation.pk)).content.decode()
    assert shown.count("How many days of vacation?") == 2


def test_nobody_writes_in_one(acme):
    conversation = conversation_of("owner", acme)
    client = signed_in("acme-owner")
    assert client.get(page(Conversation, "add")).status_code == 403
    for view in ("change", "delete"):
        answer = client.post(page(Conversation, view, conversation.pk), {"post": "yes"})
        assert answer.status_code == 403


def test_others_conversations_take_the_permission(acme):
    mine, theirs = conversation_of("manager", acme), conversation_of("member", acme)
    let_in("manager", acme, Permissions.AGENTS_USE)
    client = signed_in("acme-manager")
    shown = client.get(page(Conversation, "changelist")).content.decode()
    assert str(mine.pk) in shown
    assert str(theirs.pk) not in shown
    answers = [client.get(page(Conversation, "change", pk)) for pk in (theirs.pk, uuid7())]
    assert {(answer.status_code, answer.url) for answer in answers} == {(302, "/admin/")}


def test_without_any_right_there_are_none(acme):
    conversation = conversation_of("manager", acme)
    let_in("manager", acme, Permissions.DOCUMENTS_VIEW)
    client = signed_in("acme-manager")
    assert client.get(page(Conversation, "changelist")).status_code == 403
    assert client.get(page(Conversation, "change", conversation.pk)).status_code == 403


def test_another_organizations_are_answered_like_none(acme, globex):
    theirs = conversation_of("member", globex)
    client = signed_in("acme-owner")
    assert str(theirs.pk) not in client.get(page(Conversation, "changelist")).content.decode()
    answers = [client.get(page(Conversation, "change", pk)) for pk in (theirs.pk, uuid7())]
    assert {(answer.status_code, answer.url) for answer in answers} == {(302, "/admin/")}


@both_logins
def test_platform_staff_see_none(acme):
    conversation = conversation_of("member", acme)
    client = signed_in("staff")
    for address in (
        page(Conversation, "changelist"),
        page(Conversation, "add"),
        page(Conversation, "change", conversation.pk),
        page(Conversation, "delete", conversation.pk),
        page(Conversation, "history", conversation.pk),
    ):
        assert client.get(address).status_code in (403, 404)
    source = {"app_label": "agents", "model_name": "message", "field_name": "conversation"}
    assert client.get(reverse("admin:autocomplete"), source).status_code in (403, 404)
    for address in ("admin:index", "admin:app_list"):
        shown = client.get(reverse(address, args=["agents"] if "app" in address else []))
        assert "conversation" not in shown.content.decode()


def test_fifty_conversations_take_no_query_each(acme, django_assert_max_num_queries):
    first = conversation_of("member", acme, count=50)
    with acting_for(acme):
        Conversation.objects.bulk_create(
            Conversation(agent=first.agent, project=first.project, user=first.user)
            for _ in range(49)
        )
    client = signed_in("acme-owner")
    for address in (page(Conversation, "changelist"), page(Conversation, "change", first.pk)):
        with django_assert_max_num_queries(20):
            assert client.get(address).status_code == 200

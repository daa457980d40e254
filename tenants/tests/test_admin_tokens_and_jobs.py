"""Access tokens and background jobs in the admin: to look at; tokens also to revoke."""

from datetime import timedelta

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from tenants.admin.testing import page, signed_in
from tenants.context import acting_for
from tenants.models import AccessToken, Permission, Role, User
from tenants.models.token import digest
from tenants.permissions import Permissions
from tenants.services import set_permissions, set_roles

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def issue(organization):
    with acting_for(organization):
        user = User.objects.get(username=f"{organization.slug}-member")
        return AccessToken.objects.issue(user=user, lifetime=timedelta(days=1), name="laptop")


def test_a_token_is_shown_without_what_it_opens(acme):
    token, secret = issue(acme)
    client = signed_in("acme-owner")
    for address in (page(AccessToken, "changelist"), page(AccessToken, "change", token.pk)):
        shown = client.get(address).content.decode()
        assert token.prefix in shown
        assert "Acme Member" in shown
        assert secret not in shown
        assert digest(secret) not in shown
    assert client.post(page(AccessToken, "change", token.pk), {"name": "x"}).status_code == 403


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_tokens_are_revoked(acme, username):
    (token, _), (other, _) = issue(acme), issue(acme)
    admin = signed_in(username)
    admin.post(
        page(AccessToken, "changelist"), {"action": "revoke", "_selected_action": [token.pk]}
    )
    shown = admin.get(page(AccessToken, "changelist")).content.decode()
    assert str(token.pk) not in shown
    assert str(other.pk) in shown
    with acting_for(acme):
        assert AccessToken.all_objects.get(pk=token.pk).is_deleted
    admin.post(page(AccessToken, "delete", other.pk), {"post": "yes"})
    with acting_for(acme):
        assert AccessToken.all_objects.get(pk=other.pk).is_deleted


def test_tokens_of_who_may_do_more_are_beyond_reach(acme):
    token, _ = issue(acme)  # of a member, who may read documents
    with acting_for(acme):
        person = User.objects.get(username="acme-viewer")
        role = Role.objects.create(name="People")
        rights = Permission.objects.filter(name=Permissions.USERS_CHANGE)
        set_permissions(role=role, permissions=list(rights))
        set_roles(user=person, roles=[role])
        User.objects.filter(pk=person.pk).update(is_staff=True)
        own, _ = AccessToken.objects.issue(user=person, lifetime=timedelta(days=1))
    client = signed_in("acme-viewer")
    revoked = {"action": "revoke", "_selected_action": [token.pk, own.pk]}
    assert client.post(page(AccessToken, "changelist"), revoked).status_code == 403
    assert client.post(page(AccessToken, "delete", token.pk), {"post": "yes"}).status_code == 403
    client.post(page(AccessToken, "changelist"), revoked | {"_selected_action": [own.pk]})
    with acting_for(acme):
        assert list(AccessToken.objects.all()) == [token]


@both_logins
def test_platform_staff_watch_the_jobs(db):
    from procrastinate.contrib.django import app

    app.configure_task("tests.some_task", queue="tests").defer(number=7)
    job = ProcrastinateJob.objects.get(task_name="tests.some_task")
    client = signed_in("staff")
    assert "tests.some_task" in client.get(page(ProcrastinateJob, "changelist")).content.decode()
    shown = client.get(page(ProcrastinateJob, "change", job.pk)).content.decode()
    assert "deferred" in shown
    for view in ("change", "delete"):
        assert client.post(page(ProcrastinateJob, view, job.pk), {"post": "yes"}).status_code == 403
    assert client.get(page(ProcrastinateJob, "add")).status_code == 403


@both_logins
def test_jobs_are_filtered_by_the_statuses_that_there_are(db):
    client = signed_in("staff")
    jobs = page(ProcrastinateJob, "changelist")
    assert client.get(jobs, {"status__exact": "failed"}).status_code == 200
    for lookup, value in (("exact", "nothing"), ("exact", ""), ("in", "failed"), ("gte", "a")):
        assert client.get(jobs, {f"status__{lookup}": value}).status_code == 400


def test_an_organizations_staff_do_not(acme):
    client = signed_in("acme-owner")
    assert client.get(page(ProcrastinateJob, "changelist")).status_code == 403
    assert client.get(page(ProcrastinateJob, "change", 1)).status_code == 403

"""Who sees what in the admin: the same pages, asked for by everybody."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse

from common.ids import uuid7
from tenants.admin.testing import page, signed_in
from tenants.context import acting_for
from tenants.models import (
    AccessToken,
    Organization,
    Permission,
    Project,
    ProjectMember,
    Role,
    User,
    UserRole,
)
from tenants.services import create_project

MODELS = [AccessToken, Organization, Permission, Project, Role, User]
OWNED = [AccessToken, Project, Role, User]  # by one organization, and seen by no other
NOT_ADDED = {
    "acme-owner": {AccessToken, Organization, Permission},
    "staff": {AccessToken, Permission},
}


def row_of(model, organization):
    """A living row of the model, of this organization where it has one."""
    with acting_for(organization):
        user = User.objects.get(username=f"{organization.slug}-member")
        if model is Project:
            return create_project(organization_id=organization.pk, name="Rocket", manager=user)
        if model is Role:
            return Role.objects.create(name="Auditor")
        if model is AccessToken:
            return AccessToken.objects.issue(user=user, lifetime=timedelta(days=1))[0]
        return user if model is User else model.objects.first()


def pages_work(username, model, organization):
    row = row_of(model, organization)
    client = signed_in(username)
    assert client.get(page(model, "changelist")).status_code == 200
    assert client.get(page(model, "changelist"), {"q": "e"}).status_code == 200
    assert client.get(page(model, "change", row.pk)).status_code == 200
    added = 403 if model in NOT_ADDED[username] else 200
    assert client.get(page(model, "add")).status_code == added


@pytest.mark.parametrize("model", MODELS)
def test_an_organizations_owner_has_its_pages(acme, model):
    pages_work("acme-owner", model, acme)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_platform_staff_have_the_control_planes_pages(acme, model):
    pages_work("staff", model, acme)


@pytest.mark.parametrize("model", MODELS)
def test_staff_without_a_role_have_none(acme, model):
    row = row_of(model, acme)
    with acting_for(acme):
        User.objects.filter(username="acme-viewer").update(is_staff=True)
        UserRole.objects.filter(user__username="acme-viewer").delete()
    client = signed_in("acme-viewer")
    for view, *args in (["changelist"], ["add"], ["change", row.pk], ["delete", row.pk]):
        assert client.get(page(model, view, *args)).status_code == 403
    assert "You have no rights here yet" in client.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize("view", ["change", "delete", "history"])
@pytest.mark.parametrize("model", OWNED)
def test_another_organizations_row_is_answered_like_none(acme, globex, model, view):
    client = signed_in("acme-owner")
    theirs, nobodys = str(row_of(model, globex).pk), str(uuid7())
    answers = [client.get(page(model, view, pk), follow=True) for pk in (theirs, nobodys)]
    found = [
        (answer.redirect_chain, answer.status_code, visible_text(answer, pk))
        for answer, pk in zip(answers, (theirs, nobodys), strict=True)
    ]
    assert found[0] == found[1]
    assert "Globex" not in found[0][2]


def visible_text(answer, pk):
    """What a page says, without what differs from one request to the next."""
    lines = answer.content.decode().replace(pk, "").splitlines()
    return "\n".join(line for line in lines if "csrfmiddlewaretoken" not in line)


@pytest.mark.parametrize("model", OWNED)
def test_lists_hold_no_row_of_another_organization(acme, globex, model):
    own, theirs = row_of(model, acme), row_of(model, globex)
    shown = signed_in("acme-owner").get(page(model, "changelist")).content.decode()
    assert str(own.pk) in shown
    assert str(theirs.pk) not in shown
    assert "Globex" not in shown


@pytest.mark.parametrize("view", ["changelist", "add"])
def test_nobody_comes_in_without_being_staff(acme, client, view):
    for username in ("acme-manager", None):
        if username:
            with pytest.raises(AssertionError, match="cannot sign in"):
                signed_in(username)
        assert client.get(page(User, view)).status_code == 302


def test_a_token_opens_no_page_of_the_admin(acme, client):
    with acting_for(acme):
        owner = User.objects.get(username="acme-owner")
        secret = AccessToken.objects.issue(user=owner, lifetime=timedelta(days=1))[1]
    answer = client.get(page(User, "changelist"), headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("admin:login"))


@pytest.mark.parametrize("username", ["acme-owner", "staff"])
@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_fifty_rows_take_no_query_each(acme, username, django_assert_max_num_queries):
    with acting_for(acme):
        people = [
            User(username=f"p{n}", email=f"p{n}@acme.test", organization=acme) for n in range(50)
        ]
        User.objects.bulk_create(people)
        projects = [Project(name=f"Project {n}", manager=people[n]) for n in range(50)]
        Project.objects.bulk_create(projects)
        ProjectMember.objects.bulk_create(
            ProjectMember(project=projects[0], user=person) for person in people
        )
        Role.objects.bulk_create(Role(name=f"Role {n}", organization=acme) for n in range(50))
        for person in people:
            AccessToken.objects.issue(user=person, lifetime=timedelta(days=1))
    client = signed_in(username)
    pages = [page(model, "changelist") for model in MODELS]
    for address in [*pages, page(Project, "change", projects[0].pk)]:
        for alias in ("default", "platform"):
            with django_assert_max_num_queries(20, using=alias):
                assert client.get(address).status_code == 200


def test_a_hidden_column_cannot_be_guessed_by_a_filter(acme):
    client = signed_in("acme-owner")
    for model, lookup in (
        (User, "password__startswith"),
        (User, "organization__slug__startswith"),
        (AccessToken, "digest__startswith"),
        (AccessToken, "user__password__startswith"),
        (Project, "manager__password__startswith"),
    ):
        assert client.get(page(model, "changelist"), {lookup: "a"}).status_code == 400


def test_an_autocomplete_field_offers_own_rows_only(acme, globex):
    address = reverse("admin:autocomplete")
    source = {"app_label": "tenants", "model_name": "project", "field_name": "manager"}
    answer = signed_in("acme-owner").get(address, source | {"term": "Member"})
    assert [found["text"] for found in answer.json()["results"]] == ["Acme Member"]


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_platform_staff_are_told_whose_a_choice_is(acme, django_assert_max_num_queries):
    address = reverse("admin:autocomplete")
    source = {"app_label": "tenants", "model_name": "project", "field_name": "manager"}
    client = signed_in("staff")
    # Whether they act for an organization comes first, in a transaction of its own; each block
    # says who is acting.
    asked = 4 + 5
    with django_assert_max_num_queries(asked, using="platform"):
        answer = client.get(address, source | {"term": "Member"})
    labels = {found["text"] for found in answer.json()["results"]}
    assert labels == {"Acme Member (Acme)", "Globex Member (Globex)"}


def test_an_autocomplete_field_asks_for_the_permission(acme):
    with acting_for(acme):
        User.objects.filter(username="acme-member").update(is_staff=True)
    source = {"app_label": "tenants", "model_name": "project", "field_name": "manager"}
    assert signed_in("acme-member").get(reverse("admin:autocomplete"), source).status_code == 403


def test_every_model_of_the_admin_keeps_no_log(acme):
    for model_admin in admin.site._registry.values():
        assert model_admin.log_addition(None, None, None) is None

"""What platform staff see of content: nothing, one organization's while they act, nothing after.

Every page of the admin is asked for, as the site itself lists them.
"""

import re
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections, models
from django.urls import reverse

from config.tests.test_api import walk
from config.tests.test_isolation import refuse_unnamed
from tenants import staff_access
from tenants.admin.testing import page, signed_in
from tenants.context import acting_for
from tenants.control_plane import platform_models
from tenants.models import Organization, StaffAccess, User
from tenants.testing import PASSWORD, as_owner
from tenants.tests.racing import race
from tenants.tests.rows import CANARY, make_one_of_each, make_staff_access, tenant_models
from tenants.tests.test_staff_access import REASON, let_time_pass

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])

CONTENT = [model for model in tenant_models() if model not in platform_models()]
DOCUMENT, CONVERSATION = "knowledge.Document", "agents.Conversation"
NOT_LOOKED_AT = {"logout/", "(?P<url>.*)$"}  # ends the session; the answer to what is no page
ID = re.compile(r"<(?:path:object_id|id)>")


def secret(organization):
    """What stands in the content of an organization and in nothing else."""
    return f"content-of-{organization.slug}"


@pytest.fixture
def planted(acme, globex):
    """Rows of both organizations in every table, `planted["acme"]["knowledge.Document"]`."""
    return {organization.slug: plant(organization) for organization in (acme, globex)}


def plant(organization):
    made = make_one_of_each(organization)
    made["tenants.StaffAccess"] = make_staff_access(organization)
    with acting_for(organization):
        for model in CONTENT:
            row = made[model._meta.label]
            texts = {
                field.name: secret(organization)
                for field in model._meta.concrete_fields
                if isinstance(field, models.CharField | models.TextField | models.FileField)
                and CANARY in str(getattr(row, field.name))
            }
            if texts:
                model._base_manager.filter(pk=row.pk).update(**texts)
    return made


@pytest.fixture
def staff(db):
    return signed_in("staff")


@pytest.fixture
def act(people):
    def begin(organization):
        return staff_access.begin(
            organization=organization, by=people["staff"], reason=REASON, minutes=30
        )

    return begin


def addresses(planted):
    """Every page of the admin, of rows of both organizations and of none."""
    for path, _ in walk(admin.site.get_urls()):
        if path in NOT_LOOKED_AT:
            continue
        if "(?P<app_label>" in path:
            yield from (reverse("admin:app_list", args=[label]) for label in ("tenants", "agents"))
        elif ID.search(path):
            app, model = path.split("/")[:2]
            label = apps.get_model(app, model)._meta.label
            keys = [made[label].pk for made in planted.values() if label in made] or [uuid4()]
            yield from ("/admin/" + ID.sub(str(key), path) for key in keys)
        else:
            yield f"/admin/{path}"
    for model, model_admin in admin.site._registry.items():
        yield page(model, "changelist") + "?q=content-of"
        for field in model._meta.get_fields():
            if field.many_to_one and model_admin.get_search_fields(None):
                yield reverse("admin:autocomplete") + (
                    f"?app_label={model._meta.app_label}&model_name={model._meta.model_name}"
                    f"&field_name={field.name}&term="
                )


def look_at_everything(client, planted):
    """What each page says: (status, body and headers)."""
    found = {}
    for address in addresses(planted):
        answer = client.get(address)
        said = f"{answer.content.decode()}\n{answer.headers}\n{answer.cookies}"
        found[address] = answer.status_code, said
    assert len(found) > 100
    return found


def saying(found, text):
    return {address for address, (_, said) in found.items() if text.lower() in said.lower()}


def shows_no_content(found, *organizations):
    for organization in organizations:
        assert saying(found, secret(organization)) == set()
    shown = {address for address, (status, _) in found.items() if status == 200}
    assert page(Organization, "changelist") in shown
    assert len(shown) > 30


def shows_one_organization(found, planted, own, other):
    """Its content in all its pages, and of the other one not so much as the name."""
    assert saying(found, other.slug) == set()
    telling = saying(found, secret(own))
    for label in (DOCUMENT, CONVERSATION):
        model = apps.get_model(label)
        assert page(model, "changelist") in telling
        assert page(model, "change", planted[own.slug][label].pk) in telling
        assert found[page(model, "change", planted[other.slug][label].pk)][0] == 302


def test_content_is_seen_while_acting_and_not_before_or_after(acme, globex, planted, staff, act):
    shows_no_content(look_at_everything(staff, planted), acme, globex)

    act(acme)
    shows_one_organization(look_at_everything(staff, planted), planted, acme, globex)
    staff.post(reverse("admin:tenants_staffaccess_stop"))
    shows_no_content(look_at_everything(staff, planted), acme, globex)


@pytest.mark.long
def test_content_is_seen_of_another_organization_and_no_longer_than_acting_lasts(
    acme, globex, planted, staff, act
):
    act(globex)
    shows_one_organization(look_at_everything(staff, planted), planted, globex, acme)
    let_time_pass(hours=1)
    shows_no_content(look_at_everything(staff, planted), acme, globex)


def test_the_very_next_request_after_the_end_shows_nothing(acme, planted, staff, act):
    address = page(apps.get_model(DOCUMENT), "change", planted["acme"][DOCUMENT].pk)
    for end in ("stopped", "expired", "switched off"):
        act(acme)
        assert secret(acme) in staff.get(address).content.decode()
        match end:
            case "stopped":
                signed_in("staff").post(reverse("admin:tenants_staffaccess_stop"))
            case "expired":
                let_time_pass(minutes=31)
            case "switched off":
                with as_owner():
                    Organization.objects.filter(pk=acme.pk).update(is_active=False)
        answer = staff.get(address)
        assert answer.status_code in (302, 403)
        assert secret(acme) not in answer.content.decode()


def test_two_sessions_see_the_same_and_another_person_sees_nothing(acme, planted, staff, act):
    with as_owner():
        User.objects.create_superuser("colleague", "colleague@chancery.test", PASSWORD)
    address = page(apps.get_model(DOCUMENT), "changelist")
    second, colleague = signed_in("staff"), signed_in("colleague")
    act(acme)
    for client in (staff, second):
        assert secret(acme) in client.get(address).content.decode()
    assert colleague.get(address).status_code == 403
    staff.post(reverse("admin:tenants_staffaccess_stop"))
    for client in (staff, second):
        assert client.get(address).status_code == 403


def test_what_is_ended_while_requests_run_is_ended_for_the_next(acme, planted, staff, people, act):
    access = act(acme)
    address = page(apps.get_model(DOCUMENT), "changelist")

    def look():
        statuses = []
        while len(statuses) < 100 and 403 not in statuses:
            answer = staff.get(address)
            assert (secret(acme) in answer.content.decode()) == (answer.status_code == 200)
            statuses.append(answer.status_code)
        return set(statuses) - {200}, staff.get(address).status_code

    seen, ended = race(look, lambda: staff_access.end(access=access, by=people["staff"]))
    assert ended is True
    assert seen == ({403}, 403)


def test_what_staff_change_while_they_act_is_the_organizations(acme, planted, staff, act):
    model, row = apps.get_model(DOCUMENT), planted["acme"][DOCUMENT]
    with acting_for(acme):
        assert not model.objects.get(pk=row.pk).is_deleted
    action = {"action": "read_again", "_selected_action": [row.pk]}
    assert staff.post(page(model, "changelist"), action).status_code == 403
    assert staff.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    act(acme)
    assert staff.post(page(model, "changelist"), action).status_code == 302
    assert staff.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 302
    with acting_for(acme):
        assert model.all_objects.get(pk=row.pk).is_deleted


def test_what_they_upload_and_publish_names_no_person(acme, planted, staff, act):
    act(acme)
    documents, agents = apps.get_model(DOCUMENT), apps.get_model("agents.AgentConfig")
    file = SimpleUploadedFile("notes.md", b"# Notes\n\nFive days may be carried over.\n")
    made = staff.post(page(documents, "add"), {"file": file, "metadata": "{}"})
    assert made.status_code == 302, made.context["adminform"].form.errors
    agent = planted["acme"]["agents.AgentConfig"]
    selected = {"action": "publish", "_selected_action": [agent.pk]}
    assert staff.post(page(agents, "changelist"), selected).status_code == 302
    with acting_for(acme):
        assert documents.objects.get(filename="notes.md").uploaded_by is None
        newest = agents.objects.get(pk=agent.pk).current_version()
        assert (newest.number, newest.published_by) == (2, None)


def test_another_organizations_rows_cannot_be_changed_meanwhile(acme, globex, planted, staff, act):
    act(acme)
    for label, row in planted["globex"].items():
        model = apps.get_model(label)
        if admin.site.is_registered(model) and label != "tenants.Permission":
            for view in ("change", "delete"):
                answer = staff.post(page(model, view, row.pk), {"post": "yes"})
                assert answer.status_code in (302, 403), label
    with acting_for(globex):
        for model in tenant_models():
            if hasattr(model, "deletion_id"):
                assert not model._base_manager.filter(is_deleted=True).exists(), model
        assert StaffAccess.objects.count() == 1


@contextmanager
def statements_of(alias):
    collected = []

    def note(execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        finally:
            text = context["connection"].ops.last_executed_query(context["cursor"], sql, params)
            collected.append(text or "")

    with connections[alias].execute_wrapper(note):
        yield collected


def test_the_platforms_statements_name_no_content(planted, staff):
    with statements_of("platform") as statements:
        look_at_everything(staff, planted)
    tables = re.compile("|".join(model._meta.db_table for model in CONTENT))
    assert len(statements) > 100
    assert [statement for statement in statements if tables.search(statement)] == []


def test_the_statements_of_staff_who_act_name_the_organization(acme, planted, staff, act):
    act(acme)
    with statements_of("default") as statements:
        look_at_everything(staff, planted)
    assert len(statements) > 100
    refuse_unnamed(statements, acme)


def test_meanwhile_the_platforms_login_is_asked_one_thing(acme, planted, staff, act):
    act(acme)
    with statements_of("platform") as statements:
        look_at_everything(staff, planted)
    tables = {name for text in statements for name in re.findall(r'FROM "(\w+)"', text)}
    assert tables == {"tenants_staffaccess"}

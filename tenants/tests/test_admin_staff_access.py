"""Acting for an organization in the admin: the form, the banner, the record."""

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from common.ids import uuid7
from tenants import staff_access
from tenants.admin.testing import filled, page, signed_in
from tenants.context import acting_as_platform, acting_for
from tenants.models import AccessToken, Organization, Permission, Project, Role, StaffAccess, User
from tenants.services import create_project
from tenants.testing import PASSWORD, as_owner
from tenants.tests.test_staff_access import REASON, let_time_pass

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
STOP = reverse("admin:tenants_staffaccess_stop")
INDEX = reverse("admin:index")
BANNER = "You act for"


def act_address(organization):
    return reverse("admin:tenants_organization_act", args=[organization.pk])


def act(client, organization, *, minutes=30):
    answer = client.post(act_address(organization), {"reason": REASON, "minutes": minutes})
    assert answer.status_code == 302, answer.context["form"].errors
    return answer


def body(client, address, **query):
    answer = client.get(address, query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def accesses():
    with acting_as_platform():
        return list(StaffAccess.objects.all())


@pytest.fixture
def staff(acme):
    return signed_in("staff")


def test_the_organizations_page_leads_to_the_form(acme, staff):
    assert act_address(acme) in body(staff, page(Organization, "change", acme.pk))
    shown = body(staff, act_address(acme))
    assert "Act for Acme" in shown
    assert 'name="reason"' in shown
    assert [value for value in (15, 30, 60, 240) if f'value="{value}"' not in shown] == []
    assert accesses() == []


def test_a_reason_and_a_time_begin_it(acme, staff):
    assert act(staff, acme, minutes=60).url == INDEX
    (access,) = accesses()
    assert (access.organization_id, access.reason) == (acme.pk, REASON)
    shown = body(staff, INDEX)
    assert BANNER in shown
    assert "Acme" in shown
    assert "59\xa0minutes left" in shown
    assert STOP in shown


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "  because  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"minutes": "480"}, "minutes"),
        ({"minutes": ""}, "minutes"),
    ],
)
def test_what_is_missing_is_an_error_of_the_form(acme, staff, changes, field):
    answer = staff.post(act_address(acme), {"reason": REASON, "minutes": "15"} | changes)
    assert answer.status_code == 200
    assert answer.context["form"].errors.keys() == {field}
    assert accesses() == []


def test_why_it_cannot_be_is_an_error_of_the_form(acme, globex, staff):
    with as_owner():
        Organization.objects.filter(pk=acme.pk).update(is_active=False)
    answer = staff.post(act_address(acme), {"reason": REASON, "minutes": "15"})
    assert "Acme is switched off or deleted" in answer.content.decode()
    assert accesses() == []


def test_an_organization_that_is_none_is_not_found(acme, staff):
    for key, status in ((acme.pk, 200), (uuid7(), 404), ("none", 404)):
        address = reverse("admin:tenants_organization_act", args=[key])
        assert staff.get(address).status_code == status


def test_stopping_ends_it(acme, staff):
    act(staff, acme)
    answer = staff.post(STOP, follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        "You act for Acme no longer."
    ]
    assert answer.redirect_chain == [(INDEX, 302)]
    assert accesses()[0].ended_at
    assert BANNER not in body(staff, page(User, "changelist"))


def test_stopping_what_is_over_says_so(acme, staff):
    act(staff, acme)
    let_time_pass(hours=1)
    answer = staff.post(STOP)
    assert [str(m) for m in get_messages(answer.wsgi_request)] == [
        "Your time was over: you act for no organization."
    ]
    assert accesses()[0].ended_at is None


@pytest.mark.parametrize("address", ["act", "stop"])
def test_a_form_of_another_site_begins_and_stops_nothing(acme, staff, address):
    act(staff, acme)
    if address == "act":
        staff.post(STOP)
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = staff.cookies
    before = accesses()[0].ended_at
    where = {"act": act_address(acme), "stop": STOP}[address]
    assert careful.post(where, {"reason": REASON, "minutes": 15}).status_code == 403
    assert [access.ended_at for access in accesses()] == [before]


def test_looking_at_the_address_stops_nothing(acme, staff):
    act(staff, acme)
    assert staff.get(STOP).status_code == 405
    assert BANNER in body(staff, INDEX)


def test_an_organizations_own_staff_have_neither(acme, staff):
    owner = signed_in("acme-owner")
    assert act_address(acme) not in body(owner, page(Organization, "change", acme.pk))
    assert owner.get(act_address(acme)).status_code == 403
    assert owner.post(act_address(acme), {"reason": REASON, "minutes": 15}).status_code == 403
    assert owner.post(STOP).status_code == 403
    assert accesses() == []


def test_who_acts_begins_nothing_else_meanwhile(acme, globex, staff):
    act(staff, acme)
    assert act_address(acme) not in body(staff, page(Organization, "change", acme.pk))
    for organization in (acme, globex):
        answer = staff.post(act_address(organization), {"reason": REASON, "minutes": 15})
        assert answer.status_code == 403
    assert len(accesses()) == 1


def test_a_second_session_of_the_same_person_acts_as_well(acme, staff):
    other = signed_in("staff")
    act(staff, acme)
    assert BANNER in body(other, INDEX)
    other.post(STOP)
    assert BANNER not in body(staff, INDEX)


def test_a_form_that_was_open_elsewhere_says_that_one_acts_already(acme, globex, staff, people):
    """Between the look at the database and the form's saving somebody else begins."""
    form = act_address(globex)
    staff_access.begin(organization=acme, by=people["staff"], reason=REASON, minutes=15)
    assert staff.post(form, {"reason": REASON, "minutes": 15}).status_code == 403
    assert [access.organization_id for access in accesses()] == [acme.pk]


def test_a_token_of_platform_staff_acts_for_nobody(acme, staff, people):
    from tenants.api.testing import api_as

    client = api_as(people["staff"])
    me = client.get("/api/v1/me/").json()
    act(staff, acme)
    assert client.get("/api/v1/me/").json() == me
    assert "tenants.add_organization" in me["permissions"]


def test_platform_staff_use_the_admin_not_the_api(acme, staff):
    act(staff, acme)
    for path in (
        "documents",
        "conversations",
        "users",
        "organization",
        "organization/staff-access",
    ):
        answer = staff.get(f"/api/v1/{path}/")
        assert answer.status_code == 403
        assert "platform staff use the admin" in answer.json()["detail"]


def test_the_menu_is_the_organizations(acme, staff):
    act(staff, acme)
    shown = staff.get(INDEX)
    titles = [section["title"] for section in shown.context["sidebar_navigation"]]
    assert titles == [
        "Organizations",
        "People",
        "Projects",
        "Agents",
        "Usage",
        "Knowledge",
        "Conversations",
    ]
    assert shown.context["site_subheader"] == "Acme"


def test_people_and_roles_are_there_to_look_at_and_tokens_and_jobs_are_not(acme, staff):
    with acting_for(acme):
        member = User.objects.get(username="acme-member")
        role = Role.objects.create(name="Auditor")
    act(staff, acme)
    for model, row in ((User, member), (Role, role)):
        assert staff.get(page(model, "change", row.pk)).status_code == 200
        assert staff.get(page(model, "add")).status_code == 403
        assert staff.post(page(model, "change", row.pk), {"full_name": "x"}).status_code == 403
        assert staff.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert staff.get(page(Permission, "changelist")).status_code == 200
    password = reverse("admin:auth_user_password_change", args=[member.pk])
    assert staff.get(password).status_code == 403
    for model in (AccessToken, ProcrastinateJob):
        assert staff.get(page(model, "changelist")).status_code == 403


def test_its_limits_are_not_the_organizations_to_change(acme, staff):
    act(staff, acme)
    address = page(Organization, "change", acme.pk)
    changes = {"description": "We make rockets.", "max_users": "1000", "is_active": None}
    assert staff.post(address, filled(staff.get(address), **changes)).status_code == 302
    with acting_for(acme):
        changed = Organization.objects.get()
    assert (changed.description, changed.max_users) == ("We make rockets.", 50)
    assert changed.is_active


def test_a_project_is_made_for_the_organization_and_nobody_joins_it(acme, staff):
    act(staff, acme)
    data = {"name": "Rocket", "is_active": "on", "description": "", "manager": ""}
    data |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert staff.post(page(Project, "add"), data).status_code == 302
    with acting_for(acme):
        made = Project.objects.get(name="Rocket")
    assert (made.organization_id, made.member_count) == (acme.pk, 0)


def test_choices_are_the_organizations(acme, globex, staff):
    act(staff, acme)
    source = {"app_label": "tenants", "model_name": "project", "field_name": "manager"}
    answer = staff.get(reverse("admin:autocomplete"), source | {"term": "Member"})
    assert [found["text"] for found in answer.json()["results"]] == ["Acme Member"]


def test_safe_requests_write_nothing(acme, staff):
    act(staff, acme)
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
    assert staff.get(page(Project, "delete", project.pk)).status_code == 200
    with acting_for(acme):
        assert Project.objects.filter(pk=project.pk).exists()


def test_ones_own_password_is_ones_own_meanwhile(acme, staff):
    assert {STOP, reverse("admin:password_change")} == settings.PLATFORM_PATHS
    act(staff, acme)
    address, new = reverse("admin:password_change"), "staple a horse to a battery"
    assert BANNER in body(staff, address)
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert staff.post(address, data).status_code == 302
    assert BANNER in body(signed_in("staff", new), INDEX)


def test_signing_out_ends_the_session_and_not_the_access(acme, staff):
    act(staff, acme)
    assert staff.post(reverse("admin:logout")).status_code == 200
    assert staff.get(INDEX).status_code == 302
    assert BANNER in body(signed_in("staff"), INDEX)


def test_the_banner_stands_before_a_pages_own_messages(acme, staff):
    act(staff, acme)
    data = filled(staff.get(page(Organization, "change", acme.pk)), description="Rockets")
    answer = staff.post(page(Organization, "change", acme.pk), data, follow=True)
    shown = answer.content.decode()
    assert shown.index(BANNER) < shown.index("was changed successfully")
    assert shown.count(BANNER) == 1


def test_a_name_is_no_markup(acme, staff):
    with as_owner():
        Organization.objects.filter(pk=acme.pk).update(name="<b>Acme</b>")
    act(staff, acme)
    shown = body(staff, INDEX)
    assert "&lt;b&gt;Acme" in shown
    assert "<b>Acme" not in shown


RECORD = page(StaffAccess, "changelist")


@pytest.mark.parametrize("username", ["acme-owner", "staff"])
def test_the_record_is_there_to_read(acme, staff, username):
    act(staff, acme)
    (access,) = accesses()
    staff.post(STOP)
    client = signed_in(username)
    assert RECORD in body(client, INDEX)
    for address in (RECORD, page(StaffAccess, "change", access.pk)):
        shown = body(client, address)
        assert REASON in shown
        assert "staff" in shown
        assert "ended" in shown
    assert REASON in body(client, RECORD, q="4711")
    assert client.get(page(StaffAccess, "add")).status_code == 403
    for view in ("change", "delete"):
        answer = client.post(page(StaffAccess, view, access.pk), {"post": "yes"})
        assert answer.status_code == 403


@pytest.mark.parametrize("username", ["acme-owner", "staff"])
def test_fifty_accesses_take_no_query_each(acme, people, username, django_assert_max_num_queries):
    for _ in range(50):
        begun = staff_access.begin(organization=acme, by=people["staff"], reason=REASON, minutes=15)
        staff_access.end(access=begun, by=people["staff"])
    client = signed_in(username)
    for alias in ("default", "platform"):
        with django_assert_max_num_queries(12, using=alias):
            assert body(client, RECORD).count(REASON) == 50


def test_the_record_says_what_is_in_force(acme, staff):
    act(staff, acme)
    owner = signed_in("acme-owner")
    assert "in force" in body(owner, RECORD)
    let_time_pass(hours=1)
    assert "in force" not in body(owner, RECORD)


def test_platform_staff_read_whose_it_was(acme, globex, staff):
    for organization in (acme, globex):
        act(staff, organization)
        staff.post(STOP)
    shown = body(staff, RECORD)
    assert "Acme" in shown
    assert "Globex" in shown


def test_another_organization_reads_nothing_of_it(acme, globex, staff):
    act(staff, acme)
    (access,) = accesses()
    owner = signed_in("globex-owner")
    assert REASON not in body(owner, RECORD)
    answer = owner.get(page(StaffAccess, "change", access.pk))
    assert answer.status_code == 302
    assert answer.url == INDEX


def test_staff_without_the_permission_read_none(acme, staff):
    with acting_for(acme):
        User.objects.filter(username="acme-viewer").update(is_staff=True)
    viewer = signed_in("acme-viewer")
    assert viewer.get(RECORD).status_code == 200  # who may see the organization
    with acting_for(acme):
        User.objects.get(username="acme-viewer").user_roles.all().delete()
    assert viewer.get(RECORD).status_code == 403

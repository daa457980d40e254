"""Platform staff act for one organization: who may, how long, and what they may do meanwhile."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import ProgrammingError
from django.db.models import F

from common.logins import APP, PLATFORM
from tenants import staff_access
from tenants.context import OrganizationSwitchRefused, acting_as_platform, acting_for
from tenants.delegation import may_administer, permissions_giveable_by, roles_giveable_by
from tenants.models import AuditEntry, Organization, Role, StaffAccess, User
from tenants.permissions import BUILT_IN_ROLES, OWNER, STAFF_ACTING
from tenants.testing import as_owner
from tenants.tests.racing import race
from tenants.tests.sql import run

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
REASON = "Ticket 4711: answers cite the wrong page"


@pytest.fixture
def staff(people):
    return people["staff"]


def begin(organization, staff, *, reason=REASON, minutes=30):
    return staff_access.begin(organization=organization, by=staff, reason=reason, minutes=minutes)


def let_time_pass(**interval):
    """Move what there is of accesses into the past, as the owner."""
    times = ("created_at", "expires_at", "ended_at")
    with as_owner():
        StaffAccess.objects.update(**{time: F(time) - timedelta(**interval) for time in times})


def stored(access):
    with acting_as_platform():
        return StaffAccess.objects.get(pk=access.pk)


def test_an_access_says_who_why_and_how_long(acme, staff):
    access = begin(acme, staff, reason=f"  {REASON}\n")
    assert (access.organization, access.staff_id) == (acme, staff.pk)
    assert (access.staff_name, access.staff_email) == ("staff", "staff@chancery.test")
    assert access.reason == REASON
    assert access.expires_at - access.created_at == timedelta(minutes=30)
    assert access.ended_at is None
    assert staff_access.current(staff) == access


def test_the_organization_finds_it_in_its_audit_trail(acme, staff):
    access = begin(acme, staff)
    staff_access.end(access=access, by=staff)
    with acting_for(acme):
        created, changed = AuditEntry.objects.filter(object_id=access.pk).order_by("created_at")
    assert (created.action, created.after["reason"]) == ("created", REASON)
    assert changed.after.keys() == {"ended_at"}


def test_nobody_acts_before_they_begin(staff):
    assert staff_access.current(staff) is None


def test_it_is_over_when_its_time_is(acme, staff):
    begin(acme, staff)
    let_time_pass(minutes=29)
    assert staff_access.current(staff)
    let_time_pass(minutes=2)
    assert staff_access.current(staff) is None


def test_it_is_over_when_it_is_ended(acme, staff):
    access = begin(acme, staff)
    assert staff_access.end(access=access, by=staff)
    assert staff_access.current(staff) is None
    ended = stored(access).ended_at
    assert access.created_at <= ended <= access.expires_at
    assert not staff_access.end(access=access, by=staff)
    assert stored(access).ended_at == ended


def test_what_is_ended_too_late_ended_in_time(acme, staff):
    access = begin(acme, staff)
    let_time_pass(hours=1)
    assert staff_access.end(access=access, by=staff)
    assert stored(access).ended_at == stored(access).expires_at


def test_one_of_the_staff_is_not_another(acme, staff):
    with as_owner():
        colleague = User.objects.create_superuser("colleague", "colleague@chancery.test")
    begin(acme, staff)
    assert staff_access.current(colleague) is None
    begin(acme, colleague)
    assert staff_access.current(colleague).staff_name == "colleague"


def test_nobody_acts_for_two_organizations(acme, globex, staff):
    access = begin(acme, staff)
    for organization in (acme, globex):
        with pytest.raises(staff_access.AlreadyActing, match="stop that first"):
            begin(organization, staff)
    assert staff_access.current(staff) == access
    staff_access.end(access=access, by=staff)
    assert begin(globex, staff).organization == globex


def test_what_is_over_stands_in_nobodys_way(acme, globex, staff):
    first = begin(acme, staff)
    let_time_pass(hours=1)
    second = begin(globex, staff)
    assert staff_access.current(staff) == second
    assert stored(first).ended_at == stored(first).expires_at


def test_of_two_who_begin_at_once_one_does(acme, globex, staff):
    found = race(lambda: begin(acme, staff), lambda: begin(globex, staff))
    assert sorted(type(result).__name__ for result in found) == ["AlreadyActing", "StaffAccess"]
    with acting_as_platform():
        assert StaffAccess.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "   helping   ", "x" * 501])
def test_a_reason_is_asked_for(acme, staff, reason):
    with pytest.raises(ValidationError) as refusal:
        begin(acme, staff, reason=reason)
    assert refusal.value.message_dict.keys() == {"reason"}
    begin(acme, staff, reason="x" * 500)


@pytest.mark.parametrize("minutes", [-1, 0, 481])
def test_it_lasts_eight_hours_at_most(acme, staff, minutes):
    with pytest.raises(ValidationError) as refusal:
        begin(acme, staff, minutes=minutes)
    assert refusal.value.message_dict.keys() == {"minutes"}
    begin(acme, staff, minutes=480)


@pytest.mark.parametrize("state", ["is_active", "is_deleted"])
def test_nobody_acts_for_an_organization_that_is_switched_off_or_gone(acme, staff, state):
    switch = {
        "is_active": {"is_active": False},
        "is_deleted": {
            "is_deleted": True,
            "deleted_at": "2026-01-01T00:00Z",
            "deletion_id": acme.pk,
        },
    }
    access = begin(acme, staff)
    with as_owner():
        Organization.objects.filter(pk=acme.pk).update(**switch[state])
    assert staff_access.current(staff) is None
    with pytest.raises(staff_access.OrganizationUnavailable, match="Acme is switched off"):
        begin(acme, staff)
    assert stored(access).ended_at is None  # a refusal changes nothing


def test_what_was_for_an_organization_switched_off_since_makes_room(acme, globex, staff):
    access = begin(acme, staff)
    with as_owner():
        Organization.objects.filter(pk=acme.pk).update(is_active=False)
    begin(globex, staff)
    assert stored(access).ended_at < access.expires_at


@pytest.mark.parametrize("name", ["acme-owner", "globex-owner"])
def test_only_platform_staff_begin_and_end(acme, staff, people, name):
    with pytest.raises(PermissionDenied):
        begin(acme, people[name])
    access = begin(acme, staff)
    with pytest.raises(PermissionDenied):
        staff_access.end(access=access, by=people[name])
    assert staff_access.current(staff) == access


def test_nothing_begins_or_ends_from_inside_an_organization(acme, staff):
    access = begin(acme, staff)
    with acting_for(acme):
        for forbidden in (
            lambda: begin(acme, staff),
            lambda: staff_access.end(access=access, by=staff),
        ):
            with pytest.raises(OrganizationSwitchRefused):
                forbidden()


def test_the_organization_reads_its_own_and_writes_none(acme, globex, staff):
    access = begin(acme, staff)
    with acting_for(acme):
        assert list(StaffAccess.objects.all()) == [access]
    with acting_for(globex):
        assert not StaffAccess.objects.exists()
    for forbidden in (
        lambda: StaffAccess.objects.update(reason="nothing of note"),
        lambda: StaffAccess.objects.all().delete(),
        lambda: StaffAccess.objects.create(
            staff_id=staff.pk, reason=REASON, expires_at=access.expires_at
        ),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), acting_for(acme):
            forbidden()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tenants_staffaccess SET expires_at = expires_at + interval '1 hour'",
        "UPDATE tenants_staffaccess SET reason = 'something else entirely'",
        "DELETE FROM tenants_staffaccess",
    ],
)
@pytest.mark.parametrize("login", [APP, PLATFORM])
def test_not_even_the_platforms_login_rewrites_what_was(acme, staff, login, change):
    begin(acme, staff)
    with pytest.raises(Exception, match="permission denied"):
        run(change, login=login)
    run("UPDATE tenants_staffaccess SET ended_at = expires_at", login=PLATFORM)


def test_acting_permits_less_than_an_owner_may():
    owners = {str(right) for right in BUILT_IN_ROLES[OWNER][1]}
    assert owners > STAFF_ACTING
    about_people = {
        f"tenants.{action}_{what}"
        for action in ("add", "change", "delete")
        for what in ("user", "role")
    }
    assert owners >= about_people | {"agents.use_agentconfig"}
    assert not STAFF_ACTING & (about_people | {"agents.use_agentconfig"})


def test_acting_takes_the_platforms_rights_away_for_its_time(acme, staff):
    assert staff.has_perm("tenants.add_organization")
    assert not staff.has_perm("knowledge.view_document")
    staff.staff_access = begin(acme, staff)
    assert staff.has_perm("knowledge.view_document")
    for right in ("tenants.add_organization", "tenants.change_user", "tenants.view_staffaccess"):
        assert not staff.has_perm(right), right
    assert staff.get_all_permissions() == STAFF_ACTING
    staff.is_active = False
    assert not staff.get_all_permissions()


def test_who_acts_hands_on_nothing_that_acting_does_not_permit(acme, staff, people):
    with acting_as_platform():
        assert may_administer(staff, people["acme-owner"])
    staff.staff_access = begin(acme, staff)
    with acting_for(acme):
        names = set(permissions_giveable_by(staff).values_list("name", flat=True))
        assert names == STAFF_ACTING
        assert not may_administer(staff, people["acme-owner"])
        assert {role.name for role in roles_giveable_by(staff)} == {"Viewer"}
        assert Role.objects.count() == len(BUILT_IN_ROLES)

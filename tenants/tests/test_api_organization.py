import pytest

from tenants import counters, staff_access
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.models import Organization
from tenants.services import create_project
from tenants.testing import as_owner
from tenants.tests.test_staff_access import REASON

ORGANIZATION = "/api/v1/organization/"
ACCESSES = "/api/v1/organization/staff-access/"
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def test_everybody_sees_the_organization_and_its_quotas(people, acme):
    with acting_for(acme):
        create_project(organization_id=acme.pk, name="Rocket")
        counters.claim(acme.pk, "storage_bytes", 1000)
    body = api_as(people["acme-viewer"]).get(ORGANIZATION).json()
    assert (body["id"], body["slug"]) == (str(acme.pk), "acme")
    assert body["retention_days"] == 30
    assert body["quotas"] == {
        "users": {"used": 4, "limit": 50},
        "projects": {"used": 1, "limit": 10},
        "storage_bytes": {"used": 1000, "limit": 100 * 10**9},
    }


def test_an_owner_changes_its_details(people, acme):
    answer = api_as(people["acme-owner"]).patch(ORGANIZATION, {"phone": "123", "name": "ACME"})
    assert answer.status_code == 200
    with acting_for(acme):
        organization = Organization.objects.get()
    assert (organization.phone, organization.name) == ("123", "ACME")


def test_nobody_else_does(people):
    for role in ("manager", "member", "viewer"):
        problem(api_as(people[f"acme-{role}"]).patch(ORGANIZATION, {"name": "Mine"}), 403)


@pytest.mark.parametrize(
    "field", ["id", "slug", "max_users", "is_active", "quotas", "is_deleted", "retention_days"]
)
def test_what_is_the_platforms_cannot_be_written(people, acme, field):
    client = api_as(people["acme-owner"])
    before = client.get(ORGANIZATION).json()
    assert client.patch(ORGANIZATION, {field: "7"}).status_code == 200
    after = client.get(ORGANIZATION).json()
    assert before | {"updated_at": None} == after | {"updated_at": None}


def test_details_are_validated(people):
    answer = api_as(people["acme-owner"]).patch(ORGANIZATION, {"email": "x", "website": "y"})
    assert fields_at_fault(answer) == {"email", "website"}


@pytest.mark.django_db(transaction=True)
def test_a_full_organization_gets_no_further_project(people, acme):
    with as_owner():
        Organization.objects.filter(pk=acme.pk).update(max_projects=0)
    answer = api_as(people["acme-owner"]).post("/api/v1/projects/", {"name": "Rocket"})
    body = problem(answer, 409)
    assert (body["quota"], body["limit"], body["used"]) == ("projects", 0, 0)


def begin_and_end(organization, staff, *, reason=REASON):
    access = staff_access.begin(organization=organization, by=staff, reason=reason, minutes=15)
    staff_access.end(access=access, by=staff)
    return access


@both_logins
def test_everybody_sees_that_platform_staff_acted_and_why(people, acme, globex):
    access = begin_and_end(acme, people["staff"])
    (found,) = api_as(people["acme-viewer"]).get(ACCESSES).json()["results"]
    ended = found.pop("ended_at")
    assert found == {
        "id": str(access.pk),
        "staff_name": "staff",
        "staff_email": "staff@chancery.test",
        "reason": REASON,
        "created_at": access.created_at.isoformat().replace("+00:00", "Z"),
        "expires_at": access.expires_at.isoformat().replace("+00:00", "Z"),
    }
    assert found["created_at"] < ended < found["expires_at"]
    assert api_as(people["globex-owner"]).get(ACCESSES).json()["results"] == []


@both_logins
def test_accesses_are_listed_page_by_page_newest_first(people, acme):
    for number in range(3):
        begin_and_end(acme, people["staff"], reason=f"Reason number {number}")
    client = api_as(people["acme-owner"])
    first = client.get(ACCESSES, {"page_size": 2}).json()
    second = client.get(first["next"]).json()
    reasons = [found["reason"] for found in first["results"] + second["results"]]
    assert reasons == ["Reason number 2", "Reason number 1", "Reason number 0"]
    assert second["next"] is None


@both_logins
def test_accesses_are_for_those_who_may_see_the_organization(people, acme):
    begin_and_end(acme, people["staff"])
    allowed, other = "tenants.view_organization", "knowledge.view_document"
    for scope, status in ((allowed, 200), (other, 403)):
        client = api_as(people["acme-owner"], scopes=[scope])
        assert client.get(ACCESSES).status_code == status
    problem(api_as(people["staff"]).get(ACCESSES), 403)


def test_accesses_are_written_by_nobody(people):
    client = api_as(people["acme-owner"])
    for method in (client.post, client.patch, client.delete):
        problem(method(ACCESSES, {"reason": REASON}), 405)

import pytest

from tenants import counters
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.models import Organization
from tenants.services import create_project
from tenants.testing import as_owner

ORGANIZATION = "/api/v1/organization/"


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

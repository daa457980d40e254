"""The last seat, project and megabyte go to one of many, and the others leave nothing behind."""

from functools import partial
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from procrastinate.contrib.django.models import ProcrastinateJob

from knowledge.baker_recipes import document
from knowledge.models import Document
from knowledge.testing import upload
from tenants import counters
from tenants.api.testing import PROBLEM, api_as, problem
from tenants.catalogue import catalogue_id
from tenants.context import acting_for
from tenants.counters import QuotaExceeded
from tenants.deletion import delete, restore
from tenants.models import Organization, OrganizationUsage, Project, ProjectMember, User, UserRole
from tenants.services import create_project, create_user
from tenants.testing import PASSWORD, as_owner
from tenants.tests.racing import race
from tenants.tests.trees import wrong_counters

pytestmark = pytest.mark.django_db(transaction=True)

FEW_AND_MANY = [8, pytest.param(64, marks=pytest.mark.long)]
GIGABYTE, MEGABYTE = 10**9, 10**6
TEXT = b"Five days\n" * (MEGABYTE // 10)


@pytest.fixture(autouse=True)
def _cheap(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    # Sixty-four Argon2 digests at once would take gigabytes.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def one_place_left(acme):
    """An organization in which there is one of each left, everything counted."""
    with as_owner():
        limits = {"max_users": 5, "max_projects": 1, "max_storage_gb": 1}
        Organization.objects.filter(pk=acme.pk).update(**limits)
    with acting_for(acme):
        document.make(file_size=GIGABYTE - MEGABYTE)
        counters.recount_all(acme.pk)
    return acme


def kept(organization):
    """How many rows, files and jobs there are of what is raced for."""
    models = (User, UserRole, Project, ProjectMember, Document)
    with acting_for(organization):
        found = {model.__name__: model.all_objects.count() for model in models}
        found |= OrganizationUsage.objects.values("users", "projects", "storage_bytes").get()
        assert wrong_counters(organization.pk) == []
    files = sum(path.is_file() for path in Path(Document().file.storage.location).rglob("*"))
    return found | {"files": files, "jobs": ProcrastinateJob.objects.count()}


GAINED = {
    "users": {"User": 1, "UserRole": 1, "users": 1},
    "projects": {"Project": 1, "ProjectMember": 1, "projects": 1},
    "storage_bytes": {"Document": 1, "storage_bytes": MEGABYTE, "files": 1, "jobs": 1},
}
FULL = {"users": 5, "projects": 1, "storage_bytes": GIGABYTE}


def by_service(quota, owner, number):
    if quota == "storage_bytes":
        return upload(TEXT, by=owner, filename=f"{number}.txt")
    with acting_for(owner.organization_id):
        if quota == "projects":
            return create_project(organization_id=owner.organization_id, name="Last", by=owner)
        return create_user(
            organization=owner.organization,
            username=f"racer-{number}",
            email=f"racer-{number}@acme.test",
            roles=owner.roles.all(),
        )


def by_request(quota, client, number):
    if quota == "storage_bytes":
        # Of one size, but not the same bytes, which are taken once.
        file = SimpleUploadedFile(f"{number}.txt", TEXT[:-10] + b"%-9d\n" % number)
        return client.post("/api/v1/documents/", {"file": file}, format="multipart")
    if quota == "projects":
        return client.post("/api/v1/projects/", {"name": "Last"})
    person = {"username": f"racer-{number}", "email": f"racer-{number}@acme.test"}
    roles = [catalogue_id("role", "Owner")]
    return client.post("/api/v1/users/", {**person, "password": PASSWORD, "roles": roles})


def gained(before, after):
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@pytest.mark.parametrize("racers", FEW_AND_MANY)
@pytest.mark.parametrize("quota", GAINED)
def test_one_service_gets_the_last_place(one_place_left, people, quota, racers):
    before, owner = kept(one_place_left), people["acme-owner"]
    ran = race(*(partial(by_service, quota, owner, number) for number in range(racers)))
    refused = [found for found in ran if isinstance(found, QuotaExceeded)]
    assert len(refused) == racers - 1, ran
    assert {(found.quota, found.limit, found.used) for found in refused} == {
        (quota, FULL[quota], FULL[quota])
    }
    assert not [found for found in ran if isinstance(found, Exception) and found not in refused]
    assert gained(before, kept(one_place_left)) == GAINED[quota]


@pytest.mark.parametrize("racers", FEW_AND_MANY)
@pytest.mark.parametrize("quota", GAINED)
def test_one_request_gets_the_last_place(one_place_left, people, quota, racers):
    clients = [api_as(people["acme-owner"]) for _ in range(racers)]
    before = kept(one_place_left)
    ran = race(*(partial(by_request, quota, client, n) for n, client in enumerate(clients)))
    assert not [found for found in ran if isinstance(found, Exception)], ran
    assert sorted(found.status_code for found in ran) == [201] + [409] * (racers - 1)
    for found in ran:
        if found.status_code == 409:
            assert found["Content-Type"] == PROBLEM
            said = found.json()
            assert said["type"].endswith("quota-exceeded")
            limit = FULL[quota]
            assert (said["quota"], said["limit"], said["used"]) == (quota, limit, limit)
    assert gained(before, kept(one_place_left)) == GAINED[quota]


@pytest.fixture
def beyond_its_limits(acme, people):
    """An organization that uses more than it may by now, and a client of its owner."""
    with acting_for(acme):
        for name in ("Rocket", "Probe", "Rover"):
            create_project(organization_id=acme.pk, name=name)
    upload(TEXT, by=people["acme-owner"], filename="notes.txt")
    with as_owner():
        limits = {"max_users": 1, "max_projects": 1, "max_storage_gb": 0}
        Organization.objects.filter(pk=acme.pk).update(**limits)
    return api_as(people["acme-owner"])


def first(client, what):
    return f"/api/v1/{what}/{client.get(f'/api/v1/{what}/').json()['results'][0]['id']}/"


@pytest.mark.parametrize("quota", GAINED)
def test_a_limit_that_was_lowered_below_its_use_lets_nothing_grow(beyond_its_limits, acme, quota):
    before = kept(acme)
    said = problem(by_request(quota, beyond_its_limits, 1), 409)
    assert said["quota"] == quota
    assert said["used"] > said["limit"]
    assert kept(acme) == before


def test_a_limit_that_was_lowered_below_its_use_breaks_nothing(beyond_its_limits, acme):
    client = beyond_its_limits
    quotas = client.get("/api/v1/organization/").json()["quotas"]
    assert all(quota["used"] > quota["limit"] for quota in quotas.values())
    changes = {"projects": {"name": "Lander"}, "documents": {"metadata": {"year": 2025}}}
    for what, change in (changes | {"users": {"full_name": "Renamed"}}).items():
        changed = client.patch(first(client, what), change)
        assert changed.status_code == 200, changed.content
        assert changed.json()[next(iter(change))] == next(iter(change.values()))
    project = first(client, "projects")
    with acting_for(acme):
        member = User.objects.get(username="acme-member")
    assert client.post(f"{project}members/", {"user": str(member.pk)}).status_code == 201
    for what in ("projects", "documents", "users"):
        assert client.delete(first(client, what)).status_code == 204
    with acting_for(acme):
        assert wrong_counters(acme.pk) == []
        found = OrganizationUsage.objects.values("users", "projects", "storage_bytes").get()
    assert found == {"users": 3, "projects": 2, "storage_bytes": 0}


def test_what_was_deleted_does_not_come_back_into_a_full_organization(beyond_its_limits, acme):
    with acting_for(acme):
        rows = [Project.objects.first(), Document.objects.get()]
        for row in rows:
            delete(row)
    for row in rows:
        with pytest.raises(QuotaExceeded), acting_for(acme):
            restore(row)
    with acting_for(acme):
        assert wrong_counters(acme.pk) == []
        assert not type(rows[0]).objects.filter(pk=rows[0].pk).exists()

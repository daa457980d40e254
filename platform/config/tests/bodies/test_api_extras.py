"""Mass assignment: what is sent along with a body changes nothing."""

import pytest

from config.tests.attempts.api import ways
from config.tests.attempts.extras import extras
from config.tests.bodies.extras import extra_complaints
from tenants.models import Organization, Project, User

pytestmark = pytest.mark.django_db(databases=["default", "platform"])


def test_what_is_sent_along_changes_nothing(scene):
    complaints = [
        complaint
        for way in ways(scene.actors["owner"].user)
        for complaint in extra_complaints(scene, way, way.encodings[0])
    ]
    assert not complaints, "\n".join(complaints)


def test_everything_that_matters_is_sent_along(scene):
    wanted = {
        "id",
        "organization",
        "organization_id",
        "is_deleted",
        "deleted_at",
        "deletion_id",
        "is_superuser",
        "is_staff",
        "is_email_verified",
        "member_count",
        "max_users",
        "storage_bytes",
        "roles",
        "permissions",
        "digest",
        "password",
        "user_roles",
    }
    assert wanted <= extras(scene, Project, "owner").keys()


def test_an_organization_sent_along_is_another_one(scene):
    for model in (User, Project, Organization):
        assert extras(scene, model, "owner")["organization"] == str(scene.globex.pk)

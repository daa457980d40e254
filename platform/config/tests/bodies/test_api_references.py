"""Each field of each body of the API that names a row, filled with what it must not name."""

import pytest

from config.tests.attempts.api import ways
from config.tests.bodies.api import body_complaints, path_complaints, reference_complaints
from config.tests.bodies.references import references

pytestmark = pytest.mark.django_db(databases=["default", "platform"])


@pytest.fixture
def written(scene):
    return ways(scene.actors["owner"].user)


def none_of(complaints):
    found = list(complaints)
    assert not found, "\n".join(found)


def test_every_reference_names_only_what_is_there_for_who_asks(scene, written):
    none_of(c for way in written for c in reference_complaints(scene, way))


def test_a_body_is_an_object(scene, written):
    none_of(c for way in written for c in body_complaints(scene, way))


def test_a_path_names_only_what_is_there_for_who_asks(scene, written):
    none_of(c for way in written for c in path_complaints(scene, way))


def test_the_references_are_found(written):
    found = {str(reference) for way in written for reference in references(way)}
    assert {
        "POST search/ filter.document",
        "POST search/ project",
        "POST users/ roles",
        "PATCH roles/{pk}/ permissions",
        "PATCH projects/{pk}/ manager",
        "POST projects/{project_pk}/members/ user",
        "POST conversations/ agent",
        "POST documents/ project",
    } <= found

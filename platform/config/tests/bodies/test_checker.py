"""The suite is tried itself: with one guard taken away, it must notice."""

import pytest
from rest_framework import serializers

from config.tests.attempts.api import ways
from config.tests.bodies.api import path_complaints, reference_complaints
from config.tests.bodies.extras import extra_complaints
from tenants.api import fields
from tenants.api.serializers.projects import ProjectSerializer
from tenants.api.viewsets import NestedMixin

pytestmark = [pytest.mark.long, pytest.mark.django_db(databases=["default", "platform"])]


@pytest.fixture
def way(scene):
    found = ways(scene.actors["owner"].user)
    return {one.name: one for one in found}.__getitem__


def test_a_reference_to_what_nobody_sees_is_noticed(scene, way, monkeypatch):
    monkeypatch.setattr(
        fields.VisibleField, "get_queryset", serializers.PrimaryKeyRelatedField.get_queryset
    )
    assert any("unseen" in text for text in reference_complaints(scene, way("POST search/")))


def test_a_number_for_an_id_is_noticed(scene, way, monkeypatch):
    monkeypatch.setattr(
        fields.IdField, "to_internal_value", serializers.UUIDField.to_internal_value
    )
    assert any("12345" in text for text in reference_complaints(scene, way("POST search/")))


def test_an_object_for_a_list_is_noticed(scene, way, monkeypatch):
    monkeypatch.setattr(
        fields.ListOfRows, "to_internal_value", serializers.ManyRelatedField.to_internal_value
    )
    assert list(reference_complaints(scene, way("PATCH users/{pk}/")))


def test_an_answer_that_names_what_is_elsewhere_is_noticed(scene, way, monkeypatch):
    """A message of its own for what exists is an oracle, though the row stays hidden."""
    original = fields.ReferenceField.to_internal_value

    def tells(self, data):
        if data == str(scene.row(scene.globex.users.model, "other").pk):
            raise serializers.ValidationError("That person works elsewhere.")
        return original(self, data)

    monkeypatch.setattr(fields.ReferenceField, "to_internal_value", tells)
    found = list(reference_complaints(scene, way("PATCH projects/{pk}/")))
    assert any("other is told" in text for text in found)


def test_a_serializer_that_listens_to_more_is_noticed(scene, way, monkeypatch):
    original = ProjectSerializer.to_internal_value

    def listens(self, data):
        more = {"member_count": data["member_count"]} if "member_count" in data else {}
        return original(self, data) | more

    monkeypatch.setattr(ProjectSerializer, "to_internal_value", listens)
    found = list(extra_complaints(scene, way("PATCH projects/{pk}/"), "json"))
    assert found == ["PATCH projects/{pk}/ (json): what is sent along writes Project.member_count"]


def test_a_parent_that_nobody_looks_for_is_noticed(scene, way, monkeypatch):
    def finds_any(self, request, *args, **kwargs):
        super(NestedMixin, self).initial(request, *args, **kwargs)
        self.parent = self.parents.first()

    monkeypatch.setattr(NestedMixin, "initial", finds_any)
    assert list(path_complaints(scene, way("POST projects/{project_pk}/members/")))

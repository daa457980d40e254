"""The data model as designed, in words, against the models and the tables."""

import pytest
from django.apps import apps

from common.ids import uuid7
from common.models import Entity
from tenants.models import Organization, Permission, Project, Role, User
from tenants.tests.declarations import columns, described, reverse_names
from tenants.tests.rows import tenant_models

DESIGN = {
    Organization: {
        "name": "CharField(255)",
        "slug": "SlugField(100)",
        "description": "TextField blank",
        "email": "EmailField(255) blank",
        "phone": "CharField(20) blank",
        "website": "URLField(255) blank",
        "max_users": "PositiveIntegerField = 50",
        "max_projects": "PositiveIntegerField = 10",
        "max_storage_gb": "PositiveIntegerField = 100",
        "is_active": "BooleanField = True",
    },
    User: {
        "email": "EmailField(255)",
        "username": "CharField(100)",
        "full_name": "CharField(255) blank",
        "password": "CharField(128)",
        "is_active": "BooleanField = True",
        "is_email_verified": "BooleanField = False",
        "organization": "tenants.Organization null blank",
        "is_staff": "BooleanField = False",
        "is_superuser": "BooleanField = False",
    },
    Project: {
        "name": "CharField(255)",
        "description": "TextField blank",
        "organization": "tenants.Organization",
        "manager": "tenants.User null blank",
        "is_active": "BooleanField = True",
        "member_count": "PositiveIntegerField = 0",
    },
    Role: {
        "name": "CharField(100)",
        "description": "CharField(255) blank",
        "organization": "tenants.Organization null blank",
    },
    Permission: {"name": "CharField(100)", "description": "CharField(255) blank"},
}
ENTITY = {
    "id": "UUIDField(32) = uuid7",
    "created_at": "DateTimeField blank",
    "updated_at": "DateTimeField blank",
    "is_deleted": "BooleanField = False",
    "deleted_at": "DateTimeField null",
    "deletion_id": "UUIDField(32) null",
}
REVERSE_NAMES = {
    Organization: {
        "users": "tenants.User",
        "projects": "tenants.Project",
        "agent_configs": "agents.AgentConfig",
        "documents": "knowledge.Document",
        "roles": "tenants.Role",
        "usage": "tenants.OrganizationUsage",
    },
    User: {"conversations": "agents.Conversation"},
    Project: {
        "agent_configs": "agents.AgentConfig",
        "conversations": "agents.Conversation",
        "documents": "knowledge.Document",
    },
    Role: {"users": "tenants.User"},
    Permission: {"roles": "tenants.Role"},
}
ENTITIES = [model for model in apps.get_models() if issubclass(model, Entity)]


def label(value):
    return getattr(getattr(value, "_meta", None), "label", None)


@pytest.mark.parametrize(("model", "fields"), DESIGN.items(), ids=label)
def test_the_fields_are_those_designed(model, fields):
    assert {**described(model), **fields} == described(model)


@pytest.mark.parametrize(("model", "names"), REVERSE_NAMES.items(), ids=label)
def test_what_refers_to_a_row_is_found_by_its_name(model, names):
    found = reverse_names(model)
    assert {**found, **names} == found


@pytest.mark.parametrize("model", ENTITIES, ids=label)
def test_an_entity_has_a_time_ordered_id_timestamps_and_a_soft_delete(model):
    found = described(model)
    assert {**found, **ENTITY} == found
    assert model._meta.pk.default is uuid7
    written = {name: model._meta.get_field(name) for name in ("created_at", "updated_at")}
    assert written["created_at"].auto_now_add
    assert written["updated_at"].auto_now
    assert not any(model._meta.get_field(name).editable for name in ENTITY)


@pytest.mark.parametrize("model", [*tenant_models(), Permission], ids=label)
def test_a_column_takes_what_its_field_says(db, model):
    found = columns(model)
    for field in model._meta.concrete_fields:
        nullable, length = found.pop(field.column)
        # A generated column is never written: NULL is left to its expression.
        assert nullable == field.null or field.generated, field
        if field.get_internal_type() in {"CharField", "SlugField", "FileField"}:
            assert length == field.max_length, field
    assert found == {}


@pytest.mark.parametrize("model", tenant_models(), ids=label)
def test_an_organization_is_filled_in_from_the_one_acted_for(db, model):
    if label(model) == "tenants.Organization":
        return
    field = model._meta.get_field("organization")
    assert field.has_default()
    assert "app.organization_id" in str(field.db_default.template)
    assert not field.db_index or field.primary_key


def test_many_to_many_relations_go_through_models_with_an_organization():
    through = {
        (model._meta.label, field.name): field.remote_field.through._meta.label
        for model in ENTITIES
        for field in model._meta.local_many_to_many
    }
    assert through == {
        ("tenants.User", "roles"): "tenants.UserRole",
        ("tenants.Project", "members"): "tenants.ProjectMember",
        ("tenants.Role", "permissions"): "tenants.RolePermission",
    }

"""One row in every table that holds rows of organizations, for tests that walk all of them."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import Permission as NamedPermission
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from common.ids import uuid7
from tenants.checks import TENANT_FREE
from tenants.context import acting_for
from tenants.models import OrganizationUsage, Permission, StaffAccess
from tenants.testing import as_owner

CANARY = "canary"  # stands in every text, followed by the organization's slug
PLATFORMS = {"tenants.StaffAccess"}  # rows that no organization makes

# What no rule can guess, by model.
_VALUES: dict[str, dict[str, Any]] = {
    "agents.AgentConfig": {"agent_type": "doc"},
    "agents.Budget": {"limit": 1_000_000, "currency": ""},
    "agents.BudgetPeriod": {"starts_on": date(2026, 1, 1)},
    "agents.AgentVersion": {"agent_type": "doc", "number": 1},
    "agents.Message": {"role": "user"},
    "agents.ModelProvider": {"kind": "openai", "base_url": "https://models.example/v1"},
    "knowledge.ChunkEmbedding": {"embedding": [0.5] * 384},
    "knowledge.DocumentChunk": {"start": 0, "end": 9},
    "knowledge.Posting": {"entries": [1 << 44]},
}


def tenant_models() -> list[type[models.Model]]:
    """The models whose rows belong to organizations, those referred to before those that refer."""
    ordered: list[Any] = []

    def visit(model: Any) -> None:
        for field in model._meta.concrete_fields:
            if field.remote_field and not field.null and field.related_model is not model:
                visit(field.related_model)
        if model not in ordered:
            ordered.append(model)

    for model in apps.get_models():
        if any(field.name == "organization" for field in model._meta.concrete_fields):
            visit(model)
    return [model for model in ordered if model._meta.db_table not in TENANT_FREE]


def make_one_of_each(organization: Any) -> dict[str, Any]:
    """Make a row in each table that it can write, all of one organization; return them by label."""
    with acting_for(organization):
        made = {
            "tenants.Organization": organization,
            "tenants.OrganizationUsage": OrganizationUsage.objects.get(),
            "tenants.Permission": Permission.objects.first(),
        }
        for model in tenant_models():
            label = model._meta.label
            if label not in made | dict.fromkeys(PLATFORMS):
                made[label] = make_row(model, made, organization.slug)
    return made


def make_staff_access(organization: Any) -> StaffAccess:
    """Make an access, of nobody, that is in force for an hour. It is committed at once."""
    with as_owner():
        access = StaffAccess.objects.create(
            organization=organization,
            staff_id=uuid7(),
            staff_name=f"{CANARY}-{organization.slug}",
            staff_email=f"{CANARY}@{organization.slug}.test",
            reason=f"{CANARY}-{organization.slug}",
            expires_at=Now() + timedelta(hours=1),
        )
        access.refresh_from_db()
    return access


def make_row(model: Any, made: dict[str, Any], slug: str, /, **given: Any) -> Any:
    """Make a row of a model, which refers to rows that were made before, but for what is given."""
    values = {
        field.name: _value(field, made, slug)
        for field in model._meta.concrete_fields
        if not (field.has_default() or field.null or field.generated or field.primary_key)
        or (field.primary_key and field.remote_field)
    }
    values |= _VALUES.get(model._meta.label, {})
    return model._base_manager.create(**values | given)


def _value(field: Any, made: dict[str, Any], slug: str) -> Any:
    if field.related_model is NamedPermission:
        granted = field.model._meta.get_field("content_object").related_model
        return NamedPermission.objects.get(codename=f"view_{granted._meta.model_name}")
    if field.choices:
        return field.choices[0][0]
    if field.remote_field:
        return made[field.related_model._meta.label]
    match field:
        case models.EmailField():
            return f"{CANARY}@{slug}.test"
        case models.CharField() | models.TextField() | models.FileField():
            return f"{CANARY}-{slug}"[: field.max_length]
        case models.UUIDField():
            return UUID(int=0) if field.name == "role_scope" else uuid7()
        case models.DateTimeField():
            return timezone.now()
        case models.IntegerField():
            return 1
    return None

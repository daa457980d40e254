"""Deleted rows that are old, and what is left of them, for the tests of `purge`."""

import io
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from tenants.context import acting_for
from tenants.models import AuditEntry, AuditSeal
from tenants.purging import Tally, purge_organization
from tenants.testing import as_owner
from tenants.tests.rows import tenant_models
from tenants.tests.trees import ENTITIES

LONG_AGO = 31  # days; organizations keep what was deleted for 30


def purge(**options: Any) -> str:
    """Run the command as `manage.py` does; return what it says."""
    said = io.StringIO()
    with as_owner():
        call_command("purge", stdout=said, **options)
    return said.getvalue()


def tally_of(organization: Any, **options: Any) -> Tally:
    with as_owner():
        return purge_organization(organization, **options)


def let_time_pass(days: int = LONG_AGO) -> None:
    """Whatever is deleted was deleted so many days ago."""
    with as_owner():
        for model in ENTITIES:
            deleted = model._base_manager.filter(is_deleted=True)
            deleted.update(deleted_at=timezone.now() - timedelta(days=days))


def left(organization: Any, rows: dict[str, Any]) -> set[str]:
    """The names of those rows that are there, deleted or not."""
    with acting_for(organization):
        return {n for n, row in rows.items() if type(row)._base_manager.filter(pk=row.pk).exists()}


def rows_by_table(organization_id: Any) -> dict[str, int]:
    """How many rows of an organization there are, by model, where there are any."""
    with as_owner():
        counts = {
            model._meta.label: model._base_manager.filter(
                **{
                    "pk"
                    if model._meta.label == "tenants.Organization"
                    else "organization_id": organization_id
                }
            ).count()
            for model in tenant_models()
            if model not in (AuditEntry, AuditSeal)  # they outlive what they tell of
        }
    return {label: count for label, count in counts.items() if count}

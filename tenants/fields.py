"""Columns and joins that name the organization.

Every statement on an organization's rows carries the organization's id, beside the policy that
guarantees it: partial indexes are used only then, and so can a table be distributed by it.
"""

from typing import Any

from django.core.exceptions import FullResultSet
from django.db import models
from django.db.models.expressions import Col, Expression, Func
from django.db.models.lookups import Exact

from tenants.context import SETTING, current_organization_id


class CurrentOrganization(Expression):
    """The organization acted for when the query runs (not when it was written).

    With none, the condition that it stands in holds for every row: the owner's commands and
    platform staff see all rows, and the guard has stopped everybody else.
    """

    output_field = models.UUIDField()

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        organization_id = current_organization_id()
        if organization_id is None:
            raise FullResultSet
        return "%s", [organization_id]


class OrganizationSetting(Func):
    """The organization as PostgreSQL knows it; the default of every `organization_id` column."""

    template = f"NULLIF(current_setting('{SETTING}', true), '')::uuid"
    output_field = models.UUIDField()


class OrganizationField(models.ForeignKey):
    """The organization a row belongs to: the one acted for, unless another is given."""

    def __init__(self, to: Any = "tenants.Organization", on_delete: Any = None, **kwargs: Any):
        # The primary key begins with this column and is its index.
        kwargs.setdefault("db_index", False)
        kwargs.setdefault("default", current_organization_id)
        kwargs.setdefault("db_default", OrganizationSetting())
        super().__init__(to, on_delete or models.CASCADE, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if self.db_index:  # type: ignore[attr-defined]
            kwargs["db_index"] = True
        else:
            kwargs.pop("db_index", None)
        return name, path, args, kwargs

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Keep bulk_create to VALUES: its UNNEST form is refused on distributed tables."""
        return "%s"


class _Reference(models.ForeignKey):
    """A foreign key that the database holds by a `CompositeForeignKey` in `Meta.constraints`.

    A plain one would accept another organization's row. Indexes on it begin with the organization,
    in `Meta`.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any):
        kwargs.setdefault("db_constraint", False)
        kwargs.setdefault("db_index", False)
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for option in ("db_constraint", "db_index"):
            if getattr(self, option):
                kwargs[option] = True
            else:
                kwargs.pop(option, None)
        return name, path, args, kwargs

    def _organization_of(self, alias: str) -> Col:
        child: Any = self.model._meta.get_field("organization")
        return Col(alias, child)


class TenantForeignKey(_Reference):
    """A foreign key to a row of the same organization; each join through it says so."""

    def get_extra_restriction(self, alias: str | None, related_alias: str) -> Any:
        """Return `parent.organization_id = child.organization_id` for the join's ON clause.

        `exclude()` over many rows leaves the parent out of its subquery (`alias` is None).
        """
        if alias is None:
            return Exact(self._organization_of(related_alias), CurrentOrganization())
        parent: Any = self.remote_field.model._meta.get_field("organization")
        return Exact(Col(alias, parent), self._organization_of(related_alias))


class TenantOneToOneField(TenantForeignKey, models.OneToOneField):
    """A one-to-one relation to a row of the same organization."""


class SharedForeignKey(_Reference):
    """A foreign key from an organization's row to one that may be the platform's.

    The two organizations may differ, so a join names the one acted for instead.
    """

    def get_extra_restriction(self, alias: str | None, related_alias: str) -> Any:
        if current_organization_id() is None:
            return None
        return Exact(self._organization_of(related_alias), CurrentOrganization())

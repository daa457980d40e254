"""Managers whose every query names the organization acted for."""

from django.db import models
from django.db.models import Q

from tenants.fields import CurrentOrganization


class LivingQuerySet(models.QuerySet):
    """Rows that may have been deleted softly."""

    def living(self):
        return self.filter(is_deleted=False)

    def deleted(self):
        return self.filter(is_deleted=True)


class OrganizationManager(models.Manager):
    """All rows of the organization acted for. As base manager it serves saves and joins too."""

    rows = Q(organization_id=CurrentOrganization())

    def get_queryset(self):
        return super().get_queryset().filter(self.rows)


AllManager = OrganizationManager.from_queryset(LivingQuerySet, "AllManager")


class LivingManager(AllManager):
    """Those of them that are not deleted."""

    def get_queryset(self):
        return super().get_queryset().living()


class LinkQuerySet(models.QuerySet):
    def delete(self):
        """Delete by a statement that names the organization, which Django's over joins does not."""
        links = self.model._base_manager.using(self.db)
        return links.filter(pk__in=self.order_by().values("pk")).delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


_LinkManager = OrganizationManager.from_queryset(LinkQuerySet, "_LinkManager")


class LinkManager(_LinkManager):
    """Links whose ends (`model.ends`, names of foreign keys) are both living."""

    def get_queryset(self):
        living = {f"{end}__is_deleted": False for end in self.model.ends}  # type: ignore[attr-defined]
        return super().get_queryset().filter(**living)

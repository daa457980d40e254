"""What every row of an organization is made of."""

from django.db import models

from common.ids import uuid7
from common.models import Entity
from tenants.fields import OrganizationField
from tenants.managers import AllManager, LinkManager, LivingManager, OrganizationManager
from tenants.rls import OrganizationKey, RowSecurity

KEY = OrganizationKey(name="%(app_label)s_%(class)s_key")
ROWS = RowSecurity(name="%(app_label)s_%(class)s_rows")
PLATFORM_ROWS = RowSecurity(name="%(app_label)s_%(class)s_rows", platform=True)


def deleted_rows(name):
    """The index by which `purge` finds what was deleted; it costs living rows nothing."""
    return models.Index(
        fields=["organization", "deleted_at"], condition=models.Q(is_deleted=True), name=name
    )


class OrganizationOwned(Entity):
    """An entity of one organization: content, which platform staff's login cannot reach."""

    organization = OrganizationField(related_name="+")

    objects = LivingManager()
    all_objects = AllManager()

    class Meta(Entity.Meta):
        abstract = True
        base_manager_name = "all_objects"
        default_manager_name = "objects"
        constraints = [KEY, ROWS, *Entity.Meta.constraints]


class ControlPlaneOwned(OrganizationOwned):
    """An entity of one organization that platform staff administer."""

    class Meta(OrganizationOwned.Meta):
        abstract = True
        constraints = [KEY, PLATFORM_ROWS, *Entity.Meta.constraints]


class OrganizationLink(models.Model):
    """A row that joins two others of one organization, and goes when the join does.

    It has no soft delete of its own: `objects` shows it while both ends are living.
    """

    ends: tuple[str, ...]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = OrganizationField(related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LinkManager()
    all_objects = OrganizationManager()

    class Meta:
        abstract = True
        base_manager_name = "all_objects"
        default_manager_name = "objects"
        constraints = [KEY, ROWS]

    def delete(self, using=None, keep_parents=False):
        """Delete by a statement that names the organization, which Django's own does not."""
        return type(self)._base_manager.using(using).filter(pk=self.pk).delete()


class ControlPlaneLink(OrganizationLink):
    """A link that platform staff administer."""

    class Meta(OrganizationLink.Meta):
        abstract = True
        constraints = [KEY, PLATFORM_ROWS]

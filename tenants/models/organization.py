from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from common.models import Entity
from tenants.audit.triggers import Audited
from tenants.context import current_organization_id
from tenants.fields import CurrentOrganization, OrganizationSetting
from tenants.managers import AllManager, LivingManager, OrganizationManager
from tenants.rls import OWN_ORGANIZATION, RowSecurity

GIGABYTE = 10**9


class AllOrganizationManager(AllManager):
    rows = Q(pk=CurrentOrganization())


class LivingOrganizationManager(LivingManager):
    rows = AllOrganizationManager.rows

    def get_by_natural_key(self, slug):
        return self.get(slug=slug)


class Organization(Entity):
    """The tenant. Limits stand here; what is used of them in `OrganizationUsage`."""

    name = models.CharField(max_length=255, db_index=True)
    slug = models.SlugField(max_length=100, db_index=False)
    description = models.TextField(blank=True)
    email = models.EmailField(max_length=255, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    website = models.URLField(max_length=255, blank=True)
    max_users = models.PositiveIntegerField(default=50)
    max_projects = models.PositiveIntegerField(default=10)
    max_storage_gb = models.PositiveIntegerField("storage limit (GB)", default=100)
    retention_days = models.PositiveIntegerField(
        "days that deleted rows are kept",
        default=30,
        db_default=30,
        validators=[MinValueValidator(1)],
        help_text="Until then they can be restored; `manage.py purge` removes them after.",
    )
    is_active = models.BooleanField(default=True)

    objects = LivingOrganizationManager()
    all_objects = AllOrganizationManager()

    class Meta(Entity.Meta):
        base_manager_name = "all_objects"
        default_manager_name = "objects"
        ordering = ["name", "id"]
        constraints = [
            RowSecurity(
                name="tenants_organization_rows",
                policy=OWN_ORGANIZATION,
                platform=True,
                verbs="SELECT",
                columns=("name", "description", "email", "phone", "website", "updated_at"),
            ),
            Audited(
                name="tenants_organization_audit",
                columns=(
                    "name",
                    "slug",
                    "description",
                    "email",
                    "phone",
                    "website",
                    "max_users",
                    "max_projects",
                    "max_storage_gb",
                    "retention_days",
                    "is_active",
                ),
                title="name",
            ),
            *Entity.Meta.constraints,
            models.UniqueConstraint(
                fields=["slug"],
                condition=Q(is_deleted=False),
                name="tenants_organization_slug",
            ),
            models.CheckConstraint(
                condition=Q(retention_days__gte=1),
                name="tenants_organization_retention",
                violation_error_message="What was deleted is kept for a day at least.",
            ),
        ]

    def __str__(self):
        return self.name

    def natural_key(self):
        return (self.slug,)

    @property
    def max_storage_bytes(self):
        return self.max_storage_gb * GIGABYTE


class OrganizationUsage(models.Model):
    """What an organization uses of its quotas: exact, changed by `tenants.counters` alone."""

    organization = models.OneToOneField(
        Organization,
        models.CASCADE,
        primary_key=True,
        related_name="usage",
        default=current_organization_id,
        db_default=OrganizationSetting(),
    )
    users = models.PositiveIntegerField(default=0)
    projects = models.PositiveIntegerField(default=0)
    storage_bytes = models.PositiveBigIntegerField(default=0)

    objects = OrganizationManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = "usage"
        verbose_name_plural = "usage"
        constraints = [
            RowSecurity(
                name="tenants_organizationusage_rows",
                platform=True,
                verbs="SELECT",
                columns=("users", "projects", "storage_bytes"),
            ),
        ]

    def __str__(self):
        return str(self.organization_id)

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from tenants.fields import OrganizationField, TenantForeignKey
from tenants.managers import AllManager, LivingManager, LivingQuerySet
from tenants.models import Project
from tenants.models.base import ControlPlaneOwned
from tenants.permissions import Permissions
from tenants.rls import CompositeForeignKey

DEFAULT_MODEL = "gemini-2.5-pro"


def _json_is(field, kind):
    kind_of = models.Func(field, function="jsonb_typeof", output_field=models.CharField())
    return models.lookups.Exact(kind_of, models.Value(kind))


class AgentType(models.TextChoices):
    RFP = "rfp", "RFP answers"
    JIRA = "jira", "Jira"
    DOC = "doc", "Documents"
    HR = "hr", "HR"
    FINANCE = "finance", "Finance"


class AgentSettings(models.Model):
    """What a draft and a published version have in common: all that decides an answer."""

    agent_type = models.CharField(max_length=100, choices=AgentType)
    system_prompt = models.TextField()
    model_name = models.CharField(max_length=100, default=DEFAULT_MODEL)
    temperature = models.FloatField(
        default=0.7, validators=[MinValueValidator(0), MaxValueValidator(2)]
    )
    max_tokens = models.PositiveIntegerField(default=4096, validators=[MinValueValidator(1)])
    tools = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(agent_type__in=["rfp", "jira", "doc", "hr", "finance"]),
                name="%(app_label)s_%(class)s_agent_type",
            ),
            models.CheckConstraint(
                condition=Q(temperature__gte=0, temperature__lte=2),
                name="%(app_label)s_%(class)s_temperature",
            ),
            models.CheckConstraint(
                condition=Q(max_tokens__gt=0), name="%(app_label)s_%(class)s_max_tokens"
            ),
            models.CheckConstraint(
                condition=_json_is("tools", "array"), name="%(app_label)s_%(class)s_tools"
            ),
            models.CheckConstraint(
                condition=_json_is("metadata", "object"), name="%(app_label)s_%(class)s_metadata"
            ),
        ]


class AgentConfigQuerySet(LivingQuerySet):
    def published(self):
        return self.filter(Exists(AgentVersion.objects.filter(agent=OuterRef("pk"))))

    def visible_to(self, user):
        """Those who edit agents see all; others the active, published ones that they can use."""
        if user.has_perm(Permissions.AGENTS_CHANGE):
            return self
        if not user.has_perm(Permissions.AGENTS_VIEW):
            return self.none()
        projects = Project.objects.visible_to(user).order_by().values("pk")
        usable = Q(project=None) | Q(project__in=projects)
        return self.published().filter(usable, is_active=True)


class AgentConfig(AgentSettings, ControlPlaneOwned):
    """An agent's editable draft. Conversations run its newest published version."""

    organization = OrganizationField(related_name="agent_configs")
    project = TenantForeignKey(
        "tenants.Project",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="agent_configs",
        help_text="Leave empty for every project.",
    )
    name = models.CharField(max_length=255)
    slug = models.SlugField(max_length=100, db_index=False)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)

    objects: ClassVar = LivingManager.from_queryset(AgentConfigQuerySet)()
    all_objects: ClassVar = AllManager.from_queryset(AgentConfigQuerySet)()

    class Meta(ControlPlaneOwned.Meta):
        verbose_name = "agent"
        ordering = ["name", "id"]
        constraints = [
            *ControlPlaneOwned.Meta.constraints,
            *AgentSettings.Meta.constraints,
            CompositeForeignKey("project", name="agents_agentconfig_project"),
            models.UniqueConstraint(
                fields=["organization", "slug"],
                condition=Q(is_deleted=False),
                name="agents_agentconfig_slug",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "name"], name="agents_agentconfig_by_name"),
            models.Index(fields=["organization", "project"], name="agents_agentconfig_by_project"),
        ]

    def __str__(self):
        return self.name

    def current_version(self):
        """The newest published version, or None while there is only a draft."""
        return self.versions.order_by("-number").first()


class AgentVersion(AgentSettings, ControlPlaneOwned):
    """An immutable, published copy of an agent's settings. A turn runs one."""

    agent = TenantForeignKey(AgentConfig, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    note = models.CharField(max_length=255, blank=True)
    published_by = TenantForeignKey(
        "tenants.User", models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta(ControlPlaneOwned.Meta):
        ordering = ["agent", "-number"]
        constraints = [
            *ControlPlaneOwned.Meta.constraints,
            *AgentSettings.Meta.constraints,
            CompositeForeignKey("agent", name="agents_agentversion_agent"),
            CompositeForeignKey("published_by", name="agents_agentversion_published_by"),
            models.UniqueConstraint(
                fields=["organization", "agent", "number"], name="agents_agentversion_number"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "published_by"],
                condition=Q(published_by__isnull=False),
                name="agents_agentversion_publisher",
            ),
        ]

    def __str__(self):
        return f"{self.agent} v{self.number}"

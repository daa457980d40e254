from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from tenants.audit.triggers import Audited
from tenants.fields import OrganizationField, TenantForeignKey
from tenants.grants import (
    CHANGE,
    EVERYTHING,
    NOTHING,
    USE,
    VIEW,
    Grantable,
    GrantableQuerySet,
    granted,
)
from tenants.managers import AllManager, LivingManager, LivingQuerySet
from tenants.models import Project
from tenants.models.base import PLATFORM_ROWS, ControlPlaneOwned
from tenants.models.grant import RoleGrant, UserGrant, for_the_control_plane
from tenants.permissions import Permissions
from tenants.rls import CompositeForeignKey, RowSecurity

DEFAULT_MODEL = "gemini-2.5-pro"


def _json_is(field, kind):
    kind_of = models.Func(field, function="jsonb_typeof", output_field=models.CharField())
    return models.lookups.Exact(kind_of, models.Value(kind))


def _json_lists_texts(field):
    anything_else = models.Value('strict $ ? (@.type() == "array")[*] ? (@.type() != "string")')
    found = models.Func(
        field, anything_else, function="jsonb_path_exists", output_field=models.BooleanField()
    )
    return models.lookups.Exact(found, models.Value(False))


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
    # Asked where the model fails before the first piece of its answer.
    fallback_model = models.CharField(max_length=100, blank=True, default="", db_default="")
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
            models.CheckConstraint(
                condition=Q(system_prompt__regex=r"\S"), name="%(app_label)s_%(class)s_prompt"
            ),
            models.CheckConstraint(
                condition=_json_lists_texts("tools"), name="%(app_label)s_%(class)s_tool_names"
            ),
        ]


class AgentConfigQuerySet(GrantableQuerySet):
    def published(self):
        return self.filter(self._runs())

    def reach(self, user):
        """All for those who edit agents; for others the active, published ones of every project
        and of the projects that they see."""
        if user.has_perm(Permissions.AGENTS_CHANGE):
            return EVERYTHING
        if not user.has_perm(Permissions.AGENTS_VIEW):
            return NOTHING
        projects = Project.objects.visible_to(user).order_by().values("pk")
        return self._runs(is_active=True) & (Q(project=None) | Q(project__in=projects))

    def grant_of(self, user, action):
        """A draft, and what is switched off, is for those who may change it."""
        given = granted(self.model, user, action)
        if action == CHANGE:
            return given
        runs = given & self._runs(is_active=True)
        return runs | granted(self.model, user, CHANGE) if action == VIEW else runs

    def usable_by(self, user):
        """The active, published agents with which a user may converse; none of a project that is
        switched off."""
        is_open = Q(project=None) | Q(project__is_active=True)
        return self.allowed_to(user, USE).filter(is_open, self._runs(is_active=True))

    @staticmethod
    def _runs(**conditions):
        published = AgentVersion.objects.published().filter(agent=OuterRef("pk"))
        return Q(Exists(published), **conditions)


class AgentConfig(Grantable, AgentSettings, ControlPlaneOwned):
    """An agent's editable draft. Conversations run its newest published version."""

    grantable = (VIEW, USE, CHANGE)

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
        default_permissions = (VIEW, CHANGE)  # what can be granted, with
        permissions = [("use_agentconfig", "Can use agent")]
        constraints = [
            *ControlPlaneOwned.Meta.constraints,
            Audited(
                name="agents_agentconfig_audit",
                columns=(
                    "project_id",
                    "name",
                    "slug",
                    "description",
                    "is_active",
                    "agent_type",
                    "system_prompt",
                    "model_name",
                    "fallback_model",
                    "temperature",
                    "max_tokens",
                    "tools",
                    "metadata",
                ),
                title="name",
            ),
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
        return self.versions.published().order_by("-number").first()

    def runs(self):
        """Whether it can be conversed with."""
        return self.is_active and self.current_version() is not None

    def given_by(self, action):
        return {VIEW, action} if action == CHANGE or self.runs() else set()

    def reasons_for_reach(self, user, access):
        editing = [*access.by_role(user, Permissions.AGENTS_CHANGE)]
        yield from editing
        if not access.once(self.runs):
            return
        seeing = access.by_role(user, Permissions.AGENTS_VIEW)
        if self.project is None:
            yield from (reason for reason in seeing if reason not in editing)
        elif seeing:
            yield from access.of_project(self.project).sees(user)


class AgentVersionQuerySet(LivingQuerySet):
    def published(self):
        return self.filter(number__isnull=False)


# What it says stands for good; that it is deleted, and comes back, is all that changes.
_VERBS = "SELECT, INSERT"
_COLUMNS = ("is_deleted", "deleted_at", "deletion_id", "updated_at")


class AgentVersion(AgentSettings, ControlPlaneOwned):
    """An immutable copy of an agent's settings. A turn runs one.

    Those of a number were published. One of none is the draft as it was when somebody tried it.
    """

    agent = TenantForeignKey(AgentConfig, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(null=True, blank=True)
    note = models.CharField(max_length=255, blank=True)
    published_by = TenantForeignKey(
        "tenants.User", models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects: ClassVar = LivingManager.from_queryset(AgentVersionQuerySet)()
    all_objects: ClassVar = AllManager.from_queryset(AgentVersionQuerySet)()

    class Meta(ControlPlaneOwned.Meta):
        ordering = ["agent", "-number"]
        constraints = [
            *(c for c in ControlPlaneOwned.Meta.constraints if c is not PLATFORM_ROWS),
            RowSecurity(
                name="agents_agentversion_rows",
                platform=True,
                verbs=_VERBS,
                columns=_COLUMNS,
                platform_verbs=_VERBS,
                platform_columns=_COLUMNS,
            ),
            Audited(
                name="agents_agentversion_audit",
                columns=(
                    "agent_id",
                    "number",
                    "note",
                    "published_by_id",
                    "agent_type",
                    "model_name",
                    "fallback_model",
                ),
                title="number",
            ),
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
        return f"{self.agent} v{self.number}" if self.number else f"{self.agent} (draft)"


class AgentUserGrant(UserGrant):
    content_object = TenantForeignKey(AgentConfig, models.CASCADE, related_name="user_grants")

    class Meta(UserGrant.Meta):
        verbose_name = "grant to a user"
        verbose_name_plural = "grants to users"
        constraints = for_the_control_plane(UserGrant.Meta.constraints)


class AgentRoleGrant(RoleGrant):
    content_object = TenantForeignKey(AgentConfig, models.CASCADE, related_name="role_grants")

    class Meta(RoleGrant.Meta):
        verbose_name = "grant to a role"
        verbose_name_plural = "grants to roles"
        constraints = for_the_control_plane(RoleGrant.Meta.constraints)

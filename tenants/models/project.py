from typing import ClassVar

from django.db import models
from django.db.models import Q

from tenants.audit.triggers import Audited
from tenants.fields import OrganizationField, TenantForeignKey
from tenants.grants import (
    BY_MANAGING,
    BY_MEMBERSHIP,
    CHANGE,
    EVERYTHING,
    VIEW,
    Grantable,
    GrantableQuerySet,
    granted,
)
from tenants.managers import AllManager, LivingManager
from tenants.models.base import ControlPlaneLink, ControlPlaneOwned
from tenants.models.grant import RoleGrant, UserGrant, for_the_control_plane
from tenants.permissions import Permissions
from tenants.rls import CompositeForeignKey


class ProjectQuerySet(GrantableQuerySet):
    def reach(self, user):
        """The projects a member joined or manages; all of them for those who may see all."""
        if user.has_perm(Permissions.PROJECTS_VIEW_ALL):
            return EVERYTHING
        joined = ProjectMember.objects.filter(user_id=user.pk).values("project_id")
        return Q(pk__in=joined) | Q(manager_id=user.pk)

    def open_to(self, user):
        """Those that a user may put something into: a grant to view one is not enough."""
        return self.filter(self.reach(user) | granted(self.model, user, CHANGE))


class Project(Grantable, ControlPlaneOwned):
    """A group of members; conversations happen in one. Who sees it sees what is in it."""

    organization = OrganizationField(related_name="projects")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    manager = TenantForeignKey(
        "tenants.User", models.PROTECT, null=True, blank=True, related_name="managed_projects"
    )
    members = models.ManyToManyField(
        "tenants.User", through="tenants.ProjectMember", related_name="projects"
    )
    is_active = models.BooleanField(default=True)
    member_count = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar = LivingManager.from_queryset(ProjectQuerySet)()
    all_objects: ClassVar = AllManager.from_queryset(ProjectQuerySet)()

    class Meta(ControlPlaneOwned.Meta):
        ordering = ["name", "id"]
        default_permissions = (VIEW, CHANGE)  # what can be granted
        constraints = [
            *ControlPlaneOwned.Meta.constraints,
            Audited(
                name="tenants_project_audit",
                columns=("name", "description", "manager_id", "is_active"),
                title="name",
            ),
            CompositeForeignKey("manager", name="tenants_project_manager"),
        ]
        indexes = [
            models.Index(fields=["organization", "name"], name="tenants_project_by_name"),
            models.Index(fields=["organization", "manager"], name="tenants_project_by_manager"),
        ]

    def __str__(self):
        return self.name

    def reasons_for_reach(self, user, access):
        yield from access.by_role(user, Permissions.PROJECTS_VIEW_ALL)
        if user in access.members():
            yield BY_MEMBERSHIP, self.name
        if user == self.manager_id:
            yield BY_MANAGING, self.name


class ProjectMember(ControlPlaneLink):
    """A member of a project."""

    ends = ("project", "user")

    project = TenantForeignKey(Project, models.CASCADE, related_name="memberships")
    user = TenantForeignKey("tenants.User", models.CASCADE, related_name="memberships")

    class Meta(ControlPlaneLink.Meta):
        constraints = [
            *ControlPlaneLink.Meta.constraints,
            Audited(
                name="tenants_projectmember_audit",
                columns=("project_id", "user_id"),
            ),
            CompositeForeignKey("project", name="tenants_projectmember_project"),
            CompositeForeignKey("user", name="tenants_projectmember_user"),
            models.UniqueConstraint(
                fields=["organization", "project", "user"], name="tenants_projectmember_once"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "user"], name="tenants_projectmember_by_user"),
        ]

    def __str__(self):
        return f"{self.user} in {self.project}"


class ProjectUserGrant(UserGrant):
    content_object = TenantForeignKey(Project, models.CASCADE, related_name="user_grants")

    class Meta(UserGrant.Meta):
        verbose_name = "grant to a user"
        verbose_name_plural = "grants to users"
        constraints = for_the_control_plane(UserGrant.Meta.constraints)


class ProjectRoleGrant(RoleGrant):
    content_object = TenantForeignKey(Project, models.CASCADE, related_name="role_grants")

    class Meta(RoleGrant.Meta):
        verbose_name = "grant to a role"
        verbose_name_plural = "grants to roles"
        constraints = for_the_control_plane(RoleGrant.Meta.constraints)

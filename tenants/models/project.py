from typing import ClassVar

from django.db import models
from django.db.models import Q

from tenants.fields import OrganizationField, TenantForeignKey
from tenants.managers import AllManager, LivingManager, LivingQuerySet
from tenants.models.base import ControlPlaneLink, ControlPlaneOwned
from tenants.permissions import Permissions
from tenants.rls import CompositeForeignKey


class ProjectQuerySet(LivingQuerySet):
    def visible_to(self, user):
        """The projects a member joined or manages; all of them for those who may see all."""
        if user.has_perm(Permissions.PROJECTS_VIEW_ALL):
            return self
        joined = ProjectMember.objects.filter(user_id=user.pk).values("project_id")
        return self.filter(Q(pk__in=joined) | Q(manager_id=user.pk))


class Project(ControlPlaneOwned):
    """A group of members; conversations happen in one."""

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
        constraints = [
            *ControlPlaneOwned.Meta.constraints,
            CompositeForeignKey("manager", name="tenants_project_manager"),
        ]
        indexes = [
            models.Index(fields=["organization", "name"], name="tenants_project_by_name"),
            models.Index(fields=["organization", "manager"], name="tenants_project_by_manager"),
        ]

    def __str__(self):
        return self.name


class ProjectMember(ControlPlaneLink):
    """A member of a project."""

    ends = ("project", "user")

    project = TenantForeignKey(Project, models.CASCADE, related_name="memberships")
    user = TenantForeignKey("tenants.User", models.CASCADE, related_name="memberships")

    class Meta(ControlPlaneLink.Meta):
        constraints = [
            *ControlPlaneLink.Meta.constraints,
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

from uuid import UUID

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from common.ids import uuid7
from common.models import Entity
from tenants.audit.triggers import Audited
from tenants.fields import (
    CurrentOrganization,
    OrganizationField,
    SharedForeignKey,
    TenantForeignKey,
)
from tenants.managers import AllManager, LinkManager, LivingManager, OrganizationManager
from tenants.models.base import ControlPlaneLink
from tenants.permissions import Permissions
from tenants.rls import READABLE_IF_NULL, CompositeForeignKey, RowSecurity

PLATFORM_SCOPE = UUID(int=0)


_OWN_OR_BUILT_IN = Q(organization_id=CurrentOrganization()) | Q(organization_id=None)


class LivingRoleManager(LivingManager):
    rows = _OWN_OR_BUILT_IN

    def get_by_natural_key(self, organization_slug, name):
        if organization_slug:
            return self.get(organization__slug=organization_slug, name=name)
        return self.get(organization=None, name=name)


class AllRoleManager(AllManager):
    rows = _OWN_OR_BUILT_IN


class RolePermissionManager(LinkManager):
    rows = _OWN_OR_BUILT_IN


class AllRolePermissionManager(OrganizationManager):
    rows = _OWN_OR_BUILT_IN


def _scope():
    """The organization, or zeros for the platform: a key that composite references can use."""
    return models.GeneratedField(
        expression=Coalesce(
            F("organization_id"), Value(PLATFORM_SCOPE), output_field=models.UUIDField()
        ),
        output_field=models.UUIDField(),
        db_persist=True,
    )


def permission_choices():
    """The catalogue: by name, so that a migration need not repeat it."""
    return Permissions.choices


class PermissionManager(models.Manager):
    def get_by_natural_key(self, name):
        return self.get(name=name)


class Permission(models.Model):
    """One right of the catalogue in `tenants.permissions`; rows are made by migration."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    name = models.CharField(max_length=100, unique=True, choices=permission_choices)
    description = models.CharField(max_length=255, blank=True)

    objects = PermissionManager()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.description or self.name

    def natural_key(self):
        return (self.name,)


class Role(Entity):
    """A named set of permissions: built-in (no organization) or one organization's own."""

    name = models.CharField(max_length=100)
    description = models.CharField(max_length=255, blank=True)
    organization = OrganizationField(null=True, blank=True, related_name="roles")
    permissions = models.ManyToManyField(Permission, through="RolePermission", related_name="roles")
    scope = _scope()

    objects = LivingRoleManager()
    all_objects = AllRoleManager()

    class Meta(Entity.Meta):
        base_manager_name = "all_objects"
        default_manager_name = "objects"
        ordering = ["name", "id"]
        constraints = [
            RowSecurity(name="tenants_role_rows", policy=READABLE_IF_NULL, platform=True),
            Audited(
                name="tenants_role_audit",
                columns=("name", "description"),
                title="name",
            ),
            *Entity.Meta.constraints,
            models.UniqueConstraint(fields=["scope", "id"], name="tenants_role_reference"),
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=Q(is_deleted=False),
                nulls_distinct=False,
                name="tenants_role_name",
            ),
        ]

    def __str__(self):
        return self.name

    def natural_key(self):
        return (self.organization.slug if self.organization else "", self.name)

    natural_key.dependencies = ["tenants.organization"]  # type: ignore[attr-defined]

    @property
    def is_built_in(self):
        return self.organization_id is None


class RolePermission(models.Model):
    """A permission that a role holds. It carries the role's organization."""

    ends = ("role",)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = OrganizationField(null=True, blank=True, related_name="+")
    role = models.ForeignKey(Role, models.CASCADE, db_constraint=False, db_index=False)
    permission = models.ForeignKey(Permission, models.CASCADE, db_index=False)
    scope = _scope()

    objects = RolePermissionManager()
    all_objects = AllRolePermissionManager()

    class Meta:
        base_manager_name = "all_objects"
        default_manager_name = "objects"
        constraints = [
            RowSecurity(name="tenants_rolepermission_rows", policy=READABLE_IF_NULL, platform=True),
            Audited(
                name="tenants_rolepermission_audit",
                columns=("role_id", "permission_id"),
            ),
            CompositeForeignKey(
                "role", companion="scope", references="scope", name="tenants_rolepermission_role"
            ),
            models.UniqueConstraint(
                fields=["scope", "role", "permission"], name="tenants_rolepermission_once"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "role"], name="tenants_rolepermission_by_role"),
        ]

    def __str__(self):
        return f"{self.role}: {self.permission}"


class RoleScopeField(models.UUIDField):
    """The scope of the row's role, copied when the row is written; a composite key checks it."""

    def pre_save(self, instance, add):
        scope = instance.role.scope
        setattr(instance, self.attname, scope)
        return scope


class UserRole(ControlPlaneLink):
    """A role that a member has: a built-in one, or one of the member's own organization."""

    ends = ("user", "role")

    user = TenantForeignKey("tenants.User", models.CASCADE, related_name="user_roles")
    role = SharedForeignKey(Role, models.CASCADE, related_name="user_roles")
    role_scope = RoleScopeField(editable=False)

    class Meta(ControlPlaneLink.Meta):
        constraints = [
            *ControlPlaneLink.Meta.constraints,
            Audited(
                name="tenants_userrole_audit",
                columns=("user_id", "role_id"),
            ),
            CompositeForeignKey("user", name="tenants_userrole_user"),
            CompositeForeignKey(
                "role", companion="role_scope", references="scope", name="tenants_userrole_role"
            ),
            models.CheckConstraint(
                condition=Q(role_scope=PLATFORM_SCOPE) | Q(role_scope=F("organization_id")),
                name="tenants_userrole_scope",
            ),
            models.UniqueConstraint(
                fields=["organization", "user", "role"], name="tenants_userrole_once"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "role"], name="tenants_userrole_by_role"),
        ]

    def __str__(self):
        return f"{self.user}: {self.role}"

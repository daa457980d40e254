"""Grants: a user or a role may view, use or change one row. django-guardian reads and writes them.

Each kind of row has two tables of its own, for users and for roles, whose `content_object` is a
real reference: guardian's generic tables name rows by text and belong to no organization.
"""

from typing import Any, ClassVar

from django.contrib.auth.models import Permission as NamedPermission
from django.db import models
from django.db.models import F, Q
from guardian.managers import BaseObjectPermissionManager
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from tenants.audit.triggers import Audited
from tenants.fields import SharedForeignKey, TenantForeignKey
from tenants.managers import LinkManager, OrganizationManager
from tenants.models.base import KEY, PLATFORM_ROWS, ROWS, OrganizationLink
from tenants.models.role import PLATFORM_SCOPE, Role, RoleScopeField
from tenants.rls import CompositeForeignKey

USER_GRANTS = Audited(
    name="%(app_label)s_%(class)s_audit",
    columns=("content_object_id", "user_id", "permission_id"),
    content=True,
)
ROLE_GRANTS = Audited(
    name="%(app_label)s_%(class)s_audit",
    columns=("content_object_id", "group_id", "permission_id"),
    content=True,
)


class GrantManager(BaseObjectPermissionManager, LinkManager):
    """Grants that count: what they are on and whom they are for is living."""


class AllGrantManager(BaseObjectPermissionManager, OrganizationManager):
    """All of them."""


def permission_field():
    """Django's own name of the right, as guardian wants it; a join through it names whose grant."""
    return SharedForeignKey(
        NamedPermission, models.CASCADE, db_constraint=True, related_name="%(class)ss"
    )


class Grant(OrganizationLink):
    """What is common to grants."""

    content_object: Any
    permission: Any

    class Meta(OrganizationLink.Meta):
        abstract = True

    def __str__(self):
        return f"{self.grantee} may {self.action} {self.content_object}"

    @property
    def action(self):
        """view, use or change."""
        return self.permission.codename.partition("_")[0]

    @property
    def grantee(self) -> Any:
        """The user or the role."""
        raise NotImplementedError


class UserGrant(Grant, UserObjectPermissionBase):
    """A user may do something with one row."""

    ends = ("content_object", "user")

    user = TenantForeignKey("tenants.User", models.CASCADE, related_name="%(class)ss")
    permission = permission_field()

    objects: ClassVar[Any] = GrantManager()
    all_objects: ClassVar[Any] = AllGrantManager()

    class Meta(Grant.Meta):
        abstract = True
        constraints = [
            KEY,
            ROWS,
            USER_GRANTS,
            CompositeForeignKey("content_object", name="%(app_label)s_%(class)s_content_object"),
            CompositeForeignKey("user", name="%(app_label)s_%(class)s_user"),
            models.UniqueConstraint(
                fields=["organization", "content_object", "user", "permission"],
                name="%(app_label)s_%(class)s_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "user", "content_object"], name="%(class)s_by_user"
            )
        ]

    @property
    def grantee(self):
        return self.user


class RoleGrant(Grant, GroupObjectPermissionBase):
    """All who have a role may do something with one row. Guardian calls the role a group."""

    ends = ("content_object", "group")

    group: Any = SharedForeignKey(
        Role, models.CASCADE, related_name="%(class)ss", verbose_name="role"
    )
    role_scope = RoleScopeField(editable=False)
    permission = permission_field()

    objects: ClassVar[Any] = GrantManager()
    all_objects: ClassVar[Any] = AllGrantManager()

    class Meta(Grant.Meta):
        abstract = True
        constraints = [
            KEY,
            ROWS,
            ROLE_GRANTS,
            CompositeForeignKey("content_object", name="%(app_label)s_%(class)s_content_object"),
            CompositeForeignKey(
                "group",
                companion="role_scope",
                references="scope",
                name="%(app_label)s_%(class)s_role",
            ),
            models.CheckConstraint(
                condition=Q(role_scope=PLATFORM_SCOPE) | Q(role_scope=F("organization_id")),
                name="%(app_label)s_%(class)s_scope",
            ),
            models.UniqueConstraint(
                fields=["organization", "content_object", "group", "permission"],
                name="%(app_label)s_%(class)s_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "group", "content_object"], name="%(class)s_by_role"
            )
        ]

    @property
    def role(self):
        return self.group

    @property
    def grantee(self):
        return self.group


def for_the_control_plane(constraints):
    """The same constraints, with the rows and what is written of them open to platform staff."""
    return [_opened(constraint) for constraint in constraints]


def _opened(constraint):
    if isinstance(constraint, Audited):
        return Audited(name=constraint.name, columns=constraint.columns)
    return PLATFORM_ROWS if constraint is ROWS else constraint

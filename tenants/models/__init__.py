# ruff: noqa: I001  dumpdata writes the models in this order, and loaddata wants parents first
from tenants.models.organization import Organization, OrganizationUsage
from tenants.models.user import User
from tenants.models.role import Permission, Role, RolePermission, UserRole
from tenants.models.project import Project, ProjectMember, ProjectRoleGrant, ProjectUserGrant
from tenants.models.token import AccessToken
from tenants.models.audit import AuditEntry, AuditSeal
from tenants.models.attempt import AttemptCount, KnownAddress
from tenants.models.staff_access import StaffAccess

__all__ = [
    "AccessToken",
    "AttemptCount",
    "AuditEntry",
    "AuditSeal",
    "KnownAddress",
    "Organization",
    "OrganizationUsage",
    "Permission",
    "Project",
    "ProjectMember",
    "ProjectRoleGrant",
    "ProjectUserGrant",
    "Role",
    "RolePermission",
    "StaffAccess",
    "User",
    "UserRole",
]

# ruff: noqa: I001  dumpdata writes the models in this order, and loaddata wants parents first
from tenants.models.organization import Organization, OrganizationUsage
from tenants.models.user import User
from tenants.models.role import Permission, Role, RolePermission, UserRole
from tenants.models.project import Project, ProjectMember, ProjectRoleGrant, ProjectUserGrant
from tenants.models.token import AccessToken

__all__ = [
    "AccessToken",
    "Organization",
    "OrganizationUsage",
    "Permission",
    "Project",
    "ProjectMember",
    "ProjectRoleGrant",
    "ProjectUserGrant",
    "Role",
    "RolePermission",
    "User",
    "UserRole",
]

from tenants.models.organization import Organization, OrganizationUsage
from tenants.models.project import Project, ProjectMember
from tenants.models.role import Permission, Role, RolePermission, UserRole
from tenants.models.token import AccessToken
from tenants.models.user import User

__all__ = [
    "AccessToken",
    "Organization",
    "OrganizationUsage",
    "Permission",
    "Project",
    "ProjectMember",
    "Role",
    "RolePermission",
    "User",
    "UserRole",
]

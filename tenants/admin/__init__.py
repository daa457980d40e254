"""The control plane: organizations, their people, roles, projects and tokens; and the jobs."""

from tenants.admin.audit import AuditEntryAdmin
from tenants.admin.job import JobAdmin
from tenants.admin.organization import OrganizationRowAdmin
from tenants.admin.project import ProjectAdmin
from tenants.admin.role import PermissionAdmin, RoleAdmin
from tenants.admin.staff_access import StaffAccessAdmin
from tenants.admin.token import AccessTokenAdmin
from tenants.admin.user import UserAdmin

__all__ = [
    "AccessTokenAdmin",
    "AuditEntryAdmin",
    "JobAdmin",
    "OrganizationRowAdmin",
    "PermissionAdmin",
    "ProjectAdmin",
    "RoleAdmin",
    "StaffAccessAdmin",
    "UserAdmin",
]

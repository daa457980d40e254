"""Verbs on organizations, people and projects: several rows, one transaction."""

from django.db import router, transaction

from tenants import counters
from tenants.models import (
    Organization,
    OrganizationUsage,
    Project,
    ProjectMember,
    Role,
    RolePermission,
    User,
    UserRole,
)
from tenants.ownership import keeping_an_owner


def create_organization(*, name, slug, **fields):
    """Make an organization with its usage row. For platform staff and fixtures."""
    with _transaction(Organization):
        organization = Organization.objects.create(name=name, slug=slug, **fields)
        OrganizationUsage.objects.create(organization=organization)
    return organization


def create_user(*, organization, username, email, password=None, roles=(), **fields):
    """Make a member with roles; a full organization raises QuotaExceeded."""
    with _transaction(User):
        counters.claim(organization.pk, "users")
        user = User.objects.create_user(
            username, email, password, organization=organization, **fields
        )
        UserRole.objects.bulk_create(
            UserRole(organization_id=organization.pk, user=user, role=role) for role in roles
        )
    return user


def set_roles(*, user, roles):
    """Let a member have these roles and no others. Who may give which: `tenants.delegation`.

    Without Owner, the last owner raises LastOwner.
    """
    with keeping_an_owner(user.organization_id):
        held = UserRole.all_objects.filter(user=user)
        held.exclude(role__in=roles).delete()
        kept = set(held.values_list("role_id", flat=True))
        UserRole.objects.bulk_create(
            UserRole(organization_id=user.organization_id, user=user, role=role)
            for role in roles
            if role.pk not in kept
        )


def set_permissions(*, role, permissions):
    """Let a role hold these permissions and no others. Who may add which: `tenants.delegation`."""
    with _transaction(Role):
        held = RolePermission.all_objects.filter(role=role)
        held.exclude(permission__in=permissions).delete()
        kept = set(held.values_list("permission_id", flat=True))
        RolePermission.objects.bulk_create(
            RolePermission(organization_id=role.organization_id, role=role, permission=permission)
            for permission in permissions
            if permission.pk not in kept
        )


def create_project(*, organization_id, by=None, **fields):
    """Make a project, which its maker joins if a member; over quota raises QuotaExceeded."""
    with _transaction(Project):
        counters.claim(organization_id, "projects")
        project = Project.objects.create(organization_id=organization_id, **fields)
        if by is not None and by.organization_id == organization_id:
            add_member(project=project, user=by)
    return project


def add_member(*, project, user):
    """Let a user into a project; return the membership and whether it is new."""
    with _transaction(Project):
        _lock(project)
        membership, is_new = ProjectMember.all_objects.get_or_create(
            organization_id=project.organization_id, project=project, user=user
        )
        if is_new and ProjectMember.objects.contains(membership):
            counters.add(project, "member_count", 1)
    return membership, is_new


def remove_member(*, project, user):
    """Take a user out of a project; return whether there was a membership.

    A deleted user's is not seen, not counted and comes back with them.
    """
    with _transaction(Project):
        _lock(project)
        membership = ProjectMember.objects.filter(project=project, user=user).first()
        if membership:
            membership.delete()
            counters.add(project, "member_count", -1)
    return membership is not None


def _lock(project):
    """Wait for others who change the project's members, and see what they did."""
    Project.all_objects.select_for_update().filter(pk=project.pk).first()


def _transaction(model):
    return transaction.atomic(using=router.db_for_write(model))

"""Verbs on organizations, people and projects: several rows, one transaction."""

from django.db import router, transaction

from tenants import counters
from tenants.models import Organization, OrganizationUsage, Project, ProjectMember, User, UserRole


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
        membership, is_new = ProjectMember.all_objects.get_or_create(
            organization_id=project.organization_id, project=project, user=user
        )
        if is_new:
            counters.add(project, "member_count", 1)
    return membership, is_new


def remove_member(*, project, user):
    """Take a user out of a project; return whether there was a membership."""
    with _transaction(Project):
        removed, _ = ProjectMember.all_objects.filter(project=project, user=user).delete()
        if removed:
            counters.add(project, "member_count", -1)
    return bool(removed)


def _transaction(model):
    return transaction.atomic(using=router.db_for_write(model))

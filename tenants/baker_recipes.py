"""Rows for tests. Make them inside `acting_for`; organizations, as the owner."""

from datetime import timedelta
from itertools import count

from django.utils import timezone
from model_bakery.recipe import Recipe, foreign_key

from common.ids import uuid7
from tenants.models import AccessToken, Organization, Project, ProjectMember, Role, User, UserRole
from tenants.models.role import PLATFORM_SCOPE
from tenants.models.token import digest

_numbers = count(1)


def _numbered(pattern):
    """Names that nobody has. Bakery's own sequences begin anew in each organization."""
    return lambda: pattern.format(next(_numbers))


organization_recipe = Recipe(
    Organization, name=_numbered("Organization {}"), slug=_numbered("organization-{}")
)
user_recipe = Recipe(
    User,
    username=_numbered("person-{}"),
    email=_numbered("person-{}@example.test"),
    password="!",  # noqa: S106  nobody's
)
project_recipe = Recipe(Project, name=_numbered("Project {}"))
member_recipe = Recipe(
    ProjectMember, project=foreign_key(project_recipe), user=foreign_key(user_recipe)
)
role_recipe = Recipe(Role, name=_numbered("Role {}"))
user_role_recipe = Recipe(
    UserRole,
    user=foreign_key(user_recipe),
    role=foreign_key(role_recipe),
    role_scope=PLATFORM_SCOPE,  # the field itself knows better
)
token_recipe = Recipe(
    AccessToken,
    user=foreign_key(user_recipe),
    prefix="chy_",
    digest=lambda: digest(str(uuid7())),
    expires_at=lambda: timezone.now() + timedelta(days=1),
)

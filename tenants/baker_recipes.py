"""Rows for tests. Make them inside `acting_for`; organizations, as the owner."""

from datetime import timedelta

from django.utils import timezone
from model_bakery.recipe import Recipe, foreign_key, seq

from common.ids import uuid7
from tenants.models import AccessToken, Organization, Project, ProjectMember, Role, User, UserRole
from tenants.models.role import PLATFORM_SCOPE
from tenants.models.token import digest

organization_recipe = Recipe(Organization, name=seq("Organization "), slug=seq("organization-"))
user_recipe = Recipe(
    User,
    username=seq("person-"),
    email=seq("person-", suffix="@example.test"),
    password="!",  # noqa: S106  nobody's
)
project_recipe = Recipe(Project, name=seq("Project "))
member_recipe = Recipe(
    ProjectMember, project=foreign_key(project_recipe), user=foreign_key(user_recipe)
)
role_recipe = Recipe(Role, name=seq("Role "))
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

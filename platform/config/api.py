"""The routes of the API, version 1."""

from typing import Any

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.routers import APIRootView, DefaultRouter
from rest_framework_nested.routers import NestedSimpleRouter

from agents.api.views.agents import AgentGrantViewSet, AgentViewSet, VersionViewSet
from agents.api.views.budgets import BudgetViewSet, UsageViewSet
from agents.api.views.conversations import ConversationViewSet
from agents.api.views.messages import MessageViewSet
from agents.api.views.providers import ProviderViewSet
from knowledge.api.views import (
    ChunkViewSet,
    DocumentGrantViewSet,
    DocumentViewSet,
    SearchViewSet,
)
from tenants.api.views.access import LoginView, LogoutView, MeView
from tenants.api.views.account import (
    EmailConfirmView,
    EmailVerifyView,
    PasswordChangeView,
    PasswordResetConfirmView,
    PasswordResetView,
    TokenViewSet,
)
from tenants.api.views.audit import AuditEntryViewSet
from tenants.api.views.grants import ProjectGrantViewSet
from tenants.api.views.organization import OrganizationView, StaffAccessView
from tenants.api.views.people import PermissionViewSet, RoleViewSet, UserViewSet
from tenants.api.views.projects import ProjectMemberViewSet, ProjectViewSet


class RootView(APIRootView):
    """Where everything is."""

    permission_classes = [AllowAny]
    http_method_names = ["get", "head"]
    name = "Chancery"


class Router(DefaultRouter):
    include_format_suffixes = False

    def get_api_root_view(self, api_urls: Any = None) -> Any:
        """List what is registered, and the endpoints that are one of a kind."""
        names = {prefix: f"{basename}-list" for prefix, _, basename in self.registry}
        others = {name: name for name in ("me", "organization", "staff-access", "schema", "docs")}
        return RootView.as_view(api_root_dict=names | others)


router = Router()
router.register("users", UserViewSet)
router.register("roles", RoleViewSet)
router.register("permissions", PermissionViewSet)
router.register("tokens", TokenViewSet)
router.register("projects", ProjectViewSet)
router.register("audit", AuditEntryViewSet, basename="audit")
router.register("agents", AgentViewSet, basename="agent")
router.register("providers", ProviderViewSet, basename="provider")
router.register("budgets", BudgetViewSet)
router.register("usage", UsageViewSet, basename="usage")
router.register("documents", DocumentViewSet)
router.register("search", SearchViewSet, basename="search")
router.register("conversations", ConversationViewSet)

of_projects = NestedSimpleRouter(router, "projects", lookup="project")
of_projects.register("members", ProjectMemberViewSet, basename="member")
of_projects.register("grants", ProjectGrantViewSet, basename="project-grant")
of_agents = NestedSimpleRouter(router, "agents", lookup="agent")
of_agents.register("versions", VersionViewSet, basename="version")
of_agents.register("grants", AgentGrantViewSet, basename="agent-grant")
of_documents = NestedSimpleRouter(router, "documents", lookup="document")
of_documents.register("chunks", ChunkViewSet, basename="chunk")
of_documents.register("grants", DocumentGrantViewSet, basename="document-grant")
of_conversations = NestedSimpleRouter(router, "conversations", lookup="conversation")
of_conversations.register("messages", MessageViewSet, basename="message")

urlpatterns = [
    path("auth/login/", LoginView.as_view(), name="login"),
    path("auth/logout/", LogoutView.as_view(), name="logout"),
    path("auth/password/change/", PasswordChangeView.as_view(), name="password-change"),
    path("auth/password/reset/", PasswordResetView.as_view(), name="password-reset"),
    path(
        "auth/password/reset/confirm/",
        PasswordResetConfirmView.as_view(),
        name="password-reset-confirm",
    ),
    path("auth/email/verify/", EmailVerifyView.as_view(), name="email-verify"),
    path("auth/email/verify/confirm/", EmailConfirmView.as_view(), name="email-confirm"),
    path("me/", MeView.as_view(), name="me"),
    path(
        "organization/",
        OrganizationView.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="organization",
    ),
    path(
        "organization/staff-access/",
        StaffAccessView.as_view({"get": "list"}),
        name="staff-access",
    ),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(), name="docs"),
    *router.urls,
    *of_projects.urls,
    *of_agents.urls,
    *of_documents.urls,
    *of_conversations.urls,
]

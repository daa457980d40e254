from typing import Any

from django.db.models import Exists, OuterRef, Subquery, Value
from drf_spectacular.utils import (
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.response import Response

from agents.api import problems  # noqa: F401 (registers)
from agents.api.serializers import (
    AgentSerializer,
    PublicAgentSerializer,
    PublishSerializer,
    VersionSerializer,
    VisibleAgentSerializer,
)
from agents.models import AgentConfig, AgentVersion
from agents.services import publish_agent
from tenants.api.problems import unique
from tenants.api.views.grants import GrantViewSet, for_those_who, grants_of
from tenants.api.viewsets import (
    ChangeMixin,
    ListMixin,
    NestedMixin,
    OrganizationViewSet,
    RestoreMixin,
)
from tenants.grants import CHANGE
from tenants.permissions import Permissions

_SHOWN: dict[str, Any] = {
    "component_name": "VisibleAgent",
    "serializers": [AgentSerializer, PublicAgentSerializer],
    "resource_type_field_name": None,
}


@extend_schema_view(
    list=extend_schema(responses=PolymorphicProxySerializer(**_SHOWN, many=True)),
    retrieve=extend_schema(responses=PolymorphicProxySerializer(**_SHOWN)),
    restore=extend_schema(request=None, responses=PolymorphicProxySerializer(**_SHOWN)),
)
class AgentViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """Agents: the active, published ones that the caller can use; all for those who edit them."""

    queryset = AgentConfig.objects.all()
    required_permissions = {
        "list": Permissions.AGENTS_VIEW,
        "retrieve": Permissions.AGENTS_VIEW,
        "create": Permissions.AGENTS_ADD,
        "partial_update": Permissions.AGENTS_CHANGE,
        "destroy": Permissions.AGENTS_DELETE,
        "restore": Permissions.AGENTS_DELETE,
        "publish": Permissions.AGENTS_CHANGE,
    }

    def get_queryset(self) -> Any:
        """How an agent is told to act (`is_editable`) is shown to those who may edit it."""
        versions = AgentVersion.objects.filter(agent=OuterRef("pk")).order_by("-number")
        agents = super().get_queryset().annotate(version=Subquery(versions.values("number")[:1]))
        if self.member.has_perm(Permissions.AGENTS_CHANGE):
            return agents.annotate(is_editable=Value(True))
        editable = AgentConfig.objects.granted_to(self.member, CHANGE)
        return agents.annotate(is_editable=Exists(editable.filter(pk=OuterRef("pk"))))

    def get_serializer_class(self) -> Any:
        if self.action == "publish":
            return PublishSerializer
        is_shown = self.action in ("list", "retrieve", "restore")
        return VisibleAgentSerializer if is_shown else AgentSerializer

    def perform_create(self, serializer: Any) -> None:
        self._save(serializer)
        serializer.instance.version = None

    def perform_update(self, serializer: Any) -> None:
        self._save(serializer)

    @extend_schema(responses={201: VersionSerializer})
    @action(detail=True, methods=["post"])
    def publish(self, request: Any, pk: str) -> Response:
        """Make the draft the version that conversations run from now on."""
        agent = self.get_object()
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        version = publish_agent(agent=agent, by=self.member, **serializer.validated_data)
        return self.shown(VersionSerializer(version), status.HTTP_201_CREATED)

    def _save(self, serializer: Any) -> None:
        with unique(agents_agentconfig_slug="slug"):
            self.save(serializer)


class VersionViewSet(NestedMixin, ListMixin, OrganizationViewSet):
    """What has been published of an agent."""

    queryset = AgentVersion.objects.select_related("published_by")
    serializer_class = VersionSerializer
    parents = AgentConfig.objects.all()
    parent_kwarg = "agent_pk"
    required_permissions = {
        "list": Permissions.AGENTS_CHANGE,
        "retrieve": Permissions.AGENTS_CHANGE,
    }

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(agent=self.parent)


@grants_of("agent_pk")
class AgentGrantViewSet(GrantViewSet):
    parents = AgentConfig.objects.all()
    parent_kwarg = "agent_pk"
    required_permissions = for_those_who(Permissions.AGENTS_CHANGE)

from typing import Any

from django.db.models import Exists, OuterRef, Subquery, Value
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.response import Response

from agents.agent_templates import TEMPLATES
from agents.api import problems  # noqa: F401 (registers)
from agents.api.serializers import (
    AgentSerializer,
    ChangedAgentSerializer,
    DiffSerializer,
    NewAgentSerializer,
    PublicAgentSerializer,
    PublishSerializer,
    TemplateSerializer,
    VersionSerializer,
    VisibleAgentSerializer,
)
from agents.models import AgentConfig, AgentVersion
from agents.publishing import changes, publish_again, publish_agent
from common.api.problems import field_problem
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


_OF_ACTIONS = {
    "create": NewAgentSerializer,
    "partial_update": ChangedAgentSerializer,
    "publish": PublishSerializer,
    "templates": TemplateSerializer,
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
        "templates": Permissions.AGENTS_ADD,
    }

    def get_queryset(self) -> Any:
        """How an agent is told to act (`is_editable`) is shown to those who may edit it."""
        published = AgentVersion.objects.published()
        versions = published.filter(agent=OuterRef("pk")).order_by("-number")
        agents = super().get_queryset().annotate(version=Subquery(versions.values("number")[:1]))
        if self.member.has_perm(Permissions.AGENTS_CHANGE):
            return agents.annotate(is_editable=Value(True))
        editable = AgentConfig.objects.granted_to(self.member, CHANGE)
        return agents.annotate(is_editable=Exists(editable.filter(pk=OuterRef("pk"))))

    def get_serializer_class(self) -> Any:
        if found := _OF_ACTIONS.get(self.action):
            return found
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
        """Make the draft, or an older version again, what conversations run from now on."""
        agent = self.get_object()
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given: dict[str, Any] = {"agent": agent, "by": self.member, **serializer.validated_data}
        number = given.pop("version", None)
        if number is None:
            version = publish_agent(**given)
        else:
            older = AgentVersion.objects.filter(agent=agent, number=number).first()
            if older is None:
                raise field_problem("version", "There is no version of this number.")
            version = publish_again(version=older, **given)
        return self.shown(VersionSerializer(version), status.HTTP_201_CREATED)

    @extend_schema(responses=TemplateSerializer(many=True))
    @action(detail=False)
    def templates(self, request: Any) -> Response:
        """Agents to begin with, one for each type."""
        shown = self.get_serializer(TEMPLATES.values(), many=True).data
        return Response({"next": None, "previous": None, "results": shown})

    def _save(self, serializer: Any) -> None:
        with unique(agents_agentconfig_slug="slug"):
            self.save(serializer)


_PLACE: dict[str, Any] = {"type": OpenApiTypes.STR, "location": OpenApiParameter.QUERY}
_DRAFT = "draft"


class VersionViewSet(NestedMixin, ListMixin, OrganizationViewSet):
    """What has been published of an agent. What was only tried is found by its id."""

    queryset = AgentVersion.objects.select_related("published_by")
    serializer_class = VersionSerializer
    parents = AgentConfig.objects.all()
    parent_kwarg = "agent_pk"
    required_permissions = {
        "list": Permissions.AGENTS_CHANGE,
        "retrieve": Permissions.AGENTS_CHANGE,
        "diff": Permissions.AGENTS_CHANGE,
    }

    def get_queryset(self) -> Any:
        versions = super().get_queryset().filter(agent=self.parent)
        return versions if self.action == "retrieve" else versions.published()

    @extend_schema(
        parameters=[
            OpenApiParameter("from", description="A number, or `draft`; the newest.", **_PLACE),
            OpenApiParameter("to", description="A number, or `draft`, which it is.", **_PLACE),
        ],
        responses=DiffSerializer,
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def diff(self, request: Any, agent_pk: str) -> Response:
        """What has changed from a version to another, or to the draft."""
        before, after = self._named("from"), self._named("to")
        shown = {
            "before": getattr(before, "number", None),
            "after": getattr(after, "number", None),
            "changes": changes(before, after),
        }
        return Response(DiffSerializer(shown).data)

    def _named(self, parameter: str) -> AgentConfig | AgentVersion:
        text = self.request.query_params.get(parameter, "")
        if text == _DRAFT or (not text and parameter == "to"):
            return self.parent
        if not text:
            found = self.parent.current_version()
        elif text.isascii() and text.isdigit() and len(text) < 10:
            found = self.get_queryset().filter(number=int(text)).first()
        else:
            raise field_problem(parameter, "This must be the number of a version, or draft.")
        if found is None:
            raise Http404
        return found


@grants_of("agent_pk")
class AgentGrantViewSet(GrantViewSet):
    parents = AgentConfig.objects.all()
    parent_kwarg = "agent_pk"
    required_permissions = for_those_who(Permissions.AGENTS_CHANGE)

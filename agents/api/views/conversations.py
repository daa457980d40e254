from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from agents.api import problems  # noqa: F401 (registers)
from agents.api.answers import streamed
from agents.api.serializers import ConversationSerializer, StartConversationSerializer
from agents.exports import JSONWriter, MarkdownWriter, exported, filename_of
from agents.models import Conversation
from agents.services import start_conversation
from agents.viewing import Viewer
from common.api.renderers import MarkdownRenderer
from tenants.api.viewsets import (
    ChangeMixin,
    ListMixin,
    OrganizationViewSet,
    RestoreMixin,
)
from tenants.audit.actor import current_actor
from tenants.permissions import Permissions

READERS = (Permissions.AGENTS_USE, Permissions.CONVERSATIONS_VIEW_ALL)
_READING = ("retrieve", "export")
_FORMATS = [JSONRenderer.format, MarkdownRenderer.format]


class ConversationViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """The caller's conversations; those with the permission read other people's, too."""

    queryset = Conversation.objects.all()
    required_permissions = {
        "list": READERS,
        "retrieve": READERS,
        "export": READERS,
        "create": Permissions.AGENTS_USE,
        "partial_update": Permissions.AGENTS_USE,
        "destroy": Permissions.AGENTS_USE,
        "restore": Permissions.AGENTS_USE,
    }

    def get_object(self) -> Conversation:
        conversation = super().get_object()
        if self.action not in _READING and conversation.user_id != self.member.pk:
            raise PermissionDenied("This conversation is somebody else's.")
        return conversation

    def get_serializer_class(self) -> Any:
        return StartConversationSerializer if self.action == "create" else ConversationSerializer

    def get_renderers(self) -> list[Any]:
        if self.action == "export":
            return [JSONRenderer(), MarkdownRenderer()]
        return super().get_renderers()

    @extend_schema(responses={201: ConversationSerializer})
    def create(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        conversation = start_conversation(by=self.member, **serializer.validated_data)
        return self.shown(ConversationSerializer(conversation), status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=_FORMATS)],
        responses={
            (200, JSONRenderer.media_type): OpenApiTypes.OBJECT,
            (200, MarkdownRenderer.media_type): OpenApiTypes.STR,
        },
    )
    @action(detail=True)
    def export(self, request: Any, pk: str) -> HttpResponseBase:
        """All of it as a file: JSON, or Markdown by `?format=md` or `Accept: text/markdown`.

        Whoever takes somebody else's is named in the audit trail.
        """
        conversation = self.get_object()
        renderer = request.accepted_renderer
        is_markdown = renderer.format == MarkdownRenderer.format
        is_own = conversation.user_id == self.member.pk
        parts = exported(
            conversation,
            MarkdownWriter() if is_markdown else JSONWriter(),
            Viewer(request, conversation.pk),
            None if is_own else current_actor(),
        )
        name = filename_of(conversation, renderer.format)
        return streamed(
            request,
            parts,
            content_type=f"{renderer.media_type}{'; charset=utf-8' if is_markdown else ''}",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

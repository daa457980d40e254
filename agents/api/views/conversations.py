import json
from typing import Any

from django.http import Http404, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response

from agents.api import problems  # noqa: F401 (registers)
from agents.api.answers import awaited, streamed
from agents.api.serializers import (
    AskSerializer,
    ConversationSerializer,
    MessageSerializer,
    StartConversationSerializer,
)
from agents.models import Conversation, Message
from agents.services import post_message, start_conversation
from agents.streams import reply_events, reply_json
from common.api.pagination import OldestFirstPagination
from common.api.problems import field_problem
from common.api.renderers import EventStreamRenderer
from tenants.api.viewsets import (
    ChangeMixin,
    ListMixin,
    NestedMixin,
    OrganizationViewSet,
    RestoreMixin,
)
from tenants.permissions import Permissions
from tenants.sign_in import SignIn

_READERS = (Permissions.AGENTS_USE, Permissions.CONVERSATIONS_VIEW_ALL)
_KEY, _LAST_EVENT = "Idempotency-Key", "Last-Event-ID"
_STREAM = EventStreamRenderer.media_type


class ConversationViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """The caller's conversations; those with the permission read other people's, too."""

    queryset = Conversation.objects.all()
    required_permissions = {
        "list": _READERS,
        "retrieve": _READERS,
        "create": Permissions.AGENTS_USE,
        "partial_update": Permissions.AGENTS_USE,
        "destroy": Permissions.AGENTS_USE,
        "restore": Permissions.AGENTS_USE,
    }

    def get_object(self) -> Conversation:
        conversation = super().get_object()
        if self.action != "retrieve" and conversation.user_id != self.member.pk:
            raise PermissionDenied("This conversation is somebody else's.")
        return conversation

    def get_serializer_class(self) -> Any:
        return StartConversationSerializer if self.action == "create" else ConversationSerializer

    @extend_schema(responses={201: ConversationSerializer})
    def create(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        conversation = start_conversation(by=self.member, **serializer.validated_data)
        return self.shown(ConversationSerializer(conversation), status.HTTP_201_CREATED)


class MessageViewSet(NestedMixin, ListMixin, OrganizationViewSet):
    """The messages of a conversation, oldest first. Posting one asks the agent."""

    queryset = Message.objects.select_related("agent_version")
    pagination_class = OldestFirstPagination
    parents = Conversation.objects.all()
    parent_kwarg = "conversation_pk"
    required_permissions = {
        "list": _READERS,
        "retrieve": _READERS,
        "create": Permissions.AGENTS_USE,
        "events": _READERS,
    }

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(conversation=self.parent)

    def get_serializer_class(self) -> Any:
        return AskSerializer if self.action == "create" else MessageSerializer

    def get_renderers(self) -> list[Any]:
        if self.action == "events":
            return [EventStreamRenderer()]
        if self.action == "create":
            return [JSONRenderer(), EventStreamRenderer(), BrowsableAPIRenderer()]
        return super().get_renderers()

    @extend_schema(
        parameters=[
            OpenApiParameter(_KEY, str, OpenApiParameter.HEADER),
            OpenApiParameter("format", exclude=True),
        ],
        responses={
            (201, "application/json"): MessageSerializer,
            (201, _STREAM): OpenApiTypes.STR,
        },
    )
    def create(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask, and wait for the reply; with `Accept: text/event-stream` watch it being written."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        reply = post_message(
            conversation=self.parent,
            by=self.member,
            idempotency_key=_idempotency_key(request),
            **serializer.validated_data,
        )
        place, sign_in = (self.organization_id, reply.pk), SignIn(request)
        if request.accepted_renderer.format == EventStreamRenderer.format:
            events = reply_events(*place, sign_in=sign_in)
            return streamed(request, events, status=201, content_type=_STREAM)
        body = reply_json(*place, sign_in=sign_in)
        if request.accepted_renderer.format == JSONRenderer.format:
            return streamed(request, body, status=201, content_type=JSONRenderer.media_type)
        return self.continued(
            lambda: json.loads(awaited(body)),
            lambda data: Response(data, status=status.HTTP_201_CREATED),
        )

    @extend_schema(
        parameters=[OpenApiParameter(_LAST_EVENT, int, OpenApiParameter.HEADER)],
        responses={(200, _STREAM): OpenApiTypes.STR},
    )
    @action(detail=True)
    def events(self, request: Any, conversation_pk: str, pk: str) -> HttpResponseBase:
        """The events of a reply from the one after `Last-Event-ID` on, until it has ended."""
        reply = self.get_object()
        if reply.role != Message.Role.ASSISTANT:
            raise Http404
        after, sign_in = _last_event(request), SignIn(request)
        events = reply_events(self.organization_id, reply.pk, after, sign_in)
        return streamed(request, events, status=200, content_type=_STREAM)


def _idempotency_key(request: Any) -> str:
    key = request.headers.get(_KEY, "")
    longest = Message._meta.get_field("idempotency_key").max_length or 0
    if len(key) > longest or not (key.isascii() and key.isprintable()):
        raise field_problem(_KEY, f"This must be at most {longest} printable ASCII characters.")
    return key


def _last_event(request: Any) -> int:
    text = request.headers.get(_LAST_EVENT, "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise field_problem(_LAST_EVENT, "This must be the id of an event.")
    return int(text)

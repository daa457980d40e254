import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from django.db.models import Prefetch
from django.http import Http404, HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response

from agents.api.answers import awaited, streamed
from agents.api.late import Opening, Part, late
from agents.api.serializers import AskSerializer, FeedbackSerializer, MessageSerializer
from agents.api.views.conversations import READERS
from agents.feedback import give_feedback, withdraw_feedback
from agents.models import Conversation, Message, MessageFeedback
from agents.services import post_message, regenerate_reply, stop_reply
from agents.streams import has_told_all, reply_events, reply_json
from agents.viewing import Viewer
from common.api.pagination import CursorPagination, OldestFirstPagination
from common.api.problems import MEDIA_TYPE, NOT_FOUND, Problem, field_problem
from common.api.renderers import EventStreamRenderer
from tenants.api.viewsets import ListMixin, NestedMixin, OrganizationViewSet
from tenants.permissions import Permissions

_KEY, _LAST_EVENT = "Idempotency-Key", "Last-Event-ID"
_STREAM = EventStreamRenderer.media_type
_EVENT_ID = re.compile(r"(?P<after>[0-9]{1,9})(\.(?P<told>[0-9]{1,9}))?")
_ASKING = ("create", "regenerate")

asks = extend_schema(
    parameters=[
        OpenApiParameter(_KEY, str, OpenApiParameter.HEADER),
        OpenApiParameter("format", exclude=True),
    ],
    responses={
        (201, "application/json"): MessageSerializer,
        (201, _STREAM): OpenApiTypes.STR,
    },
)


class MessageViewSet(NestedMixin, ListMixin, OrganizationViewSet):
    """The messages of a conversation, oldest first. Posting one asks the agent."""

    queryset = Message.objects.select_related("agent_version")
    pagination_class = OldestFirstPagination
    parents = Conversation.objects.all()
    parent_kwarg = "conversation_pk"
    required_permissions = {
        "list": READERS,
        "retrieve": READERS,
        "create": Permissions.AGENTS_USE,
        "events": READERS,
        "stop": Permissions.AGENTS_USE,
        "regenerate": Permissions.AGENTS_USE,
        "feedback": READERS,
        "give_feedback": READERS,
        "withdraw_feedback": READERS,
    }

    def get_queryset(self) -> Any:
        mine = MessageFeedback.objects.filter(user=self.member)
        own_feedback = Prefetch("feedback", queryset=mine, to_attr="own_feedback")
        messages = super().get_queryset().filter(conversation=self.parent)
        return messages.prefetch_related(own_feedback)

    def get_serializer_class(self) -> Any:
        if self.action.endswith("feedback"):
            return FeedbackSerializer
        return AskSerializer if self.action == "create" else MessageSerializer

    def get_renderers(self) -> list[Any]:
        if self.action == "events":
            return [EventStreamRenderer()]
        if self.action in _ASKING:
            return [JSONRenderer(), EventStreamRenderer(), BrowsableAPIRenderer()]
        return super().get_renderers()

    def get_reply(self) -> Message:
        reply: Message = self.get_object()
        if reply.role != Message.Role.ASSISTANT:
            raise Http404
        return reply

    @asks
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
        return self._answered(reply)

    @extend_schema(request=None)
    @asks
    @action(detail=True, methods=["post"])
    def regenerate(self, request: Any, conversation_pk: str, pk: str) -> HttpResponseBase:
        """Ask the question of a reply again. The old reply stays beside the new one."""
        reply = self.get_reply()
        key = _idempotency_key(request)
        return self._answered(regenerate_reply(reply=reply, by=self.member, idempotency_key=key))

    def _answered(self, reply: Message) -> HttpResponseBase:
        """The reply when it has ended, or the stream of its events, as the caller wishes."""
        request = self.request
        place, viewer = (self.organization_id, reply.pk), Viewer(request, reply.conversation_id)
        if request.accepted_renderer.format == EventStreamRenderer.format:
            events = reply_events(*place, sign_in=viewer)
            return streamed(request, events, status=201, content_type=_STREAM)
        body = reply_json(*place, sign_in=viewer)
        if request.accepted_renderer.format == JSONRenderer.format:
            return late(request, _opened(body))
        return self.continued(
            lambda: _reply_in(awaited(body)),
            lambda data: Response(data, status=status.HTTP_201_CREATED),
        )

    @extend_schema(
        parameters=[OpenApiParameter(_LAST_EVENT, str, OpenApiParameter.HEADER)],
        responses={(200, _STREAM): OpenApiTypes.STR, 204: None},
    )
    @action(detail=True)
    def events(self, request: Any, conversation_pk: str, pk: str) -> HttpResponseBase:
        """The events of a reply from the one after `Last-Event-ID` on, until it has ended.

        204 when there are none to come, which tells a browser's EventSource to stay away.
        """
        reply, (after, told) = self.get_reply(), _last_event(request)
        if has_told_all(reply, after):
            return HttpResponse(status=status.HTTP_204_NO_CONTENT)
        viewer = Viewer(request, reply.conversation_id)
        events = reply_events(self.organization_id, reply.pk, after, viewer, told)
        return streamed(request, events, content_type=_STREAM)

    @extend_schema(request=None, responses=MessageSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Any, conversation_pk: str, pk: str) -> Response:
        """End a reply with the text it has. One that has ended stays as it is."""
        return Response(MessageSerializer(stop_reply(reply=self.get_reply(), by=self.member)).data)

    @extend_schema(responses=FeedbackSerializer(many=True))
    @action(detail=True, pagination_class=CursorPagination)
    def feedback(self, request: Any, conversation_pk: str, pk: str) -> Response:
        """What people think of a message: the caller's own, everybody's for those who see all."""
        given = MessageFeedback.objects.visible_to(self.member).filter(message=self.get_object())
        page = self.paginate_queryset(given.select_related("user"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses={200: FeedbackSerializer, 201: FeedbackSerializer})
    @feedback.mapping.post
    def give_feedback(self, request: Any, conversation_pk: str, pk: str) -> Response:
        """Say what one thinks of a reply: 201, or 200 in place of what one thought before."""
        reply = self.get_reply()
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given, is_new = give_feedback(reply=reply, by=self.member, **serializer.validated_data)
        answer = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return self.shown(FeedbackSerializer(given), answer)

    @extend_schema(responses={204: None})
    @feedback.mapping.delete
    def withdraw_feedback(self, request: Any, conversation_pk: str, pk: str) -> Response:
        """Take back what one thought."""
        withdraw_feedback(reply=self.get_reply(), by=self.member)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _idempotency_key(request: Any) -> str:
    key = request.headers.get(_KEY, "")
    longest = Message._meta.get_field("idempotency_key").max_length or 0
    if len(key) > longest or not (key.isascii() and key.isprintable()):
        raise field_problem(_KEY, f"This must be at most {longest} printable ASCII characters.")
    return key


def _last_event(request: Any) -> tuple[int, int]:
    """The sequence of an event, and how many characters of the next one were told."""
    found = _EVENT_ID.fullmatch(request.headers.get(_LAST_EVENT, "") or "0")
    if not found:
        raise field_problem(_LAST_EVENT, "This must be the id of an event.")
    return int(found["after"]), int(found["told"] or 0)


async def _opened(body: AsyncGenerator[bytes, None]) -> AsyncGenerator[Part, None]:
    """Yield how a reply is sent, and the reply; 404 where it went before it had ended."""
    async with aclosing(body):
        reply = await anext(body, None)
    if reply is None:
        yield Opening(status.HTTP_404_NOT_FOUND, MEDIA_TYPE)
        yield json.dumps(Problem(404, NOT_FOUND).data).encode()
    else:
        yield Opening(status.HTTP_201_CREATED, JSONRenderer.media_type)
        yield reply


def _reply_in(body: bytes) -> Any:
    if not body:
        raise Http404
    return json.loads(body)

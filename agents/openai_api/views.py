"""`/v1/models` and `/v1/chat/completions`."""

import re
from typing import Any, cast
from uuid import UUID

from django.http import HttpResponseBase
from rest_framework.exceptions import NotAuthenticated
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from agents.api import problems  # noqa: F401 (registers)
from agents.api.late import late
from agents.models import AgentConfig
from agents.openai_api import answering, errors, reading, wire
from agents.providers import candidates_for
from agents.runtime.stateless import Question
from agents.viewing import AgentUser
from common.api.parsers import JSONParser
from common.api.problems import as_problem
from tenants.api.permissions import HoldsPermission
from tenants.api.viewsets import OrganizationViewSet
from tenants.permissions import Permissions

_NAME = re.compile(r"[-\w]+", re.ASCII)  # of a slug, or an id


class ByTokenAlone(HoldsPermission):
    """Programs show a token; a browser's session is nobody here, so that no page can use it."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if request.user.is_authenticated and request.auth is None:
            raise NotAuthenticated("Show a token as the API key.")
        return super().has_permission(request, view)


class AnyJSONParser(JSONParser):
    """The body is JSON, whatever a client calls it."""

    media_type = "*/*"


class AlwaysJSON(DefaultContentNegotiation):
    """The body's `stream` says what is sent, whatever a client accepts besides."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return JSONRenderer(), JSONRenderer.media_type


class OpenAIViewSet(OrganizationViewSet):
    """Agents as models, for those who may use them. Errors are OpenAI's."""

    permission_classes = [ByTokenAlone]
    parser_classes: list[type[BaseParser]] = [AnyJSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJSON
    schema = None  # OpenAI's own reference describes it
    queryset = AgentConfig.objects.all()

    def get_queryset(self) -> Any:
        return AgentConfig.objects.usable_by(self.member)

    def found(self, name: str) -> AgentConfig:
        """The agent of this slug or id."""
        if not _NAME.fullmatch(name):
            raise errors.unknown_model(name)
        agents = self.get_queryset()
        agent = agents.filter(slug=name).first() or agents.filter(pk=_as_id(name)).first()
        if agent is None:
            raise errors.unknown_model(name)
        return agent

    def handle_exception(self, exc: Exception) -> Response:
        """Answer as OpenAI would; a fault of the program is left to Django, which logs it."""
        if isinstance(exc, NotAuthenticated):
            exc.auth_header = self.get_authenticate_header(self.request)  # type: ignore[attr-defined]
        problem = as_problem(exc)
        if problem is None:
            raise exc
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return Response(errors.body_of(problem), problem.status_code, headers=problem.headers)


class ModelViewSet(OpenAIViewSet):
    """The agents that the caller can use. Each is a model, its slug the model's name."""

    lookup_url_kwarg = "model"
    required_permissions = {"list": Permissions.AGENTS_USE, "retrieve": Permissions.AGENTS_USE}

    def list(self, request: Any) -> Response:
        shown = [self._shown(agent) for agent in self.get_queryset().order_by("slug")]
        return Response({"object": "list", "data": shown})

    def retrieve(self, request: Any, model: str) -> Response:
        return Response(self._shown(self.found(model)))

    def _shown(self, agent: AgentConfig) -> dict[str, Any]:
        return wire.model_data(agent, cast(Any, self.member.organization).slug)


class CompletionViewSet(OpenAIViewSet):
    """Chat completions. An agent answers by its published version, as in a conversation."""

    required_permissions = {"create": Permissions.AGENTS_USE}

    def create(self, request: Any) -> HttpResponseBase:
        model = reading.model_of(request.data)
        agent = self.found(model)
        asked = reading.chat_request(request.data)
        version = agent.current_version()
        if version is None:  # it has been deleted at this moment
            raise errors.unknown_model(model)
        candidates_for(version)
        question = Question(
            organization_id=self.organization_id,
            user_id=self.member.pk,
            agent_id=agent.pk,
            version_id=version.pk,
            token_id=request.auth["id"],
            text=asked.question,
            history=asked.history,
            wishes=asked.wishes,
            temperature=asked.temperature,
            max_tokens=asked.max_tokens,
        )
        completion = answering.new_completion(model, version.number)
        asker = AgentUser(request, agent.pk)
        if asked.stream:
            parts = answering.in_chunks(question, completion, asker, counts=asked.include_usage)
        else:
            parts = answering.whole(question, completion, asker)
        return late(request, parts)


def _as_id(name: str) -> Any:
    """The id that a name may be, else one of nobody."""
    try:
        return UUID(name)
    except ValueError:
        return UUID(int=0)

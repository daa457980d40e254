"""Errors as problem details (RFC 9457): `type`, `title`, `status`, `detail`; by field, `errors`.

An exception of an app becomes a problem by a converter of that app: `as_problem.register`.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import singledispatch
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.serializer_helpers import ReturnDict

from common.attempts import TooManyAttempts

MEDIA_TYPE = "application/problem+json"
NOT_FOUND = "There is nothing here that you can see."


class Problem(exceptions.APIException):
    """An answer of 400 and above. Raise it where no exception of an app says the same.

    `kind` names the sort of problem to programs (`type` is made of it); `members` are further
    members of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        title: str = "",
        errors: Iterable[Mapping[str, str | None]] = (),
        headers: dict[str, str] | None = None,
        **members: Any,
    ):
        super().__init__(detail)
        self.status_code = status
        self.headers = headers or {}
        self.data = {
            "type": f"urn:chancery:{kind}" if kind else "about:blank",
            "title": title or HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            **members,
        }
        if errors:
            self.data["errors"] = list(errors)


class ProblemRenderer(JSONRenderer):
    """Problems are JSON of a media type of their own, whatever was asked for."""

    media_type = MEDIA_TYPE


@singledispatch
def as_problem(error: Exception) -> Problem | None:
    """The problem that an exception stands for; None for a fault of the program."""
    return None


@as_problem.register
def _(error: Problem) -> Problem:
    return error


@as_problem.register
def _(error: exceptions.APIException) -> Problem:
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(wait)
    return Problem(error.status_code, str(error.detail), headers=headers)


@as_problem.register
def _(error: exceptions.ValidationError) -> Problem:
    return Problem(400, "The request is not valid.", errors=_by_field(error.detail))


@as_problem.register
def _(error: ModelValidationError) -> Problem:
    detail = error.message_dict if hasattr(error, "error_dict") else error.messages
    return Problem(400, "The request is not valid.", errors=_by_field(detail))


@as_problem.register(Http404)
@as_problem.register(exceptions.NotFound)
def _(error: Exception) -> Problem:
    """One text for all: it must not tell another organization's row from none."""
    return Problem(404, NOT_FOUND)


@as_problem.register
def _(error: PermissionDenied) -> Problem:
    return Problem(403, str(error) or "You may not do this.")


@as_problem.register
def _(error: TooManyAttempts) -> Problem:
    return Problem(
        429, str(error), kind="too-many-attempts", headers={"Retry-After": str(error.seconds)}
    )


@as_problem.register
def _(error: SuspiciousOperation) -> Problem:
    return Problem(413 if isinstance(error, RequestDataTooBig) else 400, str(error))


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer with a problem, or leave a fault of the program to Django, which logs it."""
    problem = as_problem(error)
    if problem is None:
        return None
    request = context["request"]
    if not isinstance(getattr(request, "accepted_renderer", None), BrowsableAPIRenderer):
        request.accepted_renderer = ProblemRenderer()
        request.accepted_media_type = MEDIA_TYPE
    data = problem.data
    if serializer := getattr(getattr(error, "detail", None), "serializer", None):
        data = ReturnDict(data, serializer=serializer)  # the browsable form shows what was typed
    return Response(data, status=problem.status_code, headers=problem.headers)


def problem_response(problem: Problem) -> JsonResponse:
    """A problem answered outside any API view."""
    return JsonResponse(
        problem.data,
        status=problem.status_code,
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def field_problem(field: str, detail: str, *, status: int = 400, **members: Any) -> Problem:
    """A problem with one field of the request."""
    errors = [{"field": field, "detail": detail}]
    return Problem(status, "The request is not valid.", errors=errors, **members)


def _by_field(detail: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str | None]]:
    """Yield {"field", "detail"}; a nested field is `filter.created_after`, the whole one None."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            is_whole = name in (api_settings.NON_FIELD_ERRORS_KEY, "__all__")
            yield from _by_field(inner, path if is_whole else (*path, str(name)))
    elif isinstance(detail, list | tuple):
        for place, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _by_field(inner, (*path, str(place)) if nested else path)
    else:
        yield {"field": ".".join(path) or None, "detail": str(detail)}

"""What answers when no view does: problems under /api/ and /v1/, Django's own pages elsewhere."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views import defaults

from common.api.problems import NOT_FOUND, Problem, problem_response

PREFIXES = ("/api/", "/v1/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return problem_response(Problem(413, "The request is too large."))
    return problem_response(Problem(400, "The request cannot be read."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return problem_response(Problem(403, "You may not do this."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return problem_response(Problem(404, NOT_FOUND))


def server_error(request: HttpRequest) -> HttpResponse:
    if not _is_api(request):
        return defaults.server_error(request)
    return problem_response(Problem(500, "Something went wrong here. It has been logged."))


def _is_api(request: Any) -> bool:
    return request.path_info.startswith(PREFIXES)

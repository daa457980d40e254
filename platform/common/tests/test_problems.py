import json
from io import BytesIO

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404
from rest_framework import exceptions, serializers

from common.api.fields import FlagField, JSONObjectField
from common.api.parsers import JSONParser
from common.api.problems import Problem, as_problem


def test_a_validation_error_is_told_by_field():
    error = exceptions.ValidationError(
        {
            "name": ["Too long.", "Too loud."],
            "filter": {"created_after": ["No date."]},
            "tools": {0: ["No text."]},
            "rows": [{}, {"page": ["No number."]}],
            "non_field_errors": ["Not so."],
        }
    )
    problem = as_problem(error)
    assert problem.status_code == 400
    assert problem.data["errors"] == [
        {"field": "name", "detail": "Too long."},
        {"field": "name", "detail": "Too loud."},
        {"field": "filter.created_after", "detail": "No date."},
        {"field": "tools.0", "detail": "No text."},
        {"field": "rows.1.page", "detail": "No number."},
        {"field": None, "detail": "Not so."},
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Http404("No Document matches the given query."), 404),
        (exceptions.NotFound("x"), 404),
        (PermissionDenied(), 403),
        (exceptions.NotAuthenticated(), 401),
        (exceptions.MethodNotAllowed("PUT"), 405),
        (exceptions.NotAcceptable(), 406),
        (exceptions.UnsupportedMediaType("x/y"), 415),
        (exceptions.ParseError(), 400),
        (exceptions.Throttled(3), 429),
        (RequestDataTooBig("Too big."), 413),
        (ModelValidationError({"name": ["Taken."]}), 400),
        (ModelValidationError("Not so."), 400),
        (Problem(409, "Taken.", kind="taken", quota="users"), 409),
    ],
)
def test_an_expected_error_is_a_problem(error, status):
    data = as_problem(error).data
    assert data["status"] == status
    assert all(data[name] for name in ("type", "title", "detail"))
    json.dumps(data)


def test_what_was_looked_for_is_not_told():
    not_found = as_problem(Http404("No Document matches the given query."))
    assert not_found.data == as_problem(exceptions.NotFound()).data


def test_how_long_to_wait_and_how_to_sign_in_are_headers():
    assert as_problem(exceptions.Throttled(3)).headers == {"Retry-After": "3"}
    refused = exceptions.NotAuthenticated()
    refused.auth_header = "Bearer"
    assert as_problem(refused).headers == {"WWW-Authenticate": "Bearer"}


def test_a_fault_of_the_program_is_no_problem():
    assert as_problem(KeyError("x")) is None


@pytest.mark.parametrize(
    "body", [b"{", b"", b"NaN", b"[Infinity]", b"\xff", "{}".encode("utf-16"), b"[" * 100_000]
)
def test_what_is_no_json_is_refused(body):
    with pytest.raises(exceptions.ParseError):
        JSONParser().parse(BytesIO(body))


def test_json_of_any_size_is_not_read(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert JSONParser().parse(BytesIO(b'"12345678"')) == "12345678"
    with pytest.raises(Problem) as refused:
        JSONParser().parse(BytesIO(b'"123456789"'))
    assert refused.value.status_code == 413


class _Form(serializers.Serializer):
    metadata = JSONObjectField(required=False)
    flag = FlagField(default=True)


@pytest.mark.parametrize("value", [{}, {"a": [1, 2.5, None, True, {"b": "ä😀"}]}])
def test_objects_are_taken(value):
    form = _Form(data={"metadata": value})
    assert form.is_valid()
    assert form.validated_data == {"metadata": value, "flag": True}


@pytest.mark.parametrize(
    "value",
    [[], "x", None, 1, {"a": "\x00"}, {"\x00": 1}, {"a": ["\ud800"]}, {"a": float("inf")}],
)
def test_what_cannot_be_stored_as_an_object_is_refused(value):
    form = _Form(data={"metadata": value})
    assert not form.is_valid()
    assert form.errors.keys() == {"metadata"}


def test_objects_nested_beyond_measure_are_refused():
    value = {}
    for _ in range(20):
        value = {"a": value}
    assert "deep" in str(_Form(data={"metadata": value}).is_valid() or _nested_error(value))


def _nested_error(value):
    form = _Form(data={"metadata": value})
    form.is_valid()
    return form.errors["metadata"][0]

"""Every way to write over the API, found by walking its routes, and how to send along it."""

import json
import re
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from tenants.api.views.grants import GrantViewSet
from tenants.grants import tables

PREFIX = "/api/v1/"
FORM = "application/x-www-form-urlencoded"
# Fields of which a body names one, by serializer: each is a way of its own.
ALTERNATIVES = {"NewGrantSerializer": ("user", "role")}
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass
class Way:
    """A method of a route. `serializer` reads the body; None where no body is read.

    `names` is the one field of several alternatives that the body has.
    """

    method: str
    path: str
    view: Any
    serializer: Any
    encodings: tuple[str, ...]
    names: str = ""

    @property
    def name(self) -> str:
        """As the tables call it: "PATCH users/{pk}/"."""
        return f"{self.method} {self.path} {self.names}".strip()

    @property
    def model(self) -> Any:
        """The model whose rows the route serves; of grants that of those to users, for both."""
        if isinstance(self.view, GrantViewSet):
            return tables(self.view.parents.model)[0]
        queryset = getattr(self.view, "queryset", None)
        return None if queryset is None else queryset.model

    def reads(self, name: str) -> bool:
        """Whether a body may have a field of this name."""
        return name in fields_of(self.serializer) or (
            self.names != "" and any(name in names for names in ALTERNATIVES.values())
        )

    def parameters(self) -> dict[str, tuple[Any, str]]:
        """By the name in the path: the model, and its field that is looked up."""
        found = {}
        for name in _PARAMETER.findall(self.path):
            if name == getattr(self.view, "parent_kwarg", None):
                found[name] = self.view.parents.model, "pk"
            else:
                assert name == (self.view.lookup_url_kwarg or self.view.lookup_field), (
                    f"{self.name}: nobody knows what {{{name}}} stands for."
                )
                found[name] = self.model, self.view.lookup_field
        return found

    def url(self, ids: dict[str, Any]) -> str:
        return PREFIX + _PARAMETER.sub(lambda match: str(ids[match[1]]), self.path)


def ways(user: Any, methods: tuple[str, ...] = ("POST", "PUT", "PATCH")) -> list[Way]:
    """Those of the routes, with the serializers that this user is given."""
    generator = SchemaGenerator()
    generator._initialise_endpoints()
    found = []
    for path, _, method, callback in generator.endpoints:
        if method in methods:
            view = generator.create_view(callback, method)
            view.request = Request(APIRequestFactory().generic(method, path))
            view.request.user = user
            view.schema.method, view.schema.path = method, path
            found += _alternatives(_way(method, path.removeprefix(PREFIX), view))
    return found


def _alternatives(way: Way) -> list[Way]:
    names = ALTERNATIVES.get(type(way.serializer).__name__, ())
    found = [replace(way, serializer=deepcopy(way.serializer), names=name) for name in names]
    for one in found:
        for other in set(names) - {one.names}:
            one.serializer.fields.pop(other)
    return found or [way]


def _way(method: str, path: str, view: Any) -> Way:
    if method == "DELETE":
        return Way(method, path, view, None, ("json",))
    serializer, encodings = (
        view.schema.get_request_serializer(),
        ("json", "form"),
    )  # files come as "multipart", read alike
    if isinstance(serializer, dict):
        (media_type,) = serializer
        assert media_type == "multipart/form-data", f"{method} {path}: what is a {media_type}?"
        serializer, encodings = serializer[media_type], ("multipart",)
    if isinstance(serializer, type):
        serializer = serializer(context={"request": view.request, "view": view})
    return Way(method, path, view, serializer, encodings)


_ANSWERED = ("/messages/", "/regenerate/")


def send(client: Any, method: str, url: str, body: Any, encoding: str = "json") -> Any:
    # Who waits for an answer as JSON finds none: nothing is committed here.
    headers = {"Accept": "text/event-stream"} if url.endswith(_ANSWERED) else {}
    if encoding == "json":
        said = json.dumps(body)
        return client.generic(method, url, said, content_type="application/json", headers=headers)
    pairs = _flat(body)
    if encoding == "form":
        from django.utils.http import urlencode

        said = urlencode(pairs, doseq=True)
        return client.generic(method, url, said, content_type=FORM, headers=headers)
    return getattr(client, method.lower())(url, pairs, format="multipart")


def _flat(body: dict[str, Any], prefix: str = "", *, is_nested: bool = False) -> dict[str, Any]:
    """A body as a form says it: `filter.document`, lists by repetition, structures as text."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        name = prefix + name
        if isinstance(value, dict) and name == "filter":
            found |= _flat(value, f"{name}.", is_nested=True)
        elif isinstance(value, dict):
            found[name] = json.dumps(value)
        elif isinstance(value, bool):
            found[name] = str(value).lower()
        elif isinstance(value, list):
            found[name] = [_text(inner) for inner in value]
        else:
            found[name] = "" if value is None else value
    return found


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list | bool) or value is None else value


def fields_of(serializer: Any) -> dict[str, Any]:
    """The fields that a client may send, by name."""
    return {
        name: field
        for name, field in (serializer.fields if serializer else {}).items()
        if not field.read_only and not isinstance(field, serializers.HiddenField)
    }

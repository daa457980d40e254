"""Lists by cursor: `{"next", "previous", "results"}`, never counted."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.template import loader
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from common.api.problems import field_problem

_FORWARDS, _BACKWARDS = "n", "p"


@dataclass(frozen=True)
class Cursor:
    """The row at the edge of a page, and on which side of it the wanted page lies."""

    is_backwards: bool
    value: Any

    def __str__(self) -> str:
        return f"{_BACKWARDS if self.is_backwards else _FORWARDS}{self.value}"


class CursorPagination(BasePagination):
    """Pages ordered by one unique column, newest first: rows that come or go move no other row.

    Ids are made in the order of time, so that ordering by id is ordering by age.
    """

    ordering = "-id"
    page_size = 25
    max_page_size = 200
    template = "rest_framework/pagination/previous_and_next.html"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list:
        self.url = request.build_absolute_uri()
        self.column = self.ordering.removeprefix("-")
        size = self._page_size(request)
        cursor = self._cursor(request, queryset)
        is_backwards = bool(cursor and cursor.is_backwards)
        is_descending = self.ordering.startswith("-") != is_backwards
        if cursor:
            side = "lt" if is_descending else "gt"
            queryset = queryset.filter(**{f"{self.column}__{side}": cursor.value})
        rows = list(queryset.order_by("-" * is_descending + self.column)[: size + 1])
        has_more = len(rows) > size
        rows = rows[:size]
        if is_backwards:
            rows.reverse()
        self.next_url = self._url(rows[-1:], is_backwards or has_more, is_backwards=False)
        self.previous_url = self._url(
            rows[:1], has_more if is_backwards else bool(cursor), is_backwards=True
        )
        self.display_page_controls = bool(self.next_url or self.previous_url)
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next_url, "previous": self.previous_url, "results": data})

    def get_results(self, data: dict[str, Any]) -> Any:
        return data["results"]

    def to_html(self) -> str:
        context = {"previous_url": self.previous_url, "next_url": self.next_url}
        return loader.get_template(self.template).render(context)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        url = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": url, "previous": url, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        return [
            {
                "name": "cursor",
                "in": "query",
                "description": "Where the page begins: follow `next` and `previous`.",
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "description": "How many rows a page has.",
                "schema": size | {"default": self.page_size},
            },
        ]

    def _page_size(self, request: Request) -> int:
        try:
            size = int(request.query_params["page_size"])
        except (KeyError, ValueError):
            return self.page_size
        return min(size, self.max_page_size) if size > 0 else self.page_size

    def _cursor(self, request: Request, queryset: QuerySet) -> Cursor | None:
        text = request.query_params.get("cursor", "")
        if not text:
            return None
        try:
            value = queryset.model._meta.get_field(self.column).to_python(text[1:])
        except ValidationError:
            value = None
        if value is None or text[0] not in (_FORWARDS, _BACKWARDS):
            raise field_problem("cursor", "This is not a cursor: follow `next` or `previous`.")
        return Cursor(text[0] == _BACKWARDS, value)

    def _url(self, edge: list, is_wanted: bool, *, is_backwards: bool) -> str | None:
        if not (edge and is_wanted):
            return None
        cursor = Cursor(is_backwards, getattr(edge[0], self.column))
        return replace_query_param(self.url, "cursor", str(cursor))


class OldestFirstPagination(CursorPagination):
    """Pages in the order in which rows were made, as a conversation is read."""

    ordering = "id"

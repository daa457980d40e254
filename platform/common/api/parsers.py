"""Parsers that know when to stop."""

import codecs
import json
from typing import Any

from django.conf import settings
from django.http import QueryDict
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from common.api.problems import Problem

# What a form takes beside its file: boundaries, names, other fields.
FORM_OVERHEAD = 1_000_000


def too_large(limit: int) -> Problem:
    return Problem(413, f"The request is larger than {limit:,} bytes.", kind="too-large")


class JSONParser(parsers.JSONParser):
    """JSON in UTF-8 of limited size, and nothing that only Python takes for JSON."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            text = _read(stream).removeprefix(codecs.BOM_UTF8).decode()
            return json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The JSON cannot be read: {error}")


class FormParser(parsers.FormParser):
    """Forms without files, in UTF-8, of limited size."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return QueryDict(_read(stream), encoding="utf-8")


class MultiPartParser(parsers.MultiPartParser):
    """Forms with files, refused by their declared length before a byte is stored."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = parser_context["request"].META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.MAX_UPLOAD_BYTES + FORM_OVERHEAD:
            raise too_large(settings.MAX_UPLOAD_BYTES)
        return super().parse(stream, media_type, parser_context)


def _read(stream: Any) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise too_large(limit)
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")

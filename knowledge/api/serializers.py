from typing import Any, get_args

from django.conf import settings
from rest_framework import serializers

from common.api.fields import FlagField, JSONObjectField
from common.api.parsers import too_large
from knowledge.language import Language
from knowledge.models import Document, DocumentChunk
from knowledge.search import MAX_QUERY_CHARACTERS, Mode
from tenants.api.fields import IdField, OpenProjectField, VisibleField
from tenants.models import Project

MAX_FILTER_ITEMS = 1000


class DocumentSerializer(serializers.ModelSerializer):
    """A document. With no project it belongs to the whole organization."""

    project = OpenProjectField(queryset=Project.objects.all(), allow_null=True, required=False)
    metadata = JSONObjectField(required=False)
    language = serializers.ChoiceField(
        choices=Language.choices,
        allow_null=True,
        required=False,
        help_text="How its words are brought to their stems. It is told from the content, and again"
        " when null is given.",
    )

    class Meta:
        model = Document
        fields = [
            "id",
            "filename",
            "file_type",
            "file_size",
            "project",
            "metadata",
            "page_count",
            "processing_status",
            "error",
            "is_searchable",
            "is_restricted",
            "language",
            "created_at",
        ]
        read_only_fields = [
            "filename",
            "file_type",
            "file_size",
            "page_count",
            "processing_status",
            "error",
        ]


class UploadSerializer(serializers.Serializer):
    """A file, and what is to be known of it."""

    file = serializers.FileField(allow_empty_file=False, use_url=False)
    project = OpenProjectField(
        queryset=Project.objects.all(),
        allow_null=True,
        required=False,
        help_text="Without one it is the whole organization's.",
    )
    metadata = JSONObjectField(
        required=False, help_text="A JSON object.", style={"base_template": "textarea.html"}
    )
    is_searchable = FlagField(default=True)
    is_restricted = FlagField(
        default=False,
        help_text="Only for those to whom it is granted, and those who may read every document.",
    )

    def validate_file(self, file: Any) -> Any:
        if file.size > settings.MAX_UPLOAD_BYTES:
            raise too_large(settings.MAX_UPLOAD_BYTES)
        return file


class ChunkSerializer(serializers.ModelSerializer):
    """A passage: `content` is the document's text from `start` up to `end`."""

    class Meta:
        model = DocumentChunk
        fields = ["id", "position", "page", "heading", "start", "end", "content"]


class SearchFilterSerializer(serializers.Serializer):
    """What a document must be like for its passages to be found."""

    document = serializers.ListField(child=IdField(), required=False, max_length=MAX_FILTER_ITEMS)
    file_type = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, max_length=MAX_FILTER_ITEMS
    )
    created_after = serializers.DateTimeField(required=False)
    created_before = serializers.DateTimeField(required=False)
    metadata = JSONObjectField(required=False, help_text="Contained in the document's metadata.")


class SearchSerializer(serializers.Serializer):
    """A question to the documents that the caller may read."""

    query = serializers.CharField(max_length=MAX_QUERY_CHARACTERS)
    top_k = serializers.IntegerField(min_value=1, max_value=100, default=10, initial=10)
    mode = serializers.ChoiceField(choices=get_args(Mode), default="hybrid")
    project = VisibleField(queryset=Project.objects.all(), allow_null=True, required=False)
    filter = SearchFilterSerializer(required=False)


class SpanField(serializers.ListField):
    """Where something begins and ends, in characters, as in a Python slice."""

    child = serializers.IntegerField()

    def __init__(self, **kwargs: Any):
        super().__init__(min_length=2, max_length=2, **kwargs)


class SnippetSerializer(serializers.Serializer):
    text = serializers.CharField(help_text="A piece of the content.")
    highlights = serializers.ListField(
        child=SpanField(), help_text="Where in the text words of the query stand."
    )


class HitSerializer(serializers.Serializer):
    document = serializers.UUIDField(source="document_id")
    filename = serializers.CharField()
    chunk = serializers.UUIDField(source="chunk_id")
    page = serializers.IntegerField(allow_null=True)
    heading = serializers.CharField()
    content = serializers.CharField()
    score = serializers.FloatField()
    highlights = serializers.ListField(
        child=SpanField(),
        help_text="Where in the content words of the query stand.",
    )
    snippet = SnippetSerializer()


class SearchResultsSerializer(serializers.Serializer):
    """The passages found, best first."""

    results = HitSerializer(many=True)

from functools import cached_property
from typing import Any, get_args
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.fields import FlagField, JSONObjectField
from common.api.parsers import too_large
from knowledge.imports import Result
from knowledge.language import Language
from knowledge.models import Document, DocumentChunk
from knowledge.search import MAX_QUERY_CHARACTERS, Mode
from tenants.api.fields import IdField, OpenProjectField, VisibleField
from tenants.models import Project

MAX_FILTER_ITEMS = 1000
WHERE_ITS_MAIL_IS = "This is attached to a mail, and is where its mail is: change that one."


class ProgressSerializer(serializers.Serializer):
    """How far reading got. Null is what is not known yet, or not there in this kind of file."""

    pages_read = serializers.IntegerField(allow_null=True)
    pages = serializers.IntegerField(allow_null=True, help_text="How many there are to read.")
    chunks_embedded = serializers.IntegerField(allow_null=True)
    chunks = serializers.IntegerField(allow_null=True, help_text="How many there are to embed.")


class DocumentSerializer(serializers.ModelSerializer):
    """A document. With no project it belongs to the whole organization."""

    project = OpenProjectField(queryset=Project.objects.all(), allow_null=True, required=False)
    attachment_of = serializers.SerializerMethodField(
        help_text="The mail to which this is attached; null, too, if the caller may not see it."
    )
    metadata = JSONObjectField(required=False)
    progress = ProgressSerializer(
        read_only=True, allow_null=True, help_text="While the document is read; null otherwise."
    )
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
            "attachment_of",
            "filename",
            "file_type",
            "file_size",
            "project",
            "metadata",
            "page_count",
            "processing_status",
            "progress",
            "error",
            "notice",
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
            "notice",
        ]

    @extend_schema_field(IdField(allow_null=True))
    def get_attachment_of(self, document: Document) -> UUID | None:
        if document.attachment_of_id is None:
            return None
        return document.attachment_of_id if document.attachment_of_id in self._mails else None

    @cached_property
    def _mails(self) -> set[UUID]:
        """The mails, of those to which the shown are attached, that the caller may see."""
        shown: Any = self.parent.instance if self.parent else [self.instance]
        asked = {document.attachment_of_id for document in shown} - {None}
        mails = Document.objects.visible_to(self.context["request"].user).filter(pk__in=asked)
        return set(mails.values_list("pk", flat=True)) if asked else set()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance and self.instance.attachment_of_id:
            for name in ("project", "is_restricted"):
                if name in attrs and attrs[name] != getattr(self.instance, name):
                    raise serializers.ValidationError({name: WHERE_ITS_MAIL_IS})
        return attrs


class AttachedToSerializer(serializers.Serializer):
    """Of which mail the attachments are asked for."""

    attachment_of = IdField(required=False)


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


class ReprocessSerializer(serializers.Serializer):
    """Which documents are to be read again: these, or all in a status, or these if they are."""

    documents = serializers.ListField(child=IdField(), required=False, max_length=MAX_FILTER_ITEMS)
    status = serializers.ChoiceField(choices=["failed", "completed"], required=False)

    def validate(self, attrs: Any) -> Any:
        if not attrs.keys() & {"documents", "status"}:
            raise serializers.ValidationError("Say which documents, or in which status.")
        return attrs


class ReprocessedSerializer(serializers.Serializer):
    """How many documents will be read again."""

    reprocessed = serializers.IntegerField()


class ImportSerializer(UploadSerializer):
    """A ZIP archive of files, and what is to be known of each; its path goes to `metadata`."""


class OutcomeSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="Where it was in the archive.")
    result = serializers.ChoiceField(choices=Result.choices)
    document = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField(help_text="Why it was not taken; else empty.")


class ImportedSerializer(serializers.Serializer):
    """What became of each file, by path, and how many there are of each result."""

    created = serializers.IntegerField()
    existing = serializers.IntegerField()
    refused = serializers.IntegerField()
    over_quota = serializers.IntegerField()
    results = OutcomeSerializer(many=True)


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


class TopKSerializer(serializers.Serializer):
    """How many are asked for."""

    top_k = serializers.IntegerField(min_value=1, max_value=100, default=10)


class AlikeSerializer(serializers.Serializer):
    document = serializers.UUIDField(source="document_id")
    filename = serializers.CharField()
    file_type = serializers.CharField()
    project = serializers.UUIDField(source="project_id", allow_null=True)
    score = serializers.FloatField(help_text="The cosine of the two, at most 1.")


class SimilarSerializer(serializers.Serializer):
    """The documents that are most like one, best first."""

    results = AlikeSerializer(many=True)
    detail = serializers.CharField(help_text="Why there can be none yet; else empty.")

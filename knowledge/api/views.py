from collections import Counter
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict

from common.api.downloads import download
from common.api.pagination import CursorPagination
from common.api.problems import Problem
from knowledge.api import problems  # noqa: F401 (registers)
from knowledge.api.serializers import (
    AttachedToSerializer,
    ChunkSerializer,
    DocumentSerializer,
    ImportedSerializer,
    ImportSerializer,
    ReprocessedSerializer,
    ReprocessSerializer,
    SearchResultsSerializer,
    SearchSerializer,
    SimilarSerializer,
    TopKSerializer,
    UploadSerializer,
)
from knowledge.archives import Bounds, opened_archive
from knowledge.imports import Importing, Outcome, Result
from knowledge.models import Document, DocumentChunk
from knowledge.search import SearchFilters, embed_query, search
from knowledge.services import follow, reprocess_documents, set_language, upload_once
from knowledge.similar import similar_documents
from tenants.api.views.grants import GrantViewSet, for_those_who, grants_of
from tenants.api.viewsets import (
    ChangeMixin,
    ListMixin,
    NestedMixin,
    OrganizationViewSet,
    RestoreMixin,
)
from tenants.grants import CHANGE
from tenants.permissions import Permissions
from tenants.responses import Continued

NOT_READ = "The document is {}: once it is read, it can be compared with others."


@extend_schema_view(
    list=extend_schema(parameters=[AttachedToSerializer]),
    create=extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: DocumentSerializer,
            200: OpenApiResponse(
                DocumentSerializer,
                description="The same bytes are there already: this document, as it is. It is one"
                " that the caller may see, in the same project, of the same file type and flags,"
                " and with the metadata given, if any; its name may be another. None that failed.",
            ),
        },
    ),
)
class DocumentViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """Documents of the whole organization, of the projects that the caller is in, and those granted
    to the caller. Restricted ones are only for the last, and for those who read every document."""

    # The text and the vector of each would make a list many times as large.
    queryset = Document.objects.defer("content", "embedding")
    required_permissions = {
        "list": Permissions.DOCUMENTS_VIEW,
        "retrieve": Permissions.DOCUMENTS_VIEW,
        "create": Permissions.DOCUMENTS_ADD,
        "partial_update": Permissions.DOCUMENTS_CHANGE,
        "destroy": Permissions.DOCUMENTS_DELETE,
        "import_archive": Permissions.DOCUMENTS_ADD,
        "file": Permissions.DOCUMENTS_VIEW,
        "reprocess": Permissions.DOCUMENTS_CHANGE,
        "reprocess_many": Permissions.DOCUMENTS_CHANGE,
        "similar": Permissions.DOCUMENTS_VIEW,
        "restore": Permissions.DOCUMENTS_DELETE,
    }

    def get_queryset(self) -> Any:
        documents = super().get_queryset()
        if self.action == "list" and "attachment_of" in self.request.query_params:
            asked = AttachedToSerializer(data=self.request.query_params)
            asked.is_valid(raise_exception=True)
            mails = Document.objects.visible_to(self.member)
            return documents.filter(
                attachment_of__in=mails.filter(pk=asked.validated_data["attachment_of"])
            )
        return documents.defer(None).defer("content") if self.action == "similar" else documents

    def get_serializer_class(self) -> Any:
        forms = {
            "create": UploadSerializer,
            "import_archive": ImportSerializer,
            "reprocess_many": ReprocessSerializer,
        }
        return forms.get(self.action, DocumentSerializer)

    def create(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Store a file; it is read, split and made findable in the background.

        The same bytes again in the same project give back the document that is there.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        document, is_new = upload_once(
            organization_id=self.organization_id, by=self.member, **serializer.validated_data
        )
        return self._shown(document, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    @extend_schema(
        request={"multipart/form-data": ImportSerializer}, responses={200: ImportedSerializer}
    )
    @action(detail=False, methods=["post"], url_path="import", url_name="import")
    def import_archive(self, request: Any) -> Continued:
        """Store the files of a ZIP archive, each by itself: what is refused keeps none from the
        others. At most 1,000 files and 500 MB unpacked; the command `import_documents` takes more.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = dict(serializer.validated_data)
        archive = said.pop("file")
        importing = Importing(organization_id=self.organization_id, by=self.member, **said)

        def wait() -> list[Outcome]:
            with opened_archive(archive, bounds=Bounds()) as members:
                return list(importing.run(members))

        def answer(outcomes: list[Outcome]) -> Response:
            counts = Counter(outcome.result for outcome in outcomes)
            found = {result.name.lower(): counts[result] for result in Result}
            return Response(ImportedSerializer(found | {"results": outcomes}).data)

        return self.continued(wait, answer)

    def perform_update(self, serializer: Any) -> None:
        was_restricted = serializer.instance.is_restricted
        is_language_given = "language" in serializer.validated_data
        language = serializer.validated_data.pop("language", None)
        self.save(serializer)
        if is_language_given:
            set_language(document=serializer.instance, language=language, by=self.member)
            serializer.instance.refresh_from_db(fields=["language"])
        follow(document=serializer.instance, was_restricted=was_restricted, by=self.member)

    @extend_schema(
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            (206, "application/octet-stream"): OpenApiTypes.BINARY,
        }
    )
    @action(detail=True)
    def file(self, request: Any, pk: str) -> HttpResponseBase:
        """The file as it was uploaded, or a range of its bytes; its ETag is its SHA-256."""
        document = self.get_object()
        try:
            opened = document.file.open("rb")
        except (FileNotFoundError, ValueError):  # ValueError: the row names no file
            raise Problem(404, "The file of this document is not stored here.")
        return download(
            request,
            opened,
            filename=document.filename,
            size=opened.size,
            sha256=document.sha256,
        )

    @extend_schema(parameters=[TopKSerializer], responses=SimilarSerializer, filters=False)
    @action(detail=True)
    def similar(self, request: Any, pk: str) -> Response:
        """The documents most like this one, among those that the caller may read and search."""
        document = self.get_object()
        asked = TopKSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = similar_documents(document=document, user=self.member, **asked.validated_data)
        detail = "" if document.is_processed else NOT_READ.format(document.processing_status)
        return Response(SimilarSerializer({"results": found, "detail": detail}).data)

    @extend_schema(request=None, responses={202: DocumentSerializer})
    @action(detail=True, methods=["post"])
    def reprocess(self, request: Any, pk: str) -> Response:
        """Have the document read again."""
        document = self.get_object()
        reprocess_documents(documents=[document], by=self.member)
        return self._shown(self.get_object(), status.HTTP_202_ACCEPTED)

    @extend_schema(
        operation_id="documents_reprocess_many",
        request=ReprocessSerializer,
        responses={202: ReprocessedSerializer},
    )
    @action(detail=False, methods=["post"], url_path="reprocess", pagination_class=None)
    def reprocess_many(self, request: Any) -> Response:
        """Have several documents read again, or all that failed. Those that the caller may not
        change are left as they are, and are not counted."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        rows = Document.objects.allowed_to(self.member, CHANGE).visible_to(self.member)
        if "documents" in asked:
            rows = rows.filter(pk__in=asked["documents"])
        if "status" in asked:
            rows = rows.filter(processing_status=asked["status"])
        count = reprocess_documents(documents=rows.only("id"), by=self.member)
        answer = ReprocessedSerializer({"reprocessed": count})
        return self.shown(answer, status.HTTP_202_ACCEPTED)

    def _shown(self, document: Document, answer: int) -> Response:
        context = self.get_serializer_context()
        return self.shown(DocumentSerializer(document, context=context), answer)


class ChunkPagination(CursorPagination):
    """Passages in the order in which they stand."""

    ordering = "position"


class ChunkViewSet(NestedMixin, mixins.ListModelMixin, OrganizationViewSet):
    """The passages of a document."""

    queryset = DocumentChunk.objects.all()
    serializer_class = ChunkSerializer
    pagination_class = ChunkPagination
    parents = Document.objects.only("id")
    parent_kwarg = "document_pk"
    required_permissions = {"list": Permissions.DOCUMENTS_VIEW}

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(document=self.parent)


@grants_of("document_pk")
class DocumentGrantViewSet(GrantViewSet):
    parents = Document.objects.defer("content", "embedding")
    parent_kwarg = "document_pk"
    required_permissions = for_those_who(Permissions.DOCUMENTS_CHANGE)


class SearchViewSet(OrganizationViewSet):
    """Search the documents that the caller may read, by meaning and by words."""

    serializer_class = SearchSerializer
    pagination_class = None
    required_permissions = {"create": Permissions.DOCUMENTS_VIEW}

    def get_view_name(self) -> str:
        return "Search"

    @extend_schema(responses={200: SearchResultsSerializer})
    def create(self, request: Any) -> Continued:
        """Find passages; the question is embedded while no transaction is open."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = dict(serializer.validated_data)
        filters = SearchFilters(**asked.pop("filter", {}))

        def wait() -> Any:
            return None if asked["mode"] == "text" else embed_query(asked["query"])

        def answer(vector: Any) -> Response:
            hits = search(user=self.member, vector=vector, filters=filters, marked=True, **asked)
            found = SearchResultsSerializer({"results": hits}).data
            return Response(ReturnDict(found, serializer=serializer))  # the page keeps the question

        return self.continued(wait, answer)

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict

from common.api.downloads import Download
from common.api.pagination import CursorPagination
from common.api.problems import Problem
from knowledge.api import problems  # noqa: F401 (registers)
from knowledge.api.serializers import (
    ChunkSerializer,
    DocumentSerializer,
    ReprocessedSerializer,
    ReprocessSerializer,
    SearchResultsSerializer,
    SearchSerializer,
    UploadSerializer,
)
from knowledge.models import Document, DocumentChunk
from knowledge.search import SearchFilters, embed_query, search
from knowledge.services import keep_for_its_people, reprocess_documents, upload_once
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


@extend_schema_view(
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
    )
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
        "file": Permissions.DOCUMENTS_VIEW,
        "reprocess": Permissions.DOCUMENTS_CHANGE,
        "reprocess_many": Permissions.DOCUMENTS_CHANGE,
        "restore": Permissions.DOCUMENTS_DELETE,
    }

    def get_serializer_class(self) -> Any:
        if self.action == "reprocess_many":
            return ReprocessSerializer
        return UploadSerializer if self.action == "create" else DocumentSerializer

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

    def perform_update(self, serializer: Any) -> None:
        was_restricted = serializer.instance.is_restricted
        self.save(serializer)
        if serializer.instance.is_restricted and not was_restricted:
            keep_for_its_people(document=serializer.instance, by=self.member)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True)
    def file(self, request: Any, pk: str) -> Download:
        """The file as it was uploaded."""
        document = self.get_object()
        try:
            return Download(document.file.open("rb"), filename=document.filename)
        except (FileNotFoundError, ValueError):  # ValueError: the row names no file
            raise Problem(404, "The file of this document is not stored here.")

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
            hits = search(user=self.member, vector=vector, filters=filters, **asked)
            found = SearchResultsSerializer({"results": hits}).data
            return Response(ReturnDict(found, serializer=serializer))  # the page keeps the question

        return self.continued(wait, answer)

"""Documents that are alike: by the mean of what their passages mean."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Value
from pgvector.django import MaxInnerProduct

from knowledge.models import Document
from tenants.models import User


@dataclass(frozen=True)
class Alike:
    """A document that is like another one. `score` is the cosine of the two, at most 1."""

    document_id: UUID
    filename: str
    file_type: str
    project_id: UUID | None
    score: float


def similar_documents(*, document: Document, user: User, top_k: int = 10) -> list[Alike]:
    """The documents most like one, best first, among what the user may see and search; ties by id.

    None for a document that has no embedding yet. Embeddings are of unit length, and those of
    another model say nothing about it. The caller acts for the organization.
    """
    if document.embedding is None:
        return []
    documents = Document.objects.visible_to(user).searchable().exclude(pk=document.pk)
    found = (
        documents.filter(embedding_model=document.embedding_model)
        .annotate(score=Value(0.0) - MaxInnerProduct("embedding", document.embedding))
        .order_by(F("score").desc(), "pk")
        .values_list("pk", "filename", "file_type", "project_id", "score")
    )
    return [Alike(*row) for row in found[:top_k]]

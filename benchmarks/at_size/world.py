"""A thousand organizations of Zipf sizes, loaded by COPY as the owner of the database."""

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks.at_size.vectors import Vectors

CHUNKS_OF_A_DOCUMENT = 25  # in the mean; exponentially many have fewer
WORDS_OF_A_CHUNK = 20
BATCH = 20_000
# Of the documents of a measured organization, how many are in which project.
PROJECTS = {"a hundredth": 0.01, "a tenth": 0.10, "a half": 0.50, "the rest": 1.0}
RARE = 0.05  # of the documents have {"kind": "rare"} among their metadata

DOCUMENT_COLUMNS = (
    "organization_id, id, project_id, created_at, updated_at, is_deleted, filename, file,"
    " file_type, file_size, sha256, content, metadata, embedding, embedding_model, is_processed,"
    " processing_status, chunk_count, lexeme_count, error, attempts, is_searchable, is_restricted"
)
CHUNK_COLUMNS = (
    "organization_id, id, document_id, created_at, updated_at, is_deleted, position, heading,"
    ' start, "end", content'
)
EMBEDDING_COLUMNS = "organization_id, chunk_id, document_id, embedding, embedding_model"


@dataclass
class Measured:
    """An organization that queries are timed in."""

    organization_id: UUID
    owner: Any  # sees every document
    readers: dict[str, Any]  # by the name of the one project they are in


def sizes(chunks: int, organizations: int, measured: list[int]) -> list[int]:
    """So many chunks in all: the measured organizations, and others that follow Zipf's law."""
    rest = chunks - sum(measured)
    ranks = np.arange(3, organizations - len(measured) + 3) ** -1.1
    return measured + np.maximum(1, rest * ranks / ranks.sum()).astype(int).tolist()


class Loader:
    """Fills tables of one database; `connection` is psycopg's, signed in as the owner."""

    def __init__(self, connection: Any, vectors: Vectors, words: list[str], model: str) -> None:
        self.connection, self.vectors, self.words, self.model = connection, vectors, words, model
        self.random = vectors.random
        self.number = 0
        self.now = datetime.now(UTC)

    def load(self, organization_id: UUID, chunks: int, projects: list[UUID]) -> None:
        counts = self._counts(chunks)
        documents = [self._id() for _ in counts]
        with self.connection.cursor() as cursor:
            self._copy_documents(cursor, organization_id, documents, counts, projects)
            of = np.repeat(np.arange(len(counts)), counts)
            for at in range(0, chunks, BATCH):
                self._copy_chunks(cursor, organization_id, documents, of, at)

    def _counts(self, chunks: int) -> list[int]:
        counts: list[int] = []
        while (left := chunks - sum(counts)) > 0:
            drawn = 1 + int(self.random.exponential(CHUNKS_OF_A_DOCUMENT - 1))
            counts.append(min(drawn, left))
        return counts

    def _id(self) -> UUID:
        """Ids in the order of time, as the product makes them."""
        self.number += 1
        entropy = int(self.random.integers(0, 2**62))
        return UUID(int=(1_760_000_000_000 + self.number) << 80 | 7 << 76 | 2 << 62 | entropy)

    def _copy_documents(self, cursor, organization_id, documents, counts, projects) -> None:
        shares = list(PROJECTS.values())
        with cursor.copy(f"COPY knowledge_document ({DOCUMENT_COLUMNS}) FROM STDIN") as copy:
            for pk, count in zip(documents, counts, strict=True):
                place = next(n for n, share in enumerate(shares) if self.random.random() <= share)
                rare = {"kind": "rare" if self.random.random() < RARE else "common"}
                copy.write_row(
                    (
                        organization_id,
                        pk,
                        projects[place] if projects else None,
                        self.now,
                        self.now,
                        False,
                        f"document-{pk.hex[-8:]}.txt",
                        "",
                        "txt",
                        count * 1_000,
                        "0" * 64,
                        "as its chunks",
                        json.dumps(rare),
                        self._mean(),
                        self.model,
                        True,
                        "completed",
                        count,
                        count * WORDS_OF_A_CHUNK,
                        "",
                        1,
                        True,
                        False,
                    )
                )

    def _mean(self) -> str:
        vector = self.vectors.sentences[self.random.integers(0, len(self.vectors.sentences))]
        return "[" + ",".join(f"{x:.5f}" for x in vector) + "]"

    def _copy_chunks(self, cursor, organization_id, documents, of, at) -> None:
        of = of[at : at + BATCH]
        chunks = [self._id() for _ in of]
        with cursor.copy(f"COPY knowledge_documentchunk ({CHUNK_COLUMNS}) FROM STDIN") as copy:
            for position, (pk, document, text) in enumerate(
                zip(chunks, of, self._texts(len(of)), strict=True), start=at
            ):
                start = position * 1_000
                copy.write_row(
                    (
                        organization_id,
                        pk,
                        documents[document],
                        self.now,
                        self.now,
                        False,
                        position,
                        "",
                        start,
                        start + len(text),
                        text,
                    )
                )
        binary = f"COPY knowledge_chunkembedding ({EMBEDDING_COLUMNS}) FROM STDIN (FORMAT binary)"
        halves = self.vectors.draw(of).astype(">f2")
        head = struct.pack(">HH", halves.shape[1], 0)
        with cursor.copy(binary) as copy:
            for pk, document, half in zip(chunks, of, halves, strict=True):
                columns = (organization_id.bytes, pk.bytes, documents[document].bytes)
                copy.write_row((*columns, head + half.tobytes(), self.model.encode()))

    def _texts(self, n: int) -> Iterator[str]:
        """Words as often as in the collection that they come from."""
        picked = self.random.integers(0, len(self.words), (n, WORDS_OF_A_CHUNK))
        return (" ".join(self.words[i] for i in row) for row in picked)


def index_words(connection: Any) -> None:
    """Make the postings of all organizations, by the product's own statements for many."""
    filling = import_module("knowledge.migrations.0009_fill_posting_blocks")
    with connection.cursor() as cursor:
        for statement in filling.FILL:
            cursor.execute(statement)


def timed(what: str, began: float) -> None:
    print(f"  {what}: {time.perf_counter() - began:.0f} s", flush=True)

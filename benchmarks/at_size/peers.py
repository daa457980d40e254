"""What search is compared with: Qdrant's engine in process, and the owner without policies."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import psycopg
from django.db import connection
from pgvector import HalfVector

from common.logins import APP, OWNER
from knowledge.search import nearest

DEPTH = 10
UPSERTED_AT_ONCE = 2_000


class Peer(NamedTuple):
    """What is asked, one thing at a time, and the process of PostgreSQL that answers, if any."""

    ask: Callable
    pid: int | None


@contextmanager
def connected(login: str) -> Iterator[psycopg.Connection]:
    found = connection.settings_dict
    with psycopg.connect(
        dbname=found["NAME"],
        host=found["HOST"],
        port=found["PORT"],
        user=login,
        prepare_threshold=None,  # as Django has it
    ) as connected:
        yield connected


@contextmanager
def application(organization_id: UUID) -> Iterator[Peer]:
    """Ask as the application: each time a transaction that names the organization."""
    with connected(APP) as app:

        def ask(statement: str) -> list:
            with app.transaction():
                app.execute(f"SET LOCAL app.organization_id = '{organization_id}'")
                app.execute(nearest.SETTINGS)
                return app.execute(statement).fetchall()

        yield Peer(ask, app.info.backend_pid)


@contextmanager
def owner() -> Iterator[Peer]:
    """Ask as the owner, whom no policy binds; the statement names the organization itself."""
    with connected(OWNER) as connection:

        def ask(statement: str) -> list:
            with connection.transaction():
                connection.execute(nearest.SETTINGS)
                return connection.execute(statement).fetchall()

        yield Peer(ask, connection.info.backend_pid)


@contextmanager
def qdrant(organization_id: UUID) -> Iterator[Peer | None]:
    """Ask a shard of the same vectors, optimized, with defaults; None without the package."""
    try:
        import qdrant_edge as q
    except ImportError:
        yield None
        return
    directory = tempfile.mkdtemp(prefix="chancery-qdrant-")
    try:
        parameters = q.EdgeVectorParams(size=384, distance=q.Distance.Dot)
        shard = q.EdgeShard.create(
            directory,
            q.EdgeConfig(
                vectors=parameters,
                hnsw_config=q.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=1_000),
            ),
        )
        for points in _batches(q, organization_id):
            shard.update(q.UpdateOperation.upsert_points(points))
        shard.optimize()

        def ask(vector: np.ndarray) -> list[UUID]:
            found = shard.query(q.QueryRequest(limit=DEPTH, query=q.Query.Nearest(vector.tolist())))
            return [UUID(str(point.id)) for point in found]

        yield Peer(ask, None)
        shard.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _batches(q: Any, organization_id: UUID) -> Iterator[list]:
    with connected(OWNER) as owner, owner.cursor("vectors") as cursor:
        cursor.itersize = UPSERTED_AT_ONCE
        cursor.execute(
            "SELECT chunk_id, embedding::text FROM knowledge_chunkembedding"
            " WHERE organization_id = %s",
            [organization_id],
        )
        while rows := cursor.fetchmany(UPSERTED_AT_ONCE):
            yield [
                q.Point(pk, HalfVector.from_text(text).to_numpy().astype(float).tolist())
                for pk, text in rows
            ]

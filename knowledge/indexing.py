"""The indexes over the vectors of large organizations: which are wanted, and how they come to be.

All this is the owner's: `manage.py index_organizations`, run periodically. An index is built and
dropped CONCURRENTLY, so that people work meanwhile, and one at a time. A run that is killed leaves
at worst an index that is not valid, which no query uses and the next run makes anew.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Literal
from uuid import UUID

from django.db import connection
from psycopg import sql

from knowledge.search.nearest import INDEX_PREFIX, index_name

INDEXED_FROM = 10_000  # passages: comparing so many in turn takes as long as the index does
KEPT_FROM = 0.5  # of that: one that shrinks and grows about the limit is not built again and again
MEMORY_MB = 512  # of graph, then pgvector goes on on disk, slowly: 350,000 passages or so
EFFORT = "m = 16, ef_construction = 100"
SECONDS_BETWEEN_REPORTS = 30.0

_TABLE = "knowledge_chunkembedding"
_NAME = re.compile(rf"{INDEX_PREFIX}([0-9a-f]{{32}})_[0-9a-f]{{8}}")
_LOCK = 0x6E656172  # "near", an advisory lock of the session that builds

Progress = Callable[[str, int, int], None]  # the phase; blocks of the table read, and in all


@dataclass(frozen=True)
class Step:
    """One index to build, to build again because it is not valid, or to drop."""

    verb: Literal["build", "repair", "drop"]
    index: str
    organization_id: UUID
    organization: str  # its slug, or its id once it is gone
    chunks: int = 0
    embedding_model: str = ""


@dataclass(frozen=True)
class _Large:
    organization_id: UUID
    slug: str
    embedding_model: str
    chunks: int

    @property
    def index(self) -> str:
        return index_name(self.organization_id, self.embedding_model)


@contextmanager
def alone() -> Iterator[bool]:
    """Whether this is the only run at work, and so until the end of the block."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        is_alone = cursor.fetchone()[0]
    try:
        yield is_alone
    finally:
        connection.close()  # which gives up the lock, and forgets the settings of the session


def plan(*, at_least: int = INDEXED_FROM, organization_id: UUID | None = None) -> list[Step]:
    """What is to be done for all organizations, or for one: drops first, as they free space."""
    found = dict(_existing(organization_id))
    wanted = {large.index: large for large in _large(at_least, organization_id)}
    steps = [
        step
        for index, is_valid in found.items()
        if index not in wanted and (step := _unless_kept(index, is_valid, at_least))
    ]
    for index, large in wanted.items():
        if not found.get(index):
            verb: Literal["build", "repair"] = "repair" if index in found else "build"
            steps.append(
                Step(
                    verb,
                    index,
                    large.organization_id,
                    large.slug,
                    large.chunks,
                    large.embedding_model,
                )
            )
    return steps


def carry_out(
    step: Step, *, memory_mb: int = MEMORY_MB, progress: Progress = lambda *_: None
) -> int:
    """Do it; return the size of the index in bytes, 0 for one that is dropped.

    Waits for transactions that were open before, ten minutes at most: then, and when the disk is
    full, it raises OperationalError and leaves nothing behind.
    """
    with connection.cursor() as cursor:
        # A build whose client was killed ends, too. One process, and it shares no memory: a
        # container has little of that, and the other cores are people's.
        cursor.execute(
            sql.SQL(
                "SET client_connection_check_interval = '2s'; SET lock_timeout = '10min';"
                " SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = {}"
            ).format(sql.Literal(f"{memory_mb}MB"))
        )
        if step.verb != "build":
            _drop(cursor, step.index)
        if step.verb == "drop":
            return 0
        try:
            with _watched(progress):
                cursor.execute(_create(step))
        except BaseException:
            _drop(connection.cursor(), step.index)
            raise
        cursor.execute("SELECT pg_relation_size(%s::regclass)", [step.index])
        return cursor.fetchone()[0]


def _create(step: Step) -> sql.Composed:
    return sql.SQL(
        "CREATE INDEX CONCURRENTLY {index} ON {table}"
        " USING hnsw (embedding halfvec_ip_ops) WITH ({effort})"
        " WHERE organization_id = {organization} AND embedding_model = {model}"
    ).format(
        index=sql.Identifier(step.index),
        table=sql.Identifier(_TABLE),
        effort=sql.SQL(EFFORT),
        organization=sql.Literal(str(step.organization_id)),
        model=sql.Literal(step.embedding_model),
    )


def _drop(cursor, index: str) -> None:
    cursor.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(index)))


def _large(at_least: int, organization_id: UUID | None) -> list[_Large]:
    """Read from one narrow index over the documents that can be found, not from their passages."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT found.organization_id, organization.slug, embedding_model, chunks
            FROM (
                SELECT organization_id, embedding_model, sum(chunk_count) AS chunks
                FROM knowledge_document
                WHERE processing_status = 'completed' AND is_searchable AND NOT is_deleted
                    AND (%(one)s::uuid IS NULL OR organization_id = %(one)s)
                GROUP BY organization_id, embedding_model
                HAVING sum(chunk_count) >= %(at_least)s
            ) found
            JOIN tenants_organization organization ON organization.id = found.organization_id
            WHERE NOT organization.is_deleted
            ORDER BY chunks, organization.id
            """,
            {"at_least": at_least, "one": organization_id},
        )
        return [_Large(*row) for row in cursor.fetchall()]


def _existing(organization_id: UUID | None) -> Iterator[tuple[str, bool]]:
    """The names of the indexes there are, and whether each is whole."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indrelid = %s::regclass ORDER BY relname",
            [_TABLE],
        )
        for index, is_valid in cursor.fetchall():
            if (match := _NAME.fullmatch(index)) and organization_id in (None, UUID(match[1])):
                yield index, is_valid


def _unless_kept(index: str, is_valid: bool, at_least: int) -> Step | None:
    """The step that drops an index, unless enough passages are left that it is made of.

    Those of documents that are being read anew count: they come back.
    """
    match = _NAME.fullmatch(index)
    assert match
    organization_id = UUID(match[1])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT embedding_model, sum(chunk_count) FROM knowledge_document"
            " WHERE organization_id = %s AND NOT is_deleted GROUP BY embedding_model",
            [organization_id],
        )
        left = {index_name(organization_id, model): chunks for model, chunks in cursor.fetchall()}
        chunks = left.get(index, 0)
        if is_valid and chunks >= at_least * KEPT_FROM:
            return None
        cursor.execute("SELECT slug FROM tenants_organization WHERE id = %s", [organization_id])
        slug = (cursor.fetchone() or [str(organization_id)])[0]
    return Step("drop", index, organization_id, slug, chunks)


@contextmanager
def _watched(progress: Progress) -> Iterator[None]:
    """Report how far this connection's build is, from a thread with a connection of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    over = Event()
    thread = Thread(target=_watch, args=(connection.copy, pid, over, progress), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(connect: Callable, pid: int, over: Event, progress: Progress) -> None:
    beside = None
    try:
        while not over.wait(SECONDS_BETWEEN_REPORTS):
            beside = beside or connect()
            with beside.cursor() as cursor:
                cursor.execute(
                    "SELECT phase, blocks_done, blocks_total FROM pg_stat_progress_create_index"
                    " WHERE pid = %s",
                    [pid],
                )
                for row in cursor.fetchall():
                    progress(*row)
    finally:
        if beside:
            beside.close()

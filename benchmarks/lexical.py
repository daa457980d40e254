"""Search by words at size: the postings against PostgreSQL's own full text search.

    python benchmarks/lexical.py DIRECTORY [CHUNKS ...]

DIRECTORY holds the Cranfield collection, whose sentences and questions are drawn from; every
twentieth word is one of a Zipf vocabulary instead. CHUNKS are the sizes of organizations that share
the tables (4000 12000 100000). Each query runs through `knowledge.search.search`, as the
application's login under row level security, its transaction included, against

- the same as the owner, whom no policy holds (at most 1.10 times),
- the owner's `tsvector @@ tsquery` over a GIN index, ranked by `ts_rank_cd`, with an explicit WHERE
  for the organization: the same columns of the ten best that are living, searchable and read, in
  the same kind of transaction (2 times faster), and
- the same bare: ids, scores and texts of the ten best, whatever becomes of their documents.

No peer asks what its reader may see. Times are those that processors worked, of this process and
of PostgreSQL's together: what else the machine does harms them less than the time that passes. It
prints medians of the rounds' ratios and what postings take on disk, and fails on a plan that reads
postings or chunks from end to end.
"""

import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from search_quality import new_installation, records  # type: ignore[import-not-found]  # noqa: E402

SIZES = (4_000, 12_000, 100_000)
CHUNKS_OF_A_DOCUMENT = 12
WORDS_OF_A_CHUNK = 170
VOCABULARY = 50_000
QUERIES = 15
ROUNDS = 9

_PEER = """
CREATE TABLE peer AS SELECT organization_id, id AS chunk_id, document_id,
    to_tsvector('english', content) AS body FROM knowledge_documentchunk;
CREATE INDEX ON peer USING gin (body);
CREATE INDEX ON peer (organization_id);
ANALYZE peer
"""
_ASKED = """(
    SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery AS asked
    FROM unnest(tsvector_to_array(to_tsvector('english', %(query)s))) AS lexeme
) query"""
_ASK_PEER = f"""
SELECT document.id, document.filename, document.file_type,
    chunk.id, chunk.position, chunk.page, chunk.heading, chunk.content, best.score
FROM (
    SELECT peer.chunk_id, peer.document_id, ts_rank_cd(body, asked) AS score
    FROM {_ASKED}, peer JOIN knowledge_document document
        ON document.organization_id = peer.organization_id AND document.id = peer.document_id
    WHERE peer.organization_id = %(organization)s AND body @@ asked
        AND document.is_searchable AND document.processing_status = 'completed'
        AND NOT document.is_deleted
    ORDER BY score DESC, peer.chunk_id LIMIT 10
) best
JOIN knowledge_documentchunk chunk
    ON chunk.organization_id = %(organization)s AND chunk.id = best.chunk_id
JOIN knowledge_document document
    ON document.organization_id = %(organization)s AND document.id = best.document_id
ORDER BY best.score DESC, chunk.id
"""
_ASK_BARE_PEER = f"""
SELECT best.chunk_id, best.score, chunk.content
FROM (
    SELECT chunk_id, ts_rank_cd(body, asked) AS score FROM {_ASKED}, peer
    WHERE organization_id = %(organization)s AND body @@ asked
    ORDER BY score DESC, chunk_id LIMIT 10
) best
JOIN knowledge_documentchunk chunk
    ON chunk.organization_id = %(organization)s AND chunk.id = best.chunk_id
ORDER BY best.score DESC, chunk.id
"""

_DOCUMENT = {
    "organization_id": None,
    "id": None,
    "created_at": None,
    "updated_at": None,
    "is_deleted": False,
    "filename": None,
    "file": "",
    "file_type": "txt",
    "file_size": 1,
    "sha256": "0" * 64,
    "content": "as its chunks",
    "metadata": "{}",
    "embedding": str([0.05] * 384),
    "embedding_model": "none",
    "is_processed": True,
    "processing_status": "completed",
    "chunk_count": None,
    "lexeme_count": None,
    "error": "",
    "attempts": 1,
    "is_searchable": True,
    "is_restricted": False,
}
_CHUNK = {
    "organization_id": None,
    "id": None,
    "document_id": None,
    "created_at": None,
    "updated_at": None,
    "is_deleted": False,
    "position": None,
    "heading": "",
    "start": 0,
    '"end"': 1,
    "content": None,
}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    collection = Path(sys.argv[1])
    sizes = [int(size) for size in sys.argv[2:]] or SIZES
    with tempfile.TemporaryDirectory(prefix="chancery-benchmark-") as directory:
        home = Path(directory)
        home.chmod(0o711)
        os.environ["CHANCERY_HOME"] = directory
        os.environ.pop("DATABASE_URL", None)

        from common import embedded

        with embedded.running(home, durable=False):
            measure(collection, sizes)


def measure(collection: Path, sizes) -> None:
    new_installation()
    from django.db import connection

    from benchmarks.at_size.world import index_words
    from tenants.testing import as_owner

    texts = Texts(collection)
    with as_owner():
        people = [new_organization(f"size-{size}") for size in sizes]
        for person, size in zip(people, sizes, strict=True):
            fill(person.organization_id, size, texts)
        index_words(connection)
        run_all("VACUUM ANALYZE", _PEER)
        print_room()
    compare(dict(zip(sizes, people, strict=True)), texts)


def compare(people: dict, texts: "Texts") -> None:
    from common.logins import APP, OWNER
    from tenants.testing import sign_in

    classes = texts.queries()
    ways: dict[str, tuple[str, Callable]] = {
        "ours": (APP, ask),
        "owner": (OWNER, ask),
        "peer": (OWNER, partial(ask_peer, _ASK_PEER)),
        "bare": (OWNER, partial(ask_peer, _ASK_BARE_PEER)),
    }
    print("  chunks  query                      ms of CPU  x owner  GIN, x  bare GIN, x")
    for size, person in people.items():
        for name, queries in classes.items():
            sign_in(APP)
            check_plan(person, queries[0])
            used: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(ROUNDS):
                for way, (login, action) in ways.items():
                    sign_in(login)
                    used[way].append(milliseconds(action, person, queries))
            ours = used["ours"]
            owner, peer, bare = (
                statistics.median(b / a for a, b in zip(ours, used[way], strict=True))
                for way in ("owner", "peer", "bare")
            )
            print(
                f"{size:8,}  {name:26} {statistics.median(ours):9.2f}  {1 / owner:7.2f}"
                f"  {peer:6.2f}  {bare:11.2f}",
                flush=True,
            )
    sign_in(APP)


class Texts:
    """Passages and questions with the words of a real collection, and a long tail of rare ones."""

    def __init__(self, collection: Path) -> None:
        self.random = random.Random(7)
        abstracts = records(collection / "cran.all.1400").values()
        self.sentences = [s.split() for text in abstracts for s in text.split(" . ") if s.strip()]
        self.questions = list(records(collection / "cran.qry").values())
        self.weights = list(accumulate(1 / (place + 20) for place in range(VOCABULARY)))

    def rare(self) -> str:
        (place,) = self.random.choices(range(VOCABULARY), cum_weights=self.weights)
        return f"term{place}"

    def passage(self) -> str:
        words: list[str] = []
        while len(words) < WORDS_OF_A_CHUNK:
            words += self.random.choice(self.sentences)
        return " ".join(word if self.random.random() > 1 / 20 else self.rare() for word in words)

    def queries(self) -> dict[str, list[str]]:
        def some(rarer: int) -> list[str]:
            return [
                " ".join(f"term{self.random.randrange(20, 2_000)}" for _ in range(rarer))
                for _ in range(QUERIES)
            ]

        holding = Counter(word for sentence in self.sentences for word in {*sentence})
        tenth = len(self.sentences) / 10 / 100  # a passage has about ten sentences
        rarer = [w for w, n in holding.items() if tenth / 2 < n < tenth * 2 and w.isalpha()]
        return {
            "1 word, in 1 of 1,000": some(1),
            "4 words, each 1 in 1,000": some(4),
            "4 words, each 1 in 100": [
                " ".join(self.random.sample(sorted(rarer), 4)) for _ in range(QUERIES)
            ],
            "1 common word": ["flow", "pressure", "boundary", "number", "layer"] * (QUERIES // 5),
            "4 of those, 2 common ones": [
                " ".join([*self.random.sample(sorted(rarer), 4), "flow", "pressure"])
                for _ in range(QUERIES)
            ],
            "a real question": self.random.sample(self.questions, QUERIES),
        }


def new_organization(slug: str):
    from tenants.models import Role
    from tenants.services import create_organization, create_user

    organization = create_organization(name=slug, slug=slug)
    return create_user(
        organization=organization,
        username=slug,
        email=f"{slug}@example.test",
        full_name=slug,
        roles=[Role.objects.get(name="Owner", organization=None)],
    )


def fill(organization_id: UUID, size: int, texts: Texts) -> None:
    """Documents of a dozen passages, as the pipeline would leave them but for their postings."""
    from django.db import connection

    from common.ids import uuid7

    began, now = time.perf_counter(), datetime.now(UTC)
    counts = [min(CHUNKS_OF_A_DOCUMENT, size - at) for at in range(0, size, CHUNKS_OF_A_DOCUMENT)]
    documents = [uuid7() for _ in counts]
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY knowledge_document ({', '.join(_DOCUMENT)}) FROM STDIN") as copy:
            for pk, count in zip(documents, counts, strict=True):
                given = {
                    "organization_id": organization_id,
                    "id": pk,
                    "chunk_count": count,
                    "lexeme_count": count * WORDS_OF_A_CHUNK,
                }
                at = {"created_at": now, "updated_at": now, "filename": f"{pk}.txt"}
                copy.write_row(list((_DOCUMENT | given | at).values()))
        with cursor.copy(f"COPY knowledge_documentchunk ({', '.join(_CHUNK)}) FROM STDIN") as copy:
            for pk, count in zip(documents, counts, strict=True):
                for position in range(count):
                    given = {"organization_id": organization_id, "id": uuid7(), "document_id": pk}
                    at = {"created_at": now, "updated_at": now, "position": position}
                    text = {"content": texts.passage()}
                    copy.write_row(list((_CHUNK | given | at | text).values()))
    print(f"{size} chunks in {time.perf_counter() - began:.0f} s", flush=True)


def print_room() -> None:
    [(chunks, postings, blocks)] = run_all(
        """SELECT (SELECT count(*) FROM knowledge_documentchunk),
            pg_total_relation_size('knowledge_posting'),
            pg_total_relation_size('knowledge_postingblock')"""
    )
    [(gin,)] = run_all("SELECT pg_total_relation_size('peer')")
    print(f"postings {(postings + blocks) / chunks:.0f} bytes a chunk; peer {gin / chunks:.0f}")


def ask(person, query: str):
    from knowledge.search import search
    from tenants.context import acting_for

    with acting_for(person.organization_id, read_only=True):
        return search(user=person, query=query, vector=None, mode="text")


def ask_peer(statement: str, person, query: str):
    from tenants.context import acting_for

    with acting_for(person.organization_id, read_only=True) as organization_id:
        return run_all(statement, query=query, organization=organization_id)


def check_plan(person, query: str) -> None:
    """Fail if postings or chunks are read from end to end."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tenants.context import acting_for

    with CaptureQueriesContext(connection) as queries:
        ask(person, query)
    (statement,) = (q["sql"] for q in queries if "knowledge_posting" in q["sql"])
    with acting_for(person.organization_id):
        plan = "\n".join(line for (line,) in run_all(f"EXPLAIN {statement}"))
    wrong = re.search(r"Seq Scan on knowledge_(posting\b|documentchunk)", plan)
    if wrong:
        sys.exit(f"{wrong[0]}:\n{plan}")


def milliseconds(action: Callable, person, queries: list[str]) -> float:
    """What processors worked for a query, in the mean, once the connection is warm."""
    from django.db import connection

    action(person, queries[0])
    process = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")

    def used() -> float:
        return 1_000 * time.process_time() + int(process.read_text().split()[0]) / 1e6

    began = used()
    for query in queries:
        action(person, query)
    return (used() - began) / len(queries)


def run_all(*statements: str, **parameters) -> list[tuple]:
    """Run statements one by one; return the rows of the last."""
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in ";".join(statements).split(";"):
            cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


if __name__ == "__main__":
    main()

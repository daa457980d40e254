"""How good search is: nDCG@10 of the three modes over a collection with human judgements.

    python benchmarks/search_quality.py DIRECTORY

DIRECTORY holds the Cranfield collection: `cran.all.1400`, `cran.qry` and `cranqrel`. Every document
is uploaded, read and searched as in the product, its title as a heading, in a PostgreSQL of its own
that is thrown away afterwards. Beside it, over the same passages: bm25s, PostgreSQL's own ranking
of any of the words (`ts_rank_cd`), and the reciprocal rank fusion (60) of both with vectors. The
two last numbers of a row are those of the odd and of the even questions: what is tuned on all must
help both. nDCG is after Järvelin and Kekäläinen (2002), with gains of 4 (a complete answer) to
1 (of minimum interest).
"""

import math
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

Mode = Literal["text", "vector", "hybrid"]
MODES: tuple[Mode, ...] = ("text", "vector", "hybrid")
DEPTH = 10
POOL = 100  # passages of each ranking that are fused
PASSAGES = 50  # enough for ten documents, of which one may have several passages


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    collection = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="chancery-benchmark-") as directory:
        home = Path(directory)
        home.chmod(0o711)
        os.environ["CHANCERY_HOME"] = directory
        os.environ.pop("DATABASE_URL", None)

        from common import embedded

        with embedded.running(home, durable=False):
            print_quality(collection)


def print_quality(collection: Path) -> None:
    user = new_installation()
    began = time.perf_counter()
    titles = records(collection / "cran.all.1400", ".T")
    numbers = {
        read_document(
            with_heading(titles.get(number, ""), text), by=user, filename=f"{number}.md"
        ).pk: number
        for number, text in records(collection / "cran.all.1400").items()
    }
    print(f"{len(numbers)} documents read in {time.perf_counter() - began:.0f} s")
    questions = list(records(collection / "cran.qry").values())
    judged = judgements(collection / "cranqrel")
    means: dict[str, float] = {}

    def show(name: str, rankings: list[list[int]]) -> None:
        scores = [ndcg(ranking, judged[n]) for n, ranking in enumerate(rankings, start=1)]
        means[name] = mean(scores)
        halves = f"{mean(scores[::2]):.3f} {mean(scores[1::2]):.3f}"
        print(f"{name:28} nDCG@{DEPTH} {means[name]:.4f}   {halves}", flush=True)

    for mode in MODES:
        began = time.perf_counter()
        rankings = [found(user, question, mode, numbers) for question in questions]
        milliseconds = 1000 * (time.perf_counter() - began) / len(questions)
        show(mode, rankings)
        print(f"{'':28} {milliseconds:.1f} ms a query, embedding it too")
    passages, nearest = peers_material(user, questions)
    for name, ranked in (
        ("ts_rank_cd", ranked_by_postgresql(passages, questions)),
        ("bm25s", ranked_by_bm25s(passages, questions)),
    ):
        fused = [fuse(*pair) for pair in zip(ranked, nearest, strict=True)]
        for label, rankings in ((name, ranked), (f"{name} and vectors", fused)):
            show(label, [documents_of(ranking, passages, numbers) for ranking in rankings])
    for peer in ("vector", "ts_rank_cd and vectors", "bm25s and vectors", "bm25s"):
        print(f"hybrid is {means['hybrid'] / means[peer]:.3f} x {peer}")
    print(f"text is {means['text'] / means['bm25s']:.3f} x bm25s")


def new_installation():
    """Migrate an empty database; return somebody who may read everything in their organization."""
    import django

    django.setup()

    from django.core.management import call_command

    from tenants.lookup import find_by_login
    from tenants.testing import as_owner, create_world

    with as_owner():
        call_command("migrate", verbosity=0, skip_checks=True)
        create_world()
    return find_by_login("acme-owner")


def read_document(text, **fields):
    from knowledge.testing import read_document

    document = read_document(text, **fields)
    assert document.is_processed or not text.strip(), document.error
    return document


def found(user, question: str, mode: Mode, numbers: dict) -> list[int]:
    """The numbers of the documents found, best first, each once."""
    from knowledge.search import embed_query, search
    from tenants.context import acting_for

    vector = embed_query(question)
    with acting_for(user.organization_id, read_only=True):
        hits = search(user=user, query=question, vector=vector, mode=mode, top_k=PASSAGES)
    return list(dict.fromkeys(numbers[hit.document_id] for hit in hits))


def peers_material(user, questions: list[str]) -> tuple[dict, list[list]]:
    """All passages as (document, text) by chunk id, and for each question its nearest chunks."""
    from knowledge.models import DocumentChunk
    from knowledge.search import embed_query, search
    from tenants.context import acting_for

    with acting_for(user.organization_id, read_only=True):
        chunks = DocumentChunk.objects.order_by("pk").values_list("pk", "document_id", "content")
        passages = {pk: (document_id, content) for pk, document_id, content in chunks}
    nearest = []
    for question in questions:
        vector = embed_query(question)
        with acting_for(user.organization_id, read_only=True):
            hits = search(user=user, query=question, vector=vector, mode="vector", top_k=POOL)
        nearest.append([hit.chunk_id for hit in hits])
    return passages, nearest


def ranked_by_postgresql(passages: dict, questions: list[str]) -> list[list]:
    from django.db import connection

    from tenants.testing import as_owner

    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE peer AS SELECT id, to_tsvector('english', content) AS body"
            " FROM knowledge_documentchunk"
        )
        rankings = []
        for question in questions:
            cursor.execute(
                """SELECT peer.id FROM peer, (
                    SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery AS asked
                    FROM unnest(tsvector_to_array(to_tsvector('english', %s))) AS lexeme
                ) query WHERE body @@ asked
                ORDER BY ts_rank_cd(body, asked) DESC, peer.id LIMIT %s""",
                [question, POOL],
            )
            rankings.append([key for (key,) in cursor.fetchall()])
    return rankings


def ranked_by_bm25s(passages: dict, questions: list[str]) -> list[list]:
    import bm25s  # type: ignore[import-not-found]

    keys = list(passages)
    index = bm25s.BM25(k1=1.2, b=0.75)
    texts = [content for _, content in passages.values()]
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    asked = bm25s.tokenize(questions, stopwords="en", return_ids=False, show_progress=False)
    found, scores = index.retrieve(asked, k=POOL, show_progress=False)
    return [
        [keys[at] for at, score in zip(row, points, strict=True) if score > 0]
        for row, points in zip(found, scores, strict=True)
    ]


def fuse(*rankings: list) -> list:
    scores: dict = {}
    for ranking in rankings:
        for place, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0) + 1 / (60 + place)
    return sorted(scores, key=lambda key: (-scores[key], key))


def documents_of(ranking: list, passages: dict, numbers: dict) -> list[int]:
    return list(dict.fromkeys(numbers[passages[key][0]] for key in ranking))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def with_heading(title: str, text: str) -> str:
    """As a document has its title; a text of the collection begins with it."""
    return f"# {title}\n\n{text.removeprefix(title).strip()}\n" if title else text


def records(path: Path, field: str = ".W") -> dict[int, str]:
    """A field (`.W`: the texts) of a file of records, by their place in it, from 1."""
    found = {}
    records = re.split(r"^\.I \d+\s*$", path.read_text(), flags=re.MULTILINE)[1:]
    for number, record in enumerate(records, start=1):
        _, *parts = re.split(r"^(\.[TABW])$", record, flags=re.MULTILINE)
        text = dict(zip(parts[::2], parts[1::2], strict=True)).get(field, "")
        if text.strip():
            found[number] = re.sub(r"\s+", " ", text).strip()
    return found


def judgements(path: Path) -> dict[int, dict[int, int]]:
    """For each question the gains of the documents that were judged relevant."""
    judged: dict[int, dict[int, int]] = {}
    for line in path.read_text().splitlines():
        if line.strip():
            question, document, code = map(int, line.split())
            judged.setdefault(question, {})[document] = 5 - code
    return judged


def ndcg(ranking: list[int], gains: dict[int, int]) -> float:
    def total(values):
        return sum(value / math.log2(place + 1) for place, value in enumerate(values, start=1))

    best = sorted(gains.values(), reverse=True)[:DEPTH]
    return total(gains.get(number, 0) for number in ranking[:DEPTH]) / total(best)


if __name__ == "__main__":
    main()

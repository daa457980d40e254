"""How good search is: nDCG@10 of the three modes over a collection with human judgements.

    python benchmarks/search_quality.py DIRECTORY

DIRECTORY holds the Cranfield collection: `cran.all.1400`, `cran.qry` and `cranqrel`. Every document
is uploaded, read and searched as in the product, in a PostgreSQL of its own that is thrown away
afterwards. nDCG is after Järvelin and Kekäläinen (2002), with gains of 4 (a complete answer) to
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
    numbers = {
        read_document(text, by=user, filename=f"{number}.txt").pk: number
        for number, text in records(collection / "cran.all.1400").items()
    }
    print(f"{len(numbers)} documents read in {time.perf_counter() - began:.0f} s")
    questions = list(records(collection / "cran.qry").values())
    judged = judgements(collection / "cranqrel")
    for mode in MODES:
        began = time.perf_counter()
        scores = [
            ndcg(found(user, question, mode, numbers), judged[number])
            for number, question in enumerate(questions, start=1)
        ]
        milliseconds = 1000 * (time.perf_counter() - began) / len(questions)
        mean = sum(scores) / len(scores)
        print(f"{mode:8} nDCG@{DEPTH} {mean:.3f}   {milliseconds:.1f} ms a query, embedding it too")


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


def records(path: Path) -> dict[int, str]:
    """The texts (`.W`) of a file of records, by their place in it, from 1."""
    texts = [
        re.sub(r"\s+", " ", record.partition("\n.W\n")[2]).strip()
        for record in re.split(r"^\.I \d+\s*$", path.read_text(), flags=re.MULTILINE)[1:]
    ]
    return {number: text for number, text in enumerate(texts, start=1) if text}


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

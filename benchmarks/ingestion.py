"""How fast documents are read, and what memory that takes.

    python benchmarks/ingestion.py [--documents N] [FILE...]

Chunks and pages per second of the whole pipeline (a child that reads, splitting, embedding, one
transaction that writes) beside those of the embedder alone on the same passages, in the same
process. Then the peak memory of a process that reads large files: a PDF of 600 pages, a text of
10 MB, and each FILE. PostgreSQL is one of its own that is thrown away afterwards.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

READERS_ENDS: list[Any] = []  # how each reading child ended
CONCURRENCY = 2  # as `manage.py up` runs a worker
ROUNDS = 3  # the two take turns, because the machine is not alone
PAGES = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=30, metavar="N")
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)  # one file, in a child
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    asked = parser.parse_args()
    if asked.memory:
        print_memory(asked.memory)
        return
    with tempfile.TemporaryDirectory(prefix="chancery-benchmark-") as directory:
        home = Path(directory)
        home.chmod(0o711)
        os.environ["CHANCERY_HOME"] = directory
        os.environ.pop("DATABASE_URL", None)

        from common import embedded

        with embedded.running(home):
            user = new_installation()
            print_speed(user, asked.documents)
            for file in (pdf_of(home, PAGES), text_of(home, 10_000_000), *asked.files):
                subprocess.run([sys.executable, __file__, "--memory", str(file)], check=True)


def new_installation():
    import django

    django.setup()
    from django.core.management import call_command

    from tenants.lookup import find_by_login
    from tenants.testing import as_owner, create_world

    with as_owner():
        call_command("migrate", verbosity=0)
        create_world()
    return find_by_login("acme-owner")


def print_speed(user, count: int) -> None:
    """Pipeline and embedder in turn, on the same passages; what is cached is warm for both."""
    from knowledge.embedding import embedder as chosen
    from knowledge.embedding import text_to_embed
    from knowledge.ingestion.pipeline import EMBEDDED_AT_ONCE
    from knowledge.ingestion.read import read_document
    from knowledge.ingestion.split import split

    embedder = chosen()
    pipeline_seconds = embedder_seconds = pipeline_cpu = embedder_cpu = 0.0
    chunks = pages = 0
    with tempfile.TemporaryDirectory() as directory:
        for round_ in range(ROUNDS + 1):
            files = list(samples(Path(directory), count, round_))
            readings = [read_document(path, filename=path.name) for path in files]
            texts = [
                [
                    text_to_embed(passage.heading, passage.content)
                    for passage in split(reading, tokenizer=embedder.tokenizer)
                ]
                for reading in readings
            ]
            took, took_cpu = read_all(user, files)
            cpu_between, began = cpu_seconds(), time.perf_counter()
            for some in texts:
                for at in range(0, len(some), EMBEDDED_AT_ONCE):
                    embedder.embed(some[at : at + EMBEDDED_AT_ONCE])
            if round_:  # the first one warms up
                embedder_seconds += time.perf_counter() - began
                embedder_cpu += cpu_seconds() - cpu_between
                pipeline_cpu += took_cpu
                pipeline_seconds += took
                chunks += sum(map(len, texts))
                pages += sum(reading.page_count or 0 for reading in readings)
    print(f"{ROUNDS * count} documents, {pages} pages, {chunks} chunks")
    print(f"embedder alone: {chunks / embedder_seconds:6.1f} chunks/s")
    print(
        f"whole pipeline: {chunks / pipeline_seconds:6.1f} chunks/s,"
        f" {pages / pipeline_seconds:.1f} pages/s"
    )
    print(
        f"ratio: {embedder_seconds / pipeline_seconds:.2f} (at least 0.85);"
        f" by processor time of the worker and its readers {embedder_cpu / pipeline_cpu:.2f}"
    )


def cpu_seconds() -> float:
    """What this process and its readers have used; says the same on a busy machine."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime + sum(end.cpu_seconds for end in READERS_ENDS)


def read_all(user, files: list[Path]) -> tuple[float, float]:
    """Upload files, then read them as a worker does; the seconds that the reading took, and those
    of a processor."""
    from django.db import connection

    from knowledge.ingestion.confine import read_in_child
    from knowledge.ingestion.pipeline import ingest
    from knowledge.testing import upload

    documents: list[Any] = [
        upload(path.read_bytes(), by=user, filename=path.name) for path in files
    ]
    read = partial(read_in_child, on_end=READERS_ENDS.append)
    waiting = iter([(document.organization_id, document.pk) for document in documents])

    def work() -> None:
        for ids in waiting:
            ingest(*ids, read=read)
        connection.close()

    began, cpu_before = time.perf_counter(), cpu_seconds()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for done in [pool.submit(work) for _ in range(CONCURRENCY)]:
            done.result()
    return time.perf_counter() - began, cpu_seconds() - cpu_before


def samples(directory: Path, count: int, seed: int) -> Iterator[Path]:
    """Texts and PDFs by turns, of a few pages each, no two alike."""
    for number in range(count):
        name = f"{seed}-{number}"
        if number % 2:
            path = directory / f"{name}.md"
            path.write_text(prose(f"note {name}", 6))
            yield path
        else:
            yield pdf_of(directory, 6, name=name)


def prose(title: str, parts: int) -> str:
    return "\n\n".join(
        f"# Part {part} of {title}\n\n" + " ".join(sentences(f"{title} {part}", 24))
        for part in range(parts)
    )


def sentences(title: str, count: int) -> Iterator[str]:
    for number in range(count):
        yield (
            f"In section {number} of {title} the committee describes what was decided about"
            f" travel, leave and equipment, and who answers for item {number * 7 % 97}."
        )


def pdf_of(directory: Path, pages: int, *, name: str = "large") -> Path:
    """A PDF with a text layer of about 2,000 characters a page, written by hand."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for page in range(pages):
        lines = list(sentences(f"{name} page {page}", 14))
        text = "T* ".join(f"({line}) Tj " for line in lines)
        stream = f"BT /F1 8 Tf 40 780 Td 12 TL {text} ET".encode()
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 842 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), pages)
    path = directory / f"{name}.pdf"
    with path.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        places = []
        for number, content in enumerate(objects, start=1):
            places.append(file.tell())
            file.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
        start = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
        file.writelines(b"%010d 00000 n \n" % place for place in places)
        file.write(
            b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
            % (len(objects) + 1, start)
        )
    return path


def text_of(directory: Path, size: int) -> Path:
    path = directory / "large.txt"
    with path.open("w") as file:
        part = 0
        while file.tell() < size:
            file.write(prose(f"part {part}", 1) + "\n\n")
            part += 1
    return path


def print_memory(path: Path) -> None:
    """Read a file in this process, as a worker does, without the model's own time."""
    import django

    django.setup()
    import numpy as np

    from knowledge.embedding import embedder as chosen
    from tenants.lookup import find_by_login

    embedder: Any = chosen()
    embedder.embed(["warm"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # The vectors of so many passages would take hours; their memory is that of any others.
    type(embedder).embed = lambda self, texts: np.eye(len(texts), 384, dtype=np.float32)
    took, _ = read_all(find_by_login("acme-owner"), [path])
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = READERS_ENDS[-1].peak_kilobytes / 1024
    print(
        f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {took:.0f} s without embedding;"
        f" worker {before:.0f} MB before, {after:.0f} MB at most, its reader {child:.0f} MB"
    )


if __name__ == "__main__":
    main()

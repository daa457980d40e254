"""What runs in processes that are killed, or that kill PostgreSQL, at a named point.

    CHANCERY_HOME=… python knowledge/tests/crash_process.py ACTION [POINT VICTIM]

ACTION is `prepare`, which migrates and makes the world of the tests, `upload`, which uploads a
document for each line of standard input and says its id, `work`, which is a worker, or `kill`,
which kills PostgreSQL. At POINT the process kills VICTIM (worker: itself, or postgresql), once.
"""

import os
import signal
import sys
from contextlib import suppress
from functools import wraps
from pathlib import Path
from pkgutil import resolve_name

ROOT = Path(__file__).resolve().parents[2]
PARAGRAPH = "Everybody has 25 days of vacation a year. What is left over expires in March. " * 6
TEXT = "\n\n".join(f"# Part {number}\n\n{PARAGRAPH}" for number in range(40))

BEFORE, AFTER = "before", "after"
# Where in the pipeline: a function of a module, the moment, and how often it is called before.
POINTS = {
    "claimed": ("knowledge.ingestion.pipeline._claim", AFTER, 0),
    "file opened": ("knowledge.ingestion.confine.read_in_child", BEFORE, 0),
    "child answered": ("knowledge.ingestion.confine.read_in_child", AFTER, 0),
    "split": ("knowledge.ingestion.pipeline.split", AFTER, 0),
    "half embedded": ("knowledge.embedding.minilm.MiniLMEmbedder.embed", AFTER, 1),
    "before commit": ("knowledge.ingestion.pipeline.replace_passages", AFTER, 0),
    "after commit": ("knowledge.ingestion.pipeline._complete", AFTER, 0),
    "bytes shared": ("knowledge.ingestion.pipeline.share_bytes", AFTER, 0),
}
UPLOAD_POINTS = {
    "file stored": ("knowledge.services._store", AFTER, 0),
    "row written": ("knowledge.services._add", AFTER, 0),
    "upload committed": ("knowledge.testing.upload", AFTER, 0),
}


def main():
    action, *death = sys.argv[1:]
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    if death:
        die_at(*death)
    {"prepare": prepare, "upload": upload, "work": work, "kill": kill_postgresql}[action]()


def prepare():
    from django.core.management import call_command

    from tenants.testing import as_owner, create_world

    with as_owner():
        call_command("migrate", verbosity=0)
        create_world()


def upload():
    from knowledge import testing
    from tenants.lookup import find_by_login

    for line in sys.stdin:
        by = find_by_login(f"{line.split()[0]}-owner")
        document = testing.upload(f"{line}\n\n{TEXT}", by=by)
        sys.stdout.write(f"{document.pk}\n")
        sys.stdout.flush()


def work():
    from django.conf import settings
    from procrastinate.contrib.django import app

    settings.PROCRASTINATE_WORKER_DEFAULTS |= {
        "update_heartbeat_interval": 0.3,
        "stalled_worker_timeout": 1.5,
    }
    with app.replace_connector(app.connector.get_worker_connector()) as worker:
        worker.run_worker(queues=["ingestion"], **settings.PROCRASTINATE_WORKER_DEFAULTS)


def die_at(point, victim):
    name, moment, times = (POINTS | UPLOAD_POINTS)[point]
    kill = kill_postgresql if victim == "postgresql" else kill_myself
    calls = []
    target, _, attribute = name.rpartition(".")
    owner = resolve_name(target)
    original = getattr(owner, attribute)

    @wraps(original)
    def wrapped(*args, **options):
        calls.append(1)
        if moment == BEFORE and len(calls) == times + 1:
            kill()
        result = original(*args, **options)
        if moment == AFTER and len(calls) == times + 1:
            kill()
        return result

    setattr(owner, attribute, wrapped)
    if attribute == "read_in_child":  # it is bound already
        resolve_name("knowledge.ingestion.pipeline").ingest.__kwdefaults__["read"] = wrapped


def kill_myself():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_postgresql():
    """The server and all its children, which would hold on to its memory."""
    [pid_file] = Path(os.environ["CHANCERY_HOME"]).rglob("postmaster.pid")
    postmaster = int(pid_file.read_text().split()[0])
    for pid in [postmaster, *children_of(postmaster)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def children_of(parent):
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                yield int(entry.name)


if __name__ == "__main__":
    main()

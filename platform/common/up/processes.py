"""The processes of a running installation, and what each may know."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from common.home import ROOT
from common.supervisor import Process

WEB = (
    "-m uvicorn config.asgi:application --lifespan off --timeout-graceful-shutdown 5 "
    "--log-level warning --no-access-log --no-server-header --no-proxy-headers"
)
WORKER = (
    "procrastinate --skip-checks worker --queues {queues} --name {name} "
    "--concurrency {concurrency} --shutdown-graceful-timeout 6"
)
TURNS_AT_ONCE = 250  # a turn waits for its model most of the time
# The threads of its short blocks, and those of tasks that are not asynchronous. To connect anew for
# each block of a turn takes longer than the block.
TURNS_POOL_SIZE = "16"
DOCUMENTS_AT_ONCE = 2  # reading one keeps a core busy
LOWER_PRIORITY = 10  # so that reading documents never keeps an answer waiting

SECONDS_BETWEEN_INDEXING = 300.0

MANAGE = str(ROOT / "manage.py")

# Who may know the owner's URL, and whether demo accounts work, is decided here, not inherited.
NEVER_INHERITED = (
    "CHANCERY_DEMO",
    "CHANCERY_LOGIN",
    "CHANCERY_PROGRAM",
    "DATABASE_OWNER_URL",
)


def long_running(host: str, port: int, environment: dict[str, str], logs: Path) -> list[Process]:
    """Return the web server and the workers."""

    def process(name: str, arguments: list[str], nice: int = 0, **more: str) -> Process:
        command = [sys.executable, *arguments]
        variables = more | environment
        return Process(name, command, variables, log=logs / f"{name}.log", nice=nice)

    address = ["--app-dir", str(ROOT / "platform"), "--host", host, "--port", str(port)]
    return [
        process("web", [*WEB.split(), *address]),
        process(
            "worker-turns",
            _worker("turns", "people", at_once=TURNS_AT_ONCE),
            DATABASE_POOL_SIZE=TURNS_POOL_SIZE,
        ),
        process(
            "worker-ingestion", _worker("ingestion", at_once=DOCUMENTS_AT_ONCE), LOWER_PRIORITY
        ),
    ]


def _worker(*queues: str, at_once: int) -> list[str]:
    options = {"queues": ",".join(queues), "name": queues[0], "concurrency": at_once}
    return [MANAGE, *WORKER.format(**options).split()]


def as_application(command: list[str], environment: dict[str, str], logs: Path) -> Process:
    """Return a management command that ends, and needs no more than the web server."""
    arguments = [sys.executable, MANAGE, *command, "--skip-checks", "--verbosity", "0"]
    return Process(command[0], arguments, environment, log=logs / "setup.log")


def as_owner(command: list[str], environment: dict[str, str], logs: Path) -> Process:
    """Return a management command that changes the database and ends.

    It runs without Django's checks: some of them ask the tables that migrations make.
    """
    owner = {name: os.environ[name] for name in ("DATABASE_OWNER_URL",) if name in os.environ}
    return as_application(command, environment | owner, logs)


def indexing(environment: dict[str, str], logs: Path) -> Process:
    """Return what indexes the vectors of large organizations, every few minutes, as the owner.

    It is in nobody's way: PostgreSQL builds, and people search meanwhile.
    """
    once = as_owner(["index_organizations"], environment, logs)
    return replace(
        once,
        name="indexing",
        log=logs / "indexing.log",
        nice=LOWER_PRIORITY,
        period=SECONDS_BETWEEN_INDEXING,
    )


def environment(home: Path, *, demo: bool) -> dict[str, str]:
    """Return the environment of the web server and the workers."""
    kept = {name: value for name, value in os.environ.items() if name not in NEVER_INHERITED}
    demo_setting = {"CHANCERY_DEMO": "1"} if demo else {}
    return kept | {"CHANCERY_HOME": str(home), "PYTHONUNBUFFERED": "1"} | demo_setting

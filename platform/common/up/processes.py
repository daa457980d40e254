"""The processes of a running installation, and what each may know."""

import os
import sys
from pathlib import Path

from common.home import ROOT
from common.supervisor import Process

TURNS_AT_ONCE = 20  # a turn waits for its model most of the time
DOCUMENTS_AT_ONCE = 2  # reading one keeps a core busy
LOWER_PRIORITY = 10

# Who may know the owner's URL, and whether demo accounts work, is decided here, not inherited.
NEVER_INHERITED = ("CHANCERY_DEMO", "CHANCERY_LOGIN", "DATABASE_OWNER_URL")


def long_running(host: str, port: int, environment: dict[str, str], logs: Path) -> list[Process]:
    """Return the web server and the workers."""
    web = [
        "-m",
        "uvicorn",
        "config.asgi:application",
        "--app-dir",
        str(ROOT / "platform"),
        "--lifespan",
        "off",
    ]
    web += ["--host", host, "--port", str(port), "--timeout-graceful-shutdown", "5"]
    web += ["--log-level", "warning", "--no-access-log"]
    commands = {
        "web": (web, 0),
        "worker-turns": (_worker("turns", TURNS_AT_ONCE), 0),
        # Niced, so that reading documents never keeps an answer waiting.
        "worker-ingestion": (_worker("ingestion", DOCUMENTS_AT_ONCE), LOWER_PRIORITY),
    }
    return [
        Process(
            name, [sys.executable, *arguments], environment, log=logs / f"{name}.log", nice=nice
        )
        for name, (arguments, nice) in commands.items()
    ]


def _worker(queue: str, concurrency: int) -> list[str]:
    options = ["--queues", queue, "--concurrency", str(concurrency), "--name", queue]
    return [
        str(ROOT / "manage.py"),
        "procrastinate",
        "worker",
        *options,
        "--shutdown-graceful-timeout",
        "6",
    ]


def as_owner(command: list[str], environment: dict[str, str], logs: Path) -> Process:
    """Return a management command that changes the database and ends."""
    owner = {name: os.environ[name] for name in ("DATABASE_OWNER_URL",) if name in os.environ}
    return Process(
        command[0],
        [sys.executable, str(ROOT / "manage.py"), *command],
        environment | owner,
        log=logs / "setup.log",
    )


def environment(home: Path, *, demo: bool) -> dict[str, str]:
    """Return the environment of the web server and the workers."""
    kept = {name: value for name, value in os.environ.items() if name not in NEVER_INHERITED}
    demo_setting = {"CHANCERY_DEMO": "1"} if demo else {}
    return kept | {"CHANCERY_HOME": str(home), "PYTHONUNBUFFERED": "1"} | demo_setting

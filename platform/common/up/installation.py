"""One run of Chancery, from the first check to the last process."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from common import embedded, logins
from common.home import InstallationError
from common.supervisor import Failed, Process, Stopped, Supervisor
from common.supervisor.output import Terminal
from common.up import checks, database, processes

PATIENCE = 120.0  # seconds the web server may take to answer for the first time
PAGES = {
    "/": "start",
    "/admin/": "the admin",
    "/api/v1/": "the API",
    "/api/v1/docs/": "its reference",
}
DEMO_PEOPLE = """
Sign in with the password demo as
  admin@chancery.example   platform staff: runs the installation, in /admin/
  owner@acme.example       administers Acme, in /admin/
  manager@acme.example, member@acme.example, viewer@acme.example
  owner@globex.example     administers Globex, in /admin/
  manager@globex.example, member@globex.example, viewer@globex.example
"""
NO_DEMO = """
There are no demo accounts here: `manage.py createsuperuser` makes the first account.
"""
HTTPS_ELSEWHERE = """
Browsers are sent to https, which a proxy before this address must speak; HTTPS=0 does without.
"""


class Installation:
    """One run of Chancery in its home directory, step by step."""

    def __init__(self, home: Path, supervisor: Supervisor, terminal: Terminal) -> None:
        self.home = home
        self.supervisor = supervisor
        self.terminal = terminal
        self.host, self.port = settings.HOST, settings.PORT
        self.is_embedded = not os.environ.get("DATABASE_URL")
        self.is_demo = self.is_embedded and checks.is_loopback(self.host)
        self.logs = home / "log"

    def run(self, stack: ExitStack) -> None:
        """Start everything, say where it is, and keep it running until stopped."""
        began = time.monotonic()
        checks.check_address(self.host, self.port)
        checks.check_free_space(self.home)
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self.say(f"Chancery starts in {self.home}")
        self.prepare_embedder()
        owner = self.start_database(stack)
        self.prepare_database(owner)
        self.start_processes()
        self.say(f"Chancery is ready after {time.monotonic() - began:.1f} s.\n")
        self.say(self.greeting())
        try:
            self.supervisor.supervise()
        except Stopped:
            self.say("Ending what runs …")
            raise

    def start_database(self, stack: ExitStack) -> dict[str, Any]:
        """Return the owner's connection parameters."""
        if not self.is_embedded:
            with self.step("database", "DATABASE_URL answers"):
                return database.check_database()
        with self.step("database", "PostgreSQL 18 runs"):
            place = stack.enter_context(
                embedded.started(self.supervisor, self.home, say=self.say_more)
            )
            checks.check_free_space(place.data)
        return database.connection_parameters(embedded.database_settings(logins.OWNER))

    def prepare_embedder(self) -> None:
        """Quantize the local model once, or see that the one chosen answers as it must."""
        environment = processes.environment(self.home, demo=self.is_demo)
        with self.step("embedder", f"{settings.EMBEDDING_MODEL or 'the local model'} is ready"):
            self.run_command(processes.as_application(["prepare_embedder"], environment, self.logs))

    def prepare_database(self, owner: dict[str, Any]) -> None:
        """Migrate, and load the demo where nothing would be mixed with it."""
        environment = processes.environment(self.home, demo=self.is_demo)
        with database.connected("DATABASE_OWNER_URL", owner) as connection:
            missing = database.unapplied_migrations(connection)
        if missing:
            with self.step("migrate", f"{missing} migrations applied"):
                self.run_command(
                    processes.as_owner(["migrate", "--no-input"], environment, self.logs)
                )
        if self.is_demo:
            with database.connected("DATABASE_OWNER_URL", owner) as connection:
                is_empty = database.is_empty(connection)
            if is_empty:
                with self.step("demo", "two organizations loaded"):
                    self.run_command(
                        processes.as_owner(["loaddata", "demo"], environment, self.logs)
                    )

    def run_command(self, command: Process) -> None:
        try:
            self.supervisor.run(command)
        except Failed as error:
            raise InstallationError(
                f"`manage.py {command.name}` failed: {error.reason.rstrip('.')}. "
                f"All it said is in {self.logs / 'setup.log'}."
            ) from error

    def start_processes(self) -> None:
        environment = processes.environment(self.home, demo=self.is_demo)
        with self.step("web", "the web server and two workers run"):
            web, *_workers = [
                self.supervisor.start(process)
                for process in processes.long_running(self.host, self.port, environment, self.logs)
            ]
            self.supervisor.wait_until(
                lambda: web.deaths >= 3 or checks.is_live(self.host, self.port), PATIENCE, every=0.2
            )
            if not checks.is_live(self.host, self.port):
                log = self.logs / "web.log"
                raise InstallationError(f"The web server does not start: see above, or {log}.")
        self.supervisor.start(processes.indexing(environment, self.logs))

    @contextmanager
    def step(self, name: str, done: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.say(f"  {name:<10} {done} ({time.monotonic() - began:.1f} s)")

    def say(self, line: str) -> None:
        self.terminal.say(line)

    def say_more(self, line: str) -> None:
        """Say a line about the step that is being done."""
        self.say(f"  {'':<10} {line}")

    def greeting(self) -> str:
        url = checks.base_url(self.host, self.port)
        lines = [f"  {url + path:<40} {what}" for path, what in PAGES.items()]
        lines.append(DEMO_PEOPLE if self.is_demo else NO_DEMO)
        if settings.HTTPS:
            lines.append(HTTPS_ELSEWHERE)
        lines.append(f"Logs are in {self.logs}. Ctrl-C ends everything.")
        return "\n".join(lines)

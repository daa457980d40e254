import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.commands import dbshell

from common.embedded.place import MODULE, PROGRAMS
from tenants.context import SETTING
from tenants.management.options import add_organization, organization_named


class Command(dbshell.Command):
    help = "Runs psql. With --organization it sees the rows of that organization."

    def add_arguments(self, parser):
        super().add_arguments(parser)
        add_organization(parser)

    def handle(self, **options):
        # The embedded PostgreSQL's psql is the last resort.
        more = {"PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), *_programs()])}
        if slug := options["organization"]:
            setting = f"-c {SETTING}={organization_named(slug)}"
            more["PGOPTIONS"] = f"{os.environ.get('PGOPTIONS', '')} {setting}".strip()
        with _environment(more):
            super().handle(**options)


def _programs() -> list[str]:
    package = importlib.util.find_spec(MODULE)
    if package is None or package.origin is None:
        return []
    return [str(Path(package.origin).parents[1] / PROGRAMS)]


@contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    before = os.environ.copy()
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

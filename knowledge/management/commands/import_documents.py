import json
import sys
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import ValidationError

from common.api.fields import JSONObjectField
from knowledge.folders import entries_at
from knowledge.imports import Importing, Result
from knowledge.services import RefusedUpload
from tenants.audit.actor import Actor, acted_by
from tenants.context import acting_for
from tenants.lookup import find_by_login
from tenants.management.options import organization_named
from tenants.models import Project
from tenants.permissions import Permissions

BAR = 30  # characters

HELP = """\
Upload a file, all files of a folder or of a ZIP archive into an organization.

Each file becomes a document of its own and is read by the workers in the background. Where it was
stands in its metadata ("path"). What is in the same place by its bytes already is left alone, so
that an interrupted import is taken up again by running it once more. What cannot be read is listed
at the end with the reason.

  manage.py import_documents handbooks/ --organization acme
  manage.py import_documents all.zip --organization acme --project Rocket --by member@acme.example
  manage.py import_documents a.pdf --organization acme --metadata '{"year": 2026}' --dry-run

Exit code: 0 when all is there, 1 when the command could not begin, 2 when files were refused,
3 when the organization's storage was full before the end."""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name, subcommand, **kwargs):
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser):
        parser.add_argument("path", type=Path, help="a file, a folder or a ZIP archive")
        parser.add_argument(
            "--organization", metavar="SLUG", required=True, help="into this organization"
        )
        parser.add_argument(
            "--project",
            metavar="NAME",
            help="into this project, by name or id; without it they are the whole organization's",
        )
        parser.add_argument(
            "--by",
            metavar="LOGIN",
            help="as this person, by e-mail or username, who must be allowed to; without it the "
            "documents have no uploader, and the audit trail names this command",
        )
        parser.add_argument(
            "--metadata",
            metavar="JSON",
            type=metadata,
            default={},
            help="a JSON object to be known of each document",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and do nothing"
        )

    def handle(self, *args, path, organization, project, by, dry_run, **options):
        organization_id = organization_named(organization)
        person = self._person(by, organization, organization_id) if by else None
        actor = Actor.of(person, way="command") if person else None
        with acted_by(actor):
            importing = Importing(
                organization_id=organization_id,
                by=person,
                project=self._project(project, organization_id, person),
                metadata=options["metadata"],
                dry_run=dry_run,
            )
            try:
                with entries_at(path) as entries:
                    self._import(importing, entries)
            except RefusedUpload as refusal:
                raise CommandError(f"{path}: {refusal.reason}") from refusal
            except OSError as error:
                raise CommandError(f"{error.filename or path}: {error.strerror}.") from error

    def _person(self, login, slug, organization_id):
        person = find_by_login(login)
        if person is None or person.organization_id != organization_id:
            raise CommandError(f"Nobody of {slug} signs in as {login}.")
        with acting_for(organization_id, read_only=True):
            if not person.has_perm(Permissions.DOCUMENTS_ADD):
                raise CommandError(
                    f"{login} may not upload documents: no role of theirs lets them."
                )
        return person

    def _project(self, wanted, organization_id, person):
        if wanted is None:
            return None
        with acting_for(organization_id, read_only=True):
            projects = Project.objects.open_to(person) if person else Project.objects.all()
            found = list(projects.filter(**_named(wanted)).order_by("pk")[:2])
        if not found:
            whose = f" that {person.username} may put documents into" if person else ""
            raise CommandError(f"There is no project {wanted}{whose}.")
        if len(found) > 1:
            raise CommandError(f"Several projects are called {wanted}: give the id of one.")
        return found[0]

    def _import(self, importing, entries):
        outcomes = []
        with self._shown(len(entries)) as show:
            for outcome in importing.run(entries):
                outcomes.append(outcome)
                show(len(outcomes), outcome)
        self._say(outcomes, is_dry=importing.dry_run)

    @contextmanager
    def _shown(self, total) -> Iterator:
        """A bar on a terminal; elsewhere, a line for each file."""
        stream: Any = self.stdout._out
        if not stream.isatty():
            yield lambda done, outcome: self.stdout.write(f"{outcome.result}  {outcome.path}")
            return

        def draw(done, outcome):
            filled = BAR * done // total
            bar = "█" * filled + "░" * (BAR - filled)
            name = outcome.path if len(outcome.path) <= BAR else f"…{outcome.path[1 - BAR :]}"
            stream.write(f"\r\x1b[K{bar} {done:,}/{total:,} {name}")
            stream.flush()

        try:
            yield draw
        finally:
            stream.write("\r\x1b[K")

    def _say(self, outcomes, *, is_dry):
        refused = [o for o in outcomes if o.result == Result.REFUSED]
        if refused:
            self.stdout.write(f"{len(refused):,} refused:")
            for outcome in refused:
                self.stdout.write(f"  {outcome.path}: {outcome.reason}")
        counts = Counter(outcome.result for outcome in outcomes)
        parts = [f"{len(outcomes):,} file{'' if len(outcomes) == 1 else 's'}"]
        parts += [f"{counts[result]:,} {result}" for result in Result if counts[result]]
        self.stdout.write(f"{'Dry run: ' if is_dry else ''}{', '.join(parts)}.")
        if full := next((o for o in outcomes if o.result == Result.OVER_QUOTA), None):
            raise CommandError(
                f"Stopped at {full.path}. {full.reason} Make room or raise the quota, and run "
                "this again.",
                returncode=3,
            )
        if refused:
            sys.exit(2)


def metadata(text):
    try:
        value = json.loads(text)
        return JSONObjectField().to_internal_value(value)
    except (ValueError, RecursionError, ValidationError) as error:
        raise ArgumentTypeError('it must be a JSON object, such as {"year": 2026}.') from error


def _named(wanted):
    try:
        return {"pk": UUID(wanted)}
    except ValueError:
        return {"name": wanted}

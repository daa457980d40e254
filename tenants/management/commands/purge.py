import time
from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from tenants.models import Organization
from tenants.purging import Tally, purge_organization, purge_platform

SECONDS_BETWEEN_LINES = 5.0


class Command(BaseCommand):
    help = (
        "Remove for good what was deleted longer ago than an organization keeps it (its "
        "retention_days): rows, all that belongs to them, and files, also files that no row has "
        "named for a day. An organization deleted so long ago goes with all that it has. What is "
        "removed cannot be restored. Small transactions: it may run while people work, be "
        "interrupted, and run again."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be removed, and remove nothing"
        )
        parser.add_argument(
            "--organization", metavar="SLUG", help="only this organization, living or deleted"
        )
        parser.add_argument(
            "--older-than",
            metavar="DAYS",
            type=days,
            help="what was deleted so many days ago, whatever organizations say; 0 is all",
        )

    def handle(self, *args, organization, dry_run, older_than, **options):
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        asked = {"older_than": older_than, "dry_run": dry_run}
        total = Tally()
        for found in self._organizations(organization):
            total += self._purge(found.slug, purge_organization, organization=found, **asked)
        if not organization:
            total += self._purge("the platform", purge_platform, **asked)
        outcome = "would be removed" if dry_run else "removed"
        self.stdout.write(f"{said(total) or 'nothing'} {outcome}.")

    def _organizations(self, slug):
        """All, or those of a slug: besides a living one there may be some that had it before."""
        organizations = Organization.all_objects.order_by("slug", "id")
        if slug:
            organizations = organizations.filter(slug=slug)
            if not organizations:
                raise CommandError(f"There is no organization {slug}.")
        return organizations

    def _purge(self, name, verb, **asked):
        def progress(tally):
            if time.monotonic() >= self._next_line:
                self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
                self.stdout.write(f"{name}: {tally.rows.total():,} rows so far …")

        tally = verb(progress=progress, **asked)
        if tally:
            self.stdout.write(f"{name}: {in_detail(tally)}")
        return tally


def days(text):
    try:
        found = int(text)
    except ValueError:
        found = -1
    if found < 0:
        raise ArgumentTypeError(f"{text} is no number of days: give one such as 30, or 0.")
    return found


def in_detail(tally):
    counts = {model._meta: count for model, count in tally.rows.items() if count}
    parts = [
        f"{count:,} {options.verbose_name if count == 1 else options.verbose_name_plural}"
        for options, count in sorted(counts.items(), key=lambda item: item[0].label)
    ]
    return ", ".join([*parts, *_others(tally)])


def said(tally):
    rows = tally.rows.total()
    parts = [f"{rows:,} row{'' if rows == 1 else 's'}"] if rows else []
    return ", ".join([*parts, *_others(tally)])


def _others(tally):
    if tally.files:
        size = filesizeformat(tally.bytes).replace("\xa0", " ")
        yield f"{tally.files:,} file{'' if tally.files == 1 else 's'} ({size})"
    if tally.kept:
        yield f"{tally.kept:,} kept for now"

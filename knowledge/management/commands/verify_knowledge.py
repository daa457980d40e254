from django.core.management.base import BaseCommand, CommandError

from knowledge.embedding import EmbedderUnavailable
from knowledge.ingestion.reembed import of_another_model
from knowledge.verification import Verification
from tenants.context import acting_for
from tenants.models import Organization


class Command(BaseCommand):
    help = (
        "Compare what documents say with what is there: passages, vectors, postings, files, the "
        "room they take, and jobs of those that wait. May run while people work. Ends with 1 when "
        "something is wrong and stays so."
    )

    def add_arguments(self, parser):
        parser.add_argument("--organization", metavar="SLUG", help="only this organization")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="mend what can be: read documents again, rebuild postings, queue what waits, set "
            "the counter of bytes right, remove files that no document has",
        )
        parser.add_argument(
            "--digests", action="store_true", help="read every file and compare its digest, too"
        )

    def handle(self, *args, organization, repair, digests, **options):
        organizations = Organization.all_objects.order_by("slug")
        if organization:
            organizations = organizations.filter(slug=organization)
            if not organizations:
                raise CommandError(f"There is no organization {organization}.")
        documents = wrong = left = 0
        for found in organizations:
            verification = Verification(found.pk, digests=digests)
            for fault in verification.faults():
                wrong += 1
                left += not self.report(found.slug, fault, repair=repair)
            documents += verification.documents
            self.hint(found)
        looked_at = f"{len(organizations)} organizations, {documents} documents"
        if left and not repair:
            raise CommandError(f"{looked_at}: {wrong} faults; --repair mends what it can.")
        if left:
            raise CommandError(f"{looked_at}: {wrong - left} faults mended, {left} are left.")
        outcome = f"{wrong} faults mended" if wrong else "all right"
        self.stdout.write(f"{looked_at}: {outcome}.")

    def hint(self, organization):
        """Say of documents that only their words find what to do; it is no fault."""
        try:
            with acting_for(organization, read_only=True):
                count = of_another_model().count()
        except EmbedderUnavailable:
            return
        if count:
            self.stdout.write(
                f"{organization.slug}: {count} documents have vectors of another embedding model:"
                " only their words find them until `manage.py reembed` has given them new ones."
            )

    def report(self, slug, fault, *, repair):
        """Say what is wrong, and mend it where that is asked for and possible; return whether it
        was."""
        mend = fault.mend if repair else None
        said = " (mended)" if mend else f". {fault.advice}" if fault.advice else ""
        if mend:
            mend()
        self.stdout.write(f"{slug}: {fault}{said}")
        return bool(mend)

import time

from django.core.management.base import BaseCommand, CommandError

from knowledge.embedding import EmbedderUnavailable, embedder
from knowledge.ingestion.reembed import of_another_model
from knowledge.tasks import queue_reembedding
from tenants.context import acting_for
from tenants.models import Organization

QUEUED_AT_ONCE = 500  # documents in a transaction
SECONDS_BETWEEN_LOOKS = 5.0


class Command(BaseCommand):
    help = (
        "After another EMBEDDING_MODEL was chosen: queue new vectors for each document that has "
        "those of a model before. Until a document has them, searches find it by its words alone. "
        "What is uploaded goes first. It may be interrupted, and run again: what is done is done, "
        "and what is queued is not queued twice."
    )

    def add_arguments(self, parser):
        parser.add_argument("--organization", metavar="SLUG", help="only this organization")
        parser.add_argument("--dry-run", action="store_true", help="count, and queue nothing")
        parser.add_argument(
            "--wait", action="store_true", help="say how far it is until all is done"
        )

    def handle(self, *args, organization, dry_run, wait, **options):
        try:
            name = embedder().name
        except EmbedderUnavailable as error:
            raise CommandError(str(error)) from error
        organizations = Organization.objects.order_by("slug")
        if organization:
            organizations = organizations.filter(slug=organization)
            if not organizations:
                raise CommandError(f"There is no organization {organization}.")
        total = self.count(organizations)
        self.stdout.write(f"{total:,} documents have no vectors of {name}.")
        if dry_run:
            return
        queued = sum(map(self.queue, organizations))
        self.stdout.write(f"{queued:,} queued, {total - queued:,} were already.")
        while wait and total:
            left = self.count(organizations)
            self.stdout.write(f"{total - left:,} of {total:,} done.")
            if not left:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def count(self, organizations):
        total = 0
        for organization in organizations:
            with acting_for(organization):
                total += of_another_model().count()
        return total

    def queue(self, organization):
        """Queue an organization's documents, in small transactions; return how many."""
        with acting_for(organization):
            ids = list(of_another_model().order_by("pk").values_list("pk", flat=True))
        queued = 0
        for at in range(0, len(ids), QUEUED_AT_ONCE):
            with acting_for(organization):
                for pk in ids[at : at + QUEUED_AT_ONCE]:
                    queued += queue_reembedding(organization.pk, pk)
        return queued

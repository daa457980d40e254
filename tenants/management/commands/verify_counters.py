from django.core.management.base import BaseCommand, CommandError

from tenants.context import acting_for
from tenants.counters import COUNTERS, drift, recount_all
from tenants.models import Organization, OrganizationUsage


class Command(BaseCommand):
    help = (
        "Compare every counter (people, projects and bytes of an organization, members of a "
        "project, messages of a conversation) with what it counts. Ends with 1 when one is wrong "
        "and stays so."
    )

    def add_arguments(self, parser):
        parser.add_argument("--organization", metavar="SLUG", help="only this organization")
        parser.add_argument("--repair", action="store_true", help="set wrong counters right")

    def handle(self, *args, organization, repair, **options):
        organizations = Organization.all_objects.order_by("slug")
        if organization:
            organizations = organizations.filter(slug=organization)
            if not organizations:
                raise CommandError(f"There is no organization {organization}.")
        wrong = sum(self.verify(found, repair=repair) for found in organizations)
        if wrong and not repair:
            raise CommandError(f"{wrong} counters are wrong; --repair sets them right.")
        outcome = f"{wrong} set right" if wrong else "all right"
        self.stdout.write(
            f"{len(organizations)} organizations, {len(COUNTERS)} kinds of counters: {outcome}."
        )

    def verify(self, organization, *, repair):
        """Report an organization's wrong counters; return how many there are."""
        wrong = 0
        with acting_for(organization):
            if not OrganizationUsage.objects.exists():
                wrong += 1
                self.stdout.write(f"{organization.slug}: there is no row of what it uses")
                if repair:
                    OrganizationUsage.objects.create(organization=organization)
            for counter in COUNTERS:
                for pk, says, is_ in drift(counter, organization.pk):
                    wrong += 1
                    self.stdout.write(
                        f"{organization.slug}: {counter.holder} {pk} "
                        f"says {says} {counter.field}, there are {is_}"
                    )
            if repair and wrong:
                recount_all(organization.pk)
        return wrong

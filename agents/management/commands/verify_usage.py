from django.core.management.base import BaseCommand, CommandError

from agents.accounting import verification
from tenants.models import Organization


class Command(BaseCommand):
    help = (
        "Compare what budgets count with the records of usage and the calls that run. Ends with 1"
        " when something is wrong and stays so."
    )

    def add_arguments(self, parser):
        parser.add_argument("--organization", metavar="SLUG", help="only this organization")
        parser.add_argument("--repair", action="store_true", help="set wrong sums right")

    def handle(self, *args, organization, repair, **options):
        organizations = Organization.all_objects.order_by("slug")
        if organization:
            organizations = organizations.filter(slug=organization)
            if not organizations:
                raise CommandError(f"There is no organization {organization}.")
        wrong = sum(self.verify(found, mend=repair) for found in organizations)
        if wrong and not repair:
            raise CommandError(f"{wrong} sums are wrong; --repair sets them right.")
        outcome = f"{wrong} set right" if wrong else "all right"
        self.stdout.write(f"Budgets of {len(organizations)} organizations: {outcome}.")

    def verify(self, organization, *, mend):
        """Report an organization's wrong sums; return how many there are."""
        wrong = 0
        for drift in verification.drifts(organization.pk, mend=mend):
            wrong += 1
            self.stdout.write(f"{organization.slug}: {drift}")
        return wrong

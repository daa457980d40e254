from django.core.management.commands import shell

from tenants.context import acting_for
from tenants.management.options import add_organization, organization_named


class Command(shell.Command):
    help = (
        "A Python shell. With --organization it acts for that organization, in one transaction "
        "that is committed when the shell ends without an error."
    )

    def add_arguments(self, parser):
        super().add_arguments(parser)
        add_organization(parser)

    def handle(self, **options):
        if slug := options["organization"]:
            with acting_for(organization_named(slug)):
                super().handle(**options)
        else:
            self.stderr.write(
                "Tables of organizations need --organization SLUG.", self.style.WARNING
            )
            super().handle(**options)

from django.core.management.base import BaseCommand, CommandError

from tenants.audit.verification import chains, verify
from tenants.models import Organization
from tenants.models.role import PLATFORM_SCOPE

PLATFORM = "platform"


class Command(BaseCommand):
    help = (
        "Follow the hash chain of every organization's audit trail, and the platform's own, and "
        "report each entry that was altered, removed or moved. Fails when there is one."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--organization", metavar="SLUG", help=f"only this one; {PLATFORM} is the platform's"
        )
        parser.add_argument(
            "--known",
            metavar="SLUG:POSITION:DIGEST",
            action="append",
            default=[],
            help="the head of a chain as an earlier run printed it: nothing up to there may differ",
        )

    def handle(self, *args, organization, known, **options):
        names = dict(Organization.all_objects.values_list("pk", "slug"))
        names[PLATFORM_SCOPE] = PLATFORM
        kept = chains()
        names = {pk: str(pk) for pk in kept} | names  # one that was purged keeps its trail
        heads = _heads(known)
        for name in sorted({*heads, organization or PLATFORM} - set(names.values())):
            raise CommandError(
                f"There is no organization {name}. One that was purged is named by its id."
            )
        wanted = {pk for pk in names if names[pk] in heads} | set(kept)
        if organization:
            wanted = {pk for pk in names if names[pk] == organization}
        faults = 0
        for pk in sorted(wanted):
            faults += self.report(names[pk], verify(pk, heads.get(names[pk])))
        if faults:
            raise CommandError(f"{faults} faults: the audit trail is not what was written.")

    def report(self, name, found):
        for fault in found.faults:
            self.stdout.write(f"{name}: {fault}")
        tail = f", {found.unsealed} not sealed yet" if found.unsealed else ""
        head = f"; head {name}:{found.sealed}:{found.head}" if found.sealed else ""
        self.stdout.write(f"{name}: {found.sealed} entries sealed{tail}{head}")
        return len(found.faults)


def _heads(known):
    """{slug: {position: digest}}, or CommandError for what is no head."""
    heads: dict[str, dict[int, str]] = {}
    for text in known:
        name, _, rest = text.partition(":")
        position, _, digest = rest.partition(":")
        if not (position.isdigit() and len(digest) == 64):
            raise CommandError(f"{text} is not SLUG:POSITION:DIGEST as this command prints it.")
        heads.setdefault(name, {})[int(position)] = digest
    return heads

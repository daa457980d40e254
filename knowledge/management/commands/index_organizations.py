import time

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from knowledge.indexing import INDEXED_FROM, KEPT_FROM, MEMORY_MB, Step, alone, carry_out, plan
from tenants.management.options import organization_named

DONE = {"build": "built", "repair": "built anew", "drop": "dropped"}


class Command(BaseCommand):
    help = (
        "Give each organization with many passages an index over their vectors, so that its "
        "searches stay fast, and drop what is no longer wanted. What is missing is built, what an "
        "interrupted run left is built anew. People work meanwhile; a second run at the same time "
        "does nothing. It may be killed at any moment: the next run goes on. For cron, every few "
        "minutes: with nothing to do it takes a moment."
    )

    def add_arguments(self, parser):
        parser.add_argument("--organization", metavar="SLUG", help="only this organization")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and do nothing"
        )
        parser.add_argument(
            "--at-least",
            metavar="N",
            type=int,
            default=INDEXED_FROM,
            help="an index is for organizations with so many passages; it stays until there are "
            f"fewer than {KEPT_FROM:.0%} of that (default: %(default)s)",
        )
        parser.add_argument(
            "--memory",
            metavar="MB",
            type=int,
            default=MEMORY_MB,
            help="for a build; one that needs more goes on, slowly (default: %(default)s)",
        )

    def handle(self, *args, organization, dry_run, at_least, memory, **options):
        if at_least < 1:
            raise CommandError("--at-least takes a number of passages, 1 or more.")
        if not 1 <= memory <= 2_000_000:
            raise CommandError("--memory takes megabytes, from 1 to 2,000,000.")
        organization_id = organization_named(organization) if organization else None
        with alone() as is_alone:
            if not is_alone:
                if options["verbosity"]:
                    self.stdout.write("Another run is at work; this one leaves everything to it.")
                return
            steps = plan(at_least=at_least, organization_id=organization_id)
            if dry_run:
                for step in steps:
                    self.stdout.write(f"{described(step)} would be {DONE[step.verb]}")
                self.stdout.write(f"{summary(steps)} would be done.")
                return
            failed = [step for step in steps if not self.carry_out(step, memory)]
        if steps or options["verbosity"]:
            self.stdout.write(f"{summary([step for step in steps if step not in failed])} done.")
        if failed:
            raise CommandError(f"{summary(failed)} not done; the next run tries again.")

    def carry_out(self, step: Step, memory: int) -> bool:
        """Do one step and say so; return whether it succeeded."""

        def progress(phase, done, total):
            share = f", {done / total:.0%} of the table" if total else ""
            seconds = time.monotonic() - began
            self.stdout.write(f"{step.organization}: {phase}{share}, {seconds:.0f} s so far …")

        began = time.monotonic()
        try:
            size = carry_out(step, memory_mb=memory, progress=progress)
        except Error as error:
            reason = str(error).partition("\n")[0]
            self.stderr.write(f"{described(step)} could not be {DONE[step.verb]}: {reason}")
            return False
        beside = f" ({size / 1e6:.0f} MB)" if size else ""
        seconds = time.monotonic() - began
        self.stdout.write(f"{described(step)} {DONE[step.verb]} in {seconds:.1f} s{beside}")
        return True


def described(step: Step) -> str:
    return f"{step.organization}: the index of {step.chunks:,} passages"


def summary(steps: list[Step]) -> str:
    counts = {verb: sum(step.verb == verb for step in steps) for verb in DONE}
    parts = [f"{count} {DONE[verb]}" for verb, count in counts.items() if count]
    return ", ".join(parts) or "Nothing"

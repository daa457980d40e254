"""Run all of Chancery on this machine: the database, the web server, the workers."""

from contextlib import ExitStack
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.home import InstallationError, held, make_home
from common.supervisor import Stopped, Supervisor
from common.supervisor.output import Terminal
from common.up.installation import Installation


class Command(BaseCommand):
    help = (
        "Runs all of Chancery: PostgreSQL (unless DATABASE_URL names one), the web server on HOST "
        "and PORT, and two workers. What dies is started again. Ctrl-C ends everything."
    )
    requires_system_checks = ()

    def handle(self, **_: Any) -> None:
        terminal = Terminal()
        try:
            home = make_home()
            with (
                held(
                    home / "up.lock",
                    f"Chancery runs already in {home}: end that, or set another CHANCERY_HOME.",
                ),
                Supervisor(terminal) as supervisor,
                supervisor.stopped_by_signals(),
                ExitStack() as stack,
            ):
                Installation(home, supervisor, terminal).run(stack)
        except Stopped:
            terminal.say("Stopped.")
        except InstallationError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"Chancery cannot run: {error}.") from error

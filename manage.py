#!/usr/bin/env python
"""Chancery's command line. `manage.py help` lists the commands."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    # The folder `platform` is no package: the standard library has a module of that name.
    sys.path.insert(1, str(ROOT / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    choose_login()
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("This Python has no Django: run `make install`, then .venv/bin/python manage.py.")
    from common.home import InstallationError

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, InstallationError) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"Error: {error}")


def choose_login() -> None:
    """Some commands connect as the database's owner, all others as the application.

    What the environment says does not count.
    """
    from common.logins import connects_as_owner

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    os.environ["CHANCERY_PROGRAM"] = "worker" if command == "procrastinate" else command
    os.environ["CHANCERY_LOGIN"] = "owner" if connects_as_owner(command) else "app"


if __name__ == "__main__":
    main()

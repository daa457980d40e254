"""The web process with two connections, whose requests go wrong in the middle when told to.

DATABASE_URL=… DATABASE_POOL_SIZE=2 python platform/config/tests/faulty_server.py PORT

The header X-Fault says how. Each answer carries X-Left: the organization that the connection was
left with by whoever had it before, which must be nobody.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

FAULTS = {
    "broken": "UPDATE tenants_user SET email = 'Not in lower case'",
    "late": "SET LOCAL statement_timeout = '5ms'; SELECT pg_sleep(5)",
    "killed": "SELECT pg_terminate_backend(pg_backend_pid())",
    "slow": "SELECT pg_sleep(0.05)",
}
RAISED, ROLLED_BACK = "raised", "rolled back"  # after the view


def ask(sql):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else None


def look_what_was_left(get_response):
    """First of all: who gets a connection finds it as if nobody had had it."""

    def middleware(request):
        left = ask("SELECT coalesce(current_setting('app.organization_id', true), '')")[0]
        response = get_response(request)
        response["X-Left"] = left
        return response

    return middleware


def go_wrong(get_response):
    """Last of all: inside of the transaction that acts for the organization."""
    from django.db import transaction

    def middleware(request):
        fault = request.headers.get("X-Fault")
        if fault in FAULTS:
            ask(FAULTS[fault])
        response = get_response(request)
        if fault == RAISED:
            raise ZeroDivisionError
        if fault == ROLLED_BACK:
            transaction.set_rollback(True)
        return response

    return middleware


def main(port):
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    from django.conf import settings

    here = "config.tests.faulty_server"
    settings.MIDDLEWARE = [
        f"{here}.look_what_was_left",
        *settings.MIDDLEWARE,
        f"{here}.go_wrong",
    ]
    quiet = {"level": "CRITICAL"}
    settings.LOGGING["loggers"] = dict.fromkeys(["django.request", "psycopg.pool"], quiet)
    import uvicorn

    from config.asgi import application

    uvicorn.run(application, port=port, lifespan="off", log_level="critical", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""What machines ask: is this process alive, and can it serve?"""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from procrastinate.contrib.django.models import ProcrastinateWorker

WORKER_SILENT_AFTER = timedelta(seconds=60)

logger = logging.getLogger(__name__)


class NotReady(Exception):
    """A check failed; the text says what is missing."""


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers at all."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, its migrations are applied and a worker lives; else 503."""
    results = {name: _result(check) for name, check in _CHECKS.items()}
    is_ready = all(result == "ok" for result in results.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "not ready", "checks": results},
        status=200 if is_ready else 503,
    )


def _result(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as error:
        return str(error)
    except DatabaseError as error:
        logger.warning("The database does not answer: %s", error)
        return "the database does not answer"  # and no more: anybody may ask here
    return "ok"


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@cache
def _check_migrations() -> None:
    """Ask until all are applied: that stays so as long as this code runs."""
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise NotReady(f"{len(waiting)} migrations are not applied")


def _check_workers() -> None:
    since = timezone.now() - WORKER_SILENT_AFTER
    if not ProcrastinateWorker.objects.filter(last_heartbeat__gte=since).exists():
        raise NotReady(f"no worker has been heard of for {WORKER_SILENT_AFTER.seconds} seconds")


_CHECKS: dict[str, Callable[[], None]] = {
    "database": _check_database,
    "migrations": _check_migrations,
    "workers": _check_workers,
}

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from procrastinate.contrib.django.models import ProcrastinateWorker

from common import health


@pytest.fixture
def heartbeat(db):
    """A worker that was heard of some seconds ago."""

    def beat(seconds):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s)",
                [timedelta(seconds=seconds)],
            )

    return beat


def test_a_process_that_answers_is_alive(client):
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-cache" in answer["Cache-Control"]


def test_with_a_worker_the_installation_is_ready(client, heartbeat):
    heartbeat(5)
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "workers": "ok"},
    }


def test_without_a_worker_it_is_not(client, heartbeat):
    heartbeat(61)
    assert ProcrastinateWorker.objects.count() == 1
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "workers": "no worker has been heard of for 60 seconds",
    }


def test_without_a_database_it_is_not_and_does_not_tell_why(client, monkeypatch):
    def refuse():
        raise OperationalError("connection to 10.0.0.7 refused")

    monkeypatch.setattr(health, "_CHECKS", {"database": refuse})
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "the database does not answer"}


def test_migrations_that_are_waiting_are_counted(db, monkeypatch):
    from django.db.migrations.executor import MigrationExecutor

    health._check_migrations.cache_clear()
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: [1, 2])
    with pytest.raises(health.NotReady, match="2 migrations"):
        health._check_migrations()
    health._check_migrations.cache_clear()

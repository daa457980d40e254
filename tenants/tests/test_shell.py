import os
import subprocess

import pytest
from django.core.management import CommandError, call_command

from tenants.context import NoOrganization, acting_for, current_organization_id
from tenants.models import Project

NAMES = "from tenants.models import User; print(*User.objects.values_list('username', flat=True))"


@pytest.fixture
def path_without_psql(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_the_shell_acts_for_the_organization_named(acme, capsys):
    call_command("shell", command=NAMES, organization="acme", verbosity=0)
    assert capsys.readouterr().out.split() == [
        "acme-manager",
        "acme-member",
        "acme-owner",
        "acme-viewer",
    ]
    assert current_organization_id() is None


def test_what_the_shell_writes_stays(acme):
    write = "from tenants.models import Project; Project.objects.create(name='Rocket')"
    call_command("shell", command=write, organization="acme", verbosity=0)
    with acting_for(acme):
        assert Project.objects.filter(name="Rocket").exists()


def test_what_a_failing_shell_wrote_does_not_stay(acme):
    write = "from tenants.models import Project; Project.objects.create(name='Rocket'); 1 / 0"
    with pytest.raises(ZeroDivisionError):
        call_command("shell", command=write, organization="acme", verbosity=0)
    with acting_for(acme):
        assert not Project.objects.filter(name="Rocket").exists()


def test_without_an_organization_the_shell_says_what_it_needs(db, capsys):
    call_command("shell", command="print(1 + 1)", verbosity=0)
    said = capsys.readouterr()
    assert said.out == "2\n"
    assert said.err.count("\n") == 1
    assert "--organization SLUG" in said.err
    with pytest.raises(NoOrganization):
        call_command("shell", command=NAMES, verbosity=0)


@pytest.mark.parametrize("command", ["shell", "dbshell"])
def test_an_unknown_organization_is_an_error(db, command):
    with pytest.raises(CommandError, match="no organization nowhere"):
        call_command(command, organization="nowhere")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("slug", "people"), [("acme", "4"), ("globex", "4"), (None, "0")])
def test_psql_sees_the_rows_of_the_organization_named(slug, people, capfd):
    count = "SELECT count(*), count(DISTINCT organization_id) FROM tenants_user"
    call_command("dbshell", "--", "-Atc", count, organization=slug)
    assert capfd.readouterr().out.strip() == f"{people}|{'1' if slug else '0'}"


@pytest.mark.django_db(transaction=True)
def test_the_embedded_psql_is_found_where_there_is_no_other(path_without_psql, capfd):
    call_command("dbshell", "--", "-Atc", "SELECT 41 + 1", organization="acme")
    assert capfd.readouterr().out.strip() == "42"


def test_psql_leaves_the_environment_as_it_was(acme, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=1min")
    before = dict(os.environ)
    call_command("dbshell", "--", "-Atc", "SELECT 1", organization="acme")
    assert dict(os.environ) == before


def test_the_options_given_to_psql_stand_beside_the_organization(acme, monkeypatch, capfd):
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=4567")
    call_command("dbshell", "--", "-Atc", "SHOW statement_timeout", organization="acme")
    assert capfd.readouterr().out.strip() == "4567ms"


def test_psqls_failure_is_an_error(acme):
    with pytest.raises(CommandError) as refusal:
        call_command("dbshell", "--", "-c", "SELECT nonsense", organization="acme")
    assert isinstance(refusal.value.__context__, subprocess.CalledProcessError)

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.home import ROOT, InstallationError, held, home_directory, make_home, secret
from common.tests.support import environment, run_python

ASK = "from common.home import secret; print(secret('SECRET_KEY'), secret('FIELD_KEYS'))"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CHANCERY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_home_is_var_in_the_checkout_unless_named(monkeypatch, tmp_path):
    monkeypatch.delenv("CHANCERY_HOME", raising=False)
    assert home_directory() == ROOT / "var"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHANCERY_HOME", "here")
    assert home_directory() == tmp_path / "here"


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(home):
    first = secret("SECRET_KEY")
    assert len(first) >= 50
    assert secret("SECRET_KEY") == first
    assert len(base64.urlsafe_b64decode(secret("FIELD_KEYS"))) == 32
    assert (home / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o066 == 0


def test_a_secret_that_an_older_version_did_not_know_is_added_to_the_others(home):
    make_home()
    (home / "secrets.json").write_text(json.dumps({"SECRET_KEY": "kept"}))
    assert secret("FIELD_KEYS")
    assert secret("SECRET_KEY") == "kept"


def test_processes_that_ask_at_the_same_time_get_the_same_secrets(home):
    asking = [run_python(home, ASK) for _ in range(6)]
    answers = {process.communicate()[0] for process in asking}
    assert len(answers) == 1
    assert list(home.iterdir()) == [home / "secrets.json"]


def test_damaged_secrets_are_not_replaced(home):
    make_home()
    for text in ("{", "[1]", '"text"'):
        (home / "secrets.json").write_text(text)
        with pytest.raises(InstallationError, match="is damaged"):
            secret("SECRET_KEY")
        assert (home / "secrets.json").read_text() == text


def test_a_home_that_cannot_be_made_is_explained_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    finished = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "check"],
        env=environment(tmp_path / "file" / "home"),
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 1
    assert finished.stderr == (
        f"Error: Chancery cannot make the directory {tmp_path}/file/home "
        "(CHANCERY_HOME names another): Not a directory.\n"
    )


def test_a_lock_is_held_by_one_process_and_ends_with_it(tmp_path):
    file = tmp_path / "lock"
    hold = "import sys; from pathlib import Path; from common.home import held\n"
    hold += "with held(Path(sys.argv[1]), ''): print('held', flush=True); sys.stdin.read()"
    with run_python(tmp_path, hold, file, stdin=subprocess.PIPE) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InstallationError, match="taken"), held(file, "taken"):
            pass
        other.kill()
        other.wait()
        with held(Path(file), "taken"):
            pass

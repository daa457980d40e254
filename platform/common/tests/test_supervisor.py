"""The supervisor with real children: what dies lives again, and nothing outlives it."""

import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import pytest

from common.supervisor import Failed, Process, Supervisor
from common.supervisor.output import Terminal
from common.supervisor.supervisor import last_words
from common.tests.support import process_named, processes_of, run_python, temporary_home, until

# A child that heeds no SIGTERM, with a child of its own.
STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "1000"])
print("ready", flush=True)
signal.pause()
"""

# A supervisor in a process of its own: `run_python(home, SUPERVISE, *command)`.
SUPERVISE = """
import os, signal, sys
from pathlib import Path
from common.supervisor import Process, Stopped, Supervisor
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever the tests were started under
log = Path(os.environ["CHANCERY_HOME"]) / "child.log"
stop = ((signal.SIGTERM, 0.5), (signal.SIGKILL, 5.0))
try:
    with Supervisor() as supervisor, supervisor.stopped_by_signals():
        supervisor.start(Process("child", sys.argv[1:], log=log, stop=stop))
        supervisor.supervise()
except Stopped:
    print("stopped")
"""


@pytest.fixture
def home():
    with temporary_home() as home:
        yield home


@pytest.fixture
def supervisor():
    with Supervisor(Terminal(None)) as supervisor:
        yield supervisor


def python(script, *arguments):
    return [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]


def test_what_dies_is_started_again_ever_later(supervisor, tmp_path):
    child = supervisor.start(Process("brief", ["true"], log=tmp_path / "log"))
    began = time.monotonic()
    supervisor.wait_until(lambda: child.deaths == 3, 30)
    assert child.deaths == 3
    assert time.monotonic() - began >= 0.5 + 1.0
    assert 1.5 < child.restart_at - time.monotonic() <= 2.0


def test_a_healthy_life_makes_earlier_deaths_forgotten(supervisor, monkeypatch):
    monkeypatch.setattr("common.supervisor.process.HEALTHY_LIFE", 0.2)
    child = supervisor.start(Process("brief", ["sleep", "0.3"]))
    child.deaths = 5
    supervisor.wait_until(lambda: not child.is_alive, 30)
    assert child.deaths == 1


@pytest.mark.parametrize(("program", "is_said"), [("true", False), ("false", True)])
def test_what_does_its_work_and_ends_is_started_again_after_its_period(
    supervisor, monkeypatch, program, is_said
):
    said = []
    monkeypatch.setattr(supervisor.terminal, "say_for", lambda *line: said.append(line))
    child = supervisor.start(Process("brief", [program], period=0.2))
    began = time.monotonic()
    supervisor.wait_until(lambda: child.deaths == 4, 30)
    assert child.deaths == 4
    assert time.monotonic() - began >= 3 * 0.2
    assert bool(said) == is_said


def test_a_program_that_does_not_exist_is_retried_and_says_so(supervisor, tmp_path):
    child = supervisor.start(Process("none", ["/no/such/program"], log=tmp_path / "log"))
    supervisor.wait_until(lambda: child.deaths == 1, 30)
    assert (
        tmp_path / "log"
    ).read_text() == "/no/such/program does not start: No such file or directory.\n"


def test_running_once_waits_for_the_end_and_raises_what_failed(supervisor):
    supervisor.run(Process("good", ["true"]))
    with pytest.raises(Failed) as failure:
        supervisor.run(Process("bad", ["sh", "-c", "echo the reason; exit 3"]))
    assert failure.value.reason == "the reason"
    assert str(failure.value) == "bad ended with status 3"


def test_the_last_words_are_no_hint():
    said = [
        "Traceback",
        "  File",
        "ProgrammingError: no such table",
        "LINE 1: SELECT",
        "      ^",
        "",
    ]
    assert last_words(said) == "ProgrammingError: no such table"
    assert last_words([]) == ""


def test_stopping_takes_a_stubborn_child_and_what_it_started(tmp_path):
    stop = ((signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0))
    with Supervisor(Terminal(None)) as supervisor:
        child = supervisor.start(
            Process("stubborn", python(STUBBORN), log=tmp_path / "log", stop=stop)
        )
        supervisor.wait_until(lambda: child.log.last_lines, 30)
        group = child.popen.pid
    until(lambda: not members(group))


def test_what_a_dead_child_left_behind_goes_before_it_is_started_again(supervisor, tmp_path):
    child = supervisor.start(Process("stubborn", python(STUBBORN), log=tmp_path / "log"))
    supervisor.wait_until(lambda: child.log.last_lines, 30)
    group = child.popen.pid
    os.kill(group, signal.SIGKILL)
    supervisor.wait_until(lambda: not child.is_alive, 30)
    until(lambda: not members(group))


def members(group):
    """Return the living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(its_group) == group and state != "Z":
                found.append(int(entry.name))
    return found


def test_those_the_others_need_are_stopped_last(tmp_path):
    note = tmp_path / "note"
    script = """
        import pathlib, signal, sys
        def end(*_):
            with pathlib.Path(sys.argv[1]).open("a") as note: note.write(sys.argv[2])
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("ready", flush=True)
        while True: signal.pause()
    """
    with Supervisor(Terminal(None)) as supervisor:
        last = Process("last", python(script, note, "last"), log=tmp_path / "last", stops_last=True)
        first = Process("first", python(script, note, "first "), log=tmp_path / "first")
        children = [supervisor.start(last), supervisor.start(first)]
        supervisor.wait_until(lambda: all(child.log.last_lines for child in children), 30)
    assert note.read_text() == "first last"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_order(home, number):
    with run_python(home, SUPERVISE, *python(STUBBORN)) as supervisor:
        assert supervisor.stdout.readline().endswith("ready\n")
        supervisor.send_signal(number)
        assert supervisor.stdout.read() == "stopped\n"
    assert supervisor.returncode == 0
    until(lambda: not processes_of(home))


def test_a_killed_supervisor_leaves_no_child_and_no_grandchild(home):
    with run_python(home, SUPERVISE, *python(STUBBORN)) as supervisor:
        assert supervisor.stdout.readline().endswith("ready\n")
        assert len(processes_of(home)) == 4  # itself, the watchdog, the child and what that started
        supervisor.kill()
    until(lambda: not processes_of(home))


def test_it_dies_with_its_parent(home):
    parent = """
    import subprocess, sys
    child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]])
    child.wait()
    """
    with run_python(home, textwrap.dedent(parent), SUPERVISE, *python(STUBBORN)) as parent:
        assert parent.stdout.readline().endswith("ready\n")
        parent.kill()
        until(lambda: not processes_of(home))


def test_under_nohup_it_outlives_its_parent(home):
    parent = """
        import os, subprocess, sys
        subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
    """
    supervise = """
        import os, signal, sys
        from common.supervisor import Process, Supervisor
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with Supervisor() as supervisor, supervisor.stopped_by_signals():
            supervisor.start(Process("child", ["sleep", "1000"]))
            supervisor.wait_until(lambda: os.getppid() != int(sys.argv[1]))
            supervisor.wait_until(lambda: False, 1.0)
            print("still here", flush=True)
    """
    with run_python(home, textwrap.dedent(parent), textwrap.dedent(supervise)) as parent:
        assert parent.stdout.readline() == "still here\n"
    until(lambda: not processes_of(home))


def test_a_killed_watchdog_is_replaced(home):
    with run_python(home, SUPERVISE, *python(STUBBORN)) as supervisor:
        assert supervisor.stdout.readline().endswith("ready\n")

        first = until(lambda: process_named(home, "watchdog"))
        os.kill(first, signal.SIGKILL)
        until(lambda: process_named(home, "watchdog") not in (None, first))
        supervisor.kill()
    until(lambda: not processes_of(home))


CHATTER = """
import os, sys
while True:
    os.write(1, b"x" * 99 + b"\\n")
"""


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "never read"])
def test_output_that_nobody_reads_does_not_hold_it_up(home, closed):
    with run_python(home, SUPERVISE, *python(CHATTER)) as supervisor:
        assert supervisor.stdout.readline() == "           child | " + "x" * 99 + "\n"
        if closed:
            supervisor.stdout.close()
        log = home / "child.log"
        # Far more than a pipe holds reaches the log.
        until(lambda: log.stat().st_size > 1_000_000)
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(timeout=30)
    until(lambda: not processes_of(home))


def test_a_child_runs_at_its_own_priority(supervisor):
    child = supervisor.start(Process("nice", ["sleep", "1000"], nice=7))
    until(lambda: os.getpriority(os.PRIO_PROCESS, child.popen.pid) == 7)


def test_a_long_log_is_set_aside(tmp_path, monkeypatch):
    monkeypatch.setattr("common.supervisor.output.LOG_LIMIT", 5)
    (tmp_path / "log").write_text("long ago")
    with Supervisor(Terminal(None)) as supervisor:
        supervisor.run(Process("brief", ["echo", "now"], log=tmp_path / "log"))
    assert (tmp_path / "log.1").read_text() == "long ago"
    assert (tmp_path / "log").read_text() == "now\n"

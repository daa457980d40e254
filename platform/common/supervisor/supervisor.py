"""The supervisor: one thread, one loop, which runs whenever its owner waits for something."""

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from common.home import InstallationError
from common.supervisor.guard import Guard
from common.supervisor.output import Terminal
from common.supervisor.process import Child, Process

TICK = 0.5  # seconds between two looks at what sends no signal
FOREVER = float("inf")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """The user, or the end of the process that started this one, asked for the end."""


class Failed(Exception):
    """A process ended before it did what was waited for."""

    def __init__(self, child: Child) -> None:
        super().__init__(f"{child.process.name} ended with {describe_status(child.status)}")
        self.reason = last_words(child.log.last_lines) or describe_status(child.status)


class Supervisor:
    """Runs processes and restarts those that die. Leaving it as a context ends them all.

    It belongs in the main thread: Linux takes the death of the thread that started a child for the
    death of its parent.
    """

    def __init__(self, terminal: Terminal | None = None) -> None:
        self.terminal = terminal or Terminal()
        self._children: list[Child] = []
        self._guard = Guard()
        self._selector = selectors.DefaultSelector()
        self._stop_requests = 0
        self._last_request = 0.0
        self._parent: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._guard.close()
            self._selector.close()

    @contextlib.contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Inside, Ctrl-C, SIGTERM, SIGHUP and the parent's death make waiting raise Stopped."""
        # Under nohup the user wants it to outlive the terminal and the shell that started it.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            self._parent = os.getppid()
        awake, wakeup = socket.socketpair()
        awake.setblocking(False)
        wakeup.setblocking(False)
        self._selector.register(awake, selectors.EVENT_READ)
        before = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGCHLD)}
        for number, handler in before.items():
            if number == signal.SIGCHLD:
                signal.signal(number, lambda *_: None)
            elif number != signal.SIGHUP or handler != signal.SIG_IGN:
                # A shell starts its background jobs with SIGINT ignored; who sends one means it.
                signal.signal(number, self._request_stop)
        previous = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            self.stop()  # while a second Ctrl-C still means haste
            signal.set_wakeup_fd(previous)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.unregister(awake)
            awake.close()
            wakeup.close()

    def start(self, process: Process) -> Child:
        """Start it, and start it again whenever it ends, until the supervisor is stopped."""
        return self._add(Child(process, restarts=True))

    def run(self, process: Process) -> None:
        """Run it once, to its end. Raise Failed when that is no success."""
        child = self._add(Child(process, restarts=False))
        try:
            self.wait_until(lambda: not child.is_alive)
        finally:
            self._stop_all([child])
            self._children.remove(child)
        if child.status:
            raise Failed(child)

    def wait_until(
        self,
        condition: Callable[[], bool],
        seconds: float = FOREVER,
        every: float = 0.05,
    ) -> bool:
        """Supervise until the condition holds. Return False when time is up first."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= deadline:
                return False
            self._work(every)
            self._raise_when_stopped()
        return True

    def supervise(self) -> None:
        """Supervise until stopped."""
        while True:
            self._work(TICK)
            self._raise_when_stopped()

    def stop(self) -> None:
        """End every process, those that the others need last."""
        self._stop_all([child for child in self._children if not child.process.stops_last])
        self._stop_all([child for child in self._children if child.process.stops_last])
        self._children.clear()

    def _request_stop(self, *_: object) -> None:
        # One may arrive twice, from the terminal and from make: only a later one means haste.
        now = time.monotonic()
        if now - self._last_request > 1.0:
            self._stop_requests += 1
            self._last_request = now

    def _raise_when_stopped(self) -> None:
        if self._stop_requests or (self._parent is not None and os.getppid() != self._parent):
            raise Stopped

    def _work(self, seconds: float) -> None:
        """Wait at most so long for something to happen, and deal with what did."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Child):
                self._relay(key.data)
            else:
                with contextlib.suppress(BlockingIOError):
                    key.fileobj.recv(4096)  # type: ignore[union-attr]
        for child in self._children:
            if child.has_ended():
                self._bury(child)
            elif child.restarts and not child.is_alive and time.monotonic() >= child.restart_at:
                self._restart(child)
        self._guard.check()

    def _add(self, child: Child) -> Child:
        self._children.append(child)
        try:
            self._start(child)
        except BaseException:
            self._stop_all([child])
            self._children.remove(child)
            raise
        return child

    def _start(self, child: Child) -> None:
        popen = child.start()
        self._guard.watch(popen.pid, child.process.death_signal)
        if popen.stdout:
            self._selector.register(popen.stdout, selectors.EVENT_READ, child)

    def _restart(self, child: Child) -> None:
        try:
            self._start(child)
        except (OSError, InstallationError) as error:
            child.postpone()
            self.terminal.say_for(child.process.name, f"cannot be started yet: {error}")

    def _relay(self, child: Child) -> None:
        """Pass on what a child said."""
        data = child.read()
        for line in child.log.take(data):
            self.terminal.say_for(child.process.name, line)
        if not data:
            self._unregister(child)  # it closed its output

    def _bury(self, child: Child) -> None:
        self._relay(child)
        self._unregister(child)
        self._guard.forget(child.bury())
        if child.restarts and not child.did_its_work:
            delay = child.restart_at - time.monotonic()
            ending = describe_status(child.status)
            hint = f" (see {child.process.log})" if child.process.keeps_own_log else ""
            self.terminal.say_for(
                child.process.name, f"ended with {ending}{hint}; it starts again in {delay:.1f} s"
            )

    def _unregister(self, child: Child) -> None:
        if child.popen and child.popen.stdout:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.popen.stdout)

    def _stop_all(self, children: list[Child]) -> None:
        """Send each its signals in turn until it has ended. Another Ctrl-C cuts the wait short."""
        steps = {child: list(child.process.stop) for child in children}
        due = dict.fromkeys(children, 0.0)
        requests = self._stop_requests
        for child in children:
            child.restarts = False
        while living := [child for child in children if child.is_alive and due[child] < FOREVER]:
            if self._stop_requests > requests:
                requests = self._stop_requests
                due = dict.fromkeys(children, 0.0)
            for child in living:
                if time.monotonic() >= due[child]:
                    # One that outlives SIGKILL hangs in the kernel: nothing more can be done.
                    number, patience = steps[child].pop(0) if steps[child] else (0, FOREVER)
                    child.signal(number)
                    due[child] = time.monotonic() + patience
            self._work(0.05)


def last_words(lines: Iterable[str]) -> str:
    """Return the last line that is no addition to one before, as PostgreSQL's hints are."""
    additions = (" ", "\t", "LINE ", "DETAIL:", "HINT:", "CONTEXT:")
    return ([line for line in lines if line and not line.startswith(additions)] or [""])[-1]


def describe_status(status: int | None) -> str:
    if status is not None and status < 0:
        return f"signal {signal.strsignal(-status) or -status}"
    return f"status {status}"

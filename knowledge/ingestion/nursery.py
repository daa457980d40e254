"""The process from which reading children are forked.

    python -m knowledge.ingestion.nursery FD MODULE:FUNCTION

It has imported what reads files, opens none itself and knows no secret, so that a child is ready in
milliseconds, where a new interpreter would take a tenth of a second of a processor. FD is a socket:
whoever holds its other end sends a byte for each child, with five descriptors (a connection, and
the child's standard input, output and error and what it tells its progress by). Each child runs the
function. On the connection comes one line of JSON when it has ended; closing it ends the child and
whatever it started. When FD is closed, all end.
"""

import ctypes
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pkgutil import resolve_name

from knowledge.ingestion.child import PROGRESS_DESCRIPTOR

PRELOADED = ("knowledge.ingestion.read", "selectolax.lexbor", "pypdfium2", "python_calamine")
_DESCRIPTORS = 5
_PR_SET_PDEATHSIG = 1  # prctl(2): the signal this process gets when its parent dies
_WAKING = 4096  # bytes; one for each signal, of which some may have come meanwhile


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    run = resolve_name(sys.argv[2])
    for module in PRELOADED:
        resolve_name(module)
    _Nursery(control, run).serve()


class _Nursery:
    def __init__(self, control: socket.socket, run: Callable[[], None]):
        self._control, self._run = control, run
        self._children: dict[int, tuple[int, socket.socket]] = {}  # by the connection's descriptor
        self._poll = select.poll()
        self._woken, waking = os.pipe()
        for descriptor in (self._woken, waking):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll.register(self._woken, select.POLLIN)
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._woken:
                    os.read(descriptor, _WAKING)
                    self._tell_of_the_ended()
                elif descriptor in self._children:
                    self._end(descriptor)
                elif not self._take():
                    for connection in list(self._children):
                        self._end(connection)
                    return

    def _take(self) -> bool:
        """Fork a child for the next byte; False when no more will come."""
        said, descriptors, _, _ = socket.recv_fds(self._control, 1, _DESCRIPTORS)
        if not said:
            return False
        connection, *given = descriptors
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_a_child(given, parent)
        for descriptor in given:
            os.close(descriptor)
        self._children[connection] = pid, socket.socket(fileno=connection)
        self._poll.register(connection, select.POLLIN)
        return True

    def _become_a_child(self, given: list[int], parent: int) -> None:
        """Run what a child runs, and never return."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            _die_with(parent)
            for wanted, descriptor in enumerate(given):
                os.dup2(descriptor, wanted)
            os.closerange(PROGRESS_DESCRIPTOR + 1, max(os.sysconf("SC_OPEN_MAX"), 1024))
            self._run()
            sys.stdout.flush()
            status = 0
        except BaseException:  # noqa: BLE001 (nothing of a child goes on in its parent's place)
            traceback.print_exc()
        finally:
            with suppress(BaseException):
                sys.stderr.flush()
            os._exit(status)

    def _tell_of_the_ended(self) -> None:
        for descriptor, (pid, connection) in list(self._children.items()):
            if not pid:
                continue
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                _end_group(pid)
                self._children[descriptor] = 0, connection
                told = {
                    "status": os.waitstatus_to_exitcode(status),
                    "cpu_seconds": usage.ru_utime + usage.ru_stime,
                    "peak_kilobytes": usage.ru_maxrss,
                }
                with suppress(OSError):  # nobody waits for it any more
                    connection.sendall(json.dumps(told).encode() + b"\n")

    def _end(self, descriptor: int) -> None:
        """Forget a child whose connection is closed. Until it is waited for, its id is its own."""
        self._poll.unregister(descriptor)
        pid, connection = self._children.pop(descriptor)
        if pid:
            _end_group(pid)
            with suppress(ProcessLookupError):  # it has not made its group yet
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        connection.close()


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be watched
        sys.exit("the parent is gone")


def _end_group(pid: int) -> None:
    """End what a child started, where nothing kept it from that."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()

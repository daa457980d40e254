"""Seal this process: no network, no other programs, no writing, and reading only what it needs.

A reader that was taken over by a hostile file, or follows a reference in one, finds nothing there.
Two mechanisms of Linux, each independent of who the process runs as: a seccomp filter refuses
system calls, Landlock refuses paths. Neither can be taken off again. Where the kernel has one of
them not (macOS, an old kernel, a container that forbids it), `seal` goes on without and says so.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from errno import EPERM
from pathlib import Path
from typing import Any

_PR_SET_NO_NEW_PRIVS = 38  # prctl(2)
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

# linux/filter.h: load a word of seccomp_data, jump if equal, greater or equal, has bits; return.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000  # linux/seccomp.h
_NO_SUCH_CALL = 38  # ENOSYS, which glibc takes as: try clone instead of clone3
_CLONE_THREAD = 0x10000
_X32_CALLS = 0x40000000

# asm/unistd.h. What talks to others or to other processes, and what starts programs; io_uring does
# such things past any filter. The x32 variants of x86-64 are refused by their number's high bit.
_CALLS: dict[str, dict[str, Any]] = {
    "x86_64": {
        "architecture": 0xC000003E,  # linux/audit.h
        "clone": 56,
        "clone3": 435,
        "refused": [
            *(41, 42, 43, 44, 46, 49, 50, 53, 288, 307),  # sockets
            *(57, 58, 59, 322),  # fork, vfork, execve, execveat
            *(62, 101, 200, 310, 311, 424, 434, 438),  # kill, ptrace, others' memory, pidfd_*
            *(155, 161, 165, 272, 304, 308, 428, 430, 442),  # mounts, namespaces, file handles
            *(175, 248, 249, 250, 298, 313, 321, 323),  # modules, keys, perf, bpf, userfaultfd
            *(425, 426, 427),  # io_uring
        ],
    },
    "aarch64": {
        "architecture": 0xC00000B7,
        "clone": 220,
        "clone3": 435,
        "refused": [
            *(198, 199, 200, 201, 202, 203, 206, 211, 242, 269),
            *(221, 281),
            *(117, 129, 130, 270, 271, 424, 434, 438),
            *(40, 41, 51, 97, 265, 268, 428, 430, 442),
            *(105, 217, 218, 219, 241, 273, 280, 282),
            *(425, 426, 427),
        ],
    },
}

# linux/landlock.h: its three calls have these numbers everywhere.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _RULE_PATH_BENEATH = 1, 1
_EXECUTE, _READ_FILE, _READ_DIRECTORY = 1 << 0, 1 << 2, 1 << 3
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15}  # how many rights over files each version knows

_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share")
_SETTINGS = ("/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def seal(*, readable: Iterable[Path]) -> list[str]:
    """Seal the process, but for reading `readable` and Python's own files; return what was not
    possible here, as words for a log."""
    if sys.platform != "linux":
        return ["seccomp", "Landlock"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ["seccomp", "Landlock"]
    missing = []
    if not _close_paths(libc, [*readable, *_own_paths()]):
        missing.append("Landlock")
    if not _refuse_calls(libc):
        missing.append("seccomp")
    return missing


def _own_paths() -> Iterable[Path]:
    """What a Python process reads to import modules later. Of the tree in which this package lies
    the package only: the data of an installation may lie there, too."""
    package = Path(__file__).resolve().parents[1]
    prefixes = (f"{prefix}/lib" for prefix in (sys.prefix, sys.base_prefix))
    for name in (*sys.path, *prefixes, *_LIBRARIES, *_SETTINGS, *_DEVICES):
        path = Path(name).resolve()
        yield package if path == package.parent else path


def _refuse_calls(libc: ctypes.CDLL) -> bool:
    calls = _CALLS.get(platform.machine())
    if calls is None:
        return False
    program = _program(**calls)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    buffer = ctypes.create_string_buffer(program, len(program))
    filtering = Program(len(program) // 8, ctypes.addressof(buffer))
    arguments = (_SECCOMP_MODE_FILTER, ctypes.byref(filtering), 0, 0)
    return not libc.prctl(_PR_SET_SECCOMP, *arguments)


def _program(*, architecture: int, clone: int, clone3: int, refused: list[int]) -> bytes:
    """The filter. A jump says how many instructions are skipped when it holds, and when not."""

    def instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("=HBBI", code, then, otherwise, value)

    refuse = instruction(_RETURN, _REFUSE | EPERM)
    lines = [
        instruction(_LOAD, _ARCHITECTURE_AT),
        instruction(_IF_EQUAL, architecture, 1, 0),
        instruction(_RETURN, _KILL),  # 32-bit calls have other numbers
        instruction(_LOAD, _NUMBER_AT),
        instruction(_IF_AT_LEAST, _X32_CALLS, 0, 1),
        refuse,
        instruction(_IF_EQUAL, clone3, 0, 1),
        instruction(_RETURN, _REFUSE | _NO_SUCH_CALL),  # its flags lie where a filter cannot look
    ]
    for number in refused:
        lines += [instruction(_IF_EQUAL, number, 0, 1), refuse]
    lines += [
        instruction(_IF_EQUAL, clone, 0, 3),
        instruction(_LOAD, _FIRST_ARGUMENT_AT),
        instruction(_IF_BITS, _CLONE_THREAD, 1, 0),
        refuse,
        instruction(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


def _close_paths(libc: ctypes.CDLL, readable: Iterable[Path]) -> bool:
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    rights = (1 << _RIGHTS_BY_VERSION.get(version, 15)) - 1
    handled = struct.pack("=Q", rights)
    ruleset = libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow_reading(libc, ruleset, path)
        return not libc.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not every system has every path
        return
    try:
        rights = _READ_FILE | _EXECUTE
        if path.is_dir():
            rights |= _READ_DIRECTORY
        rule = struct.pack("=Qi", rights, descriptor)
        libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)

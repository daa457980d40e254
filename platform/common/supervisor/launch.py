"""Become another program that dies with the process that started it.

Run as `python -I -S launch.py JSON COMMAND…`, standard library only, so that it starts in
milliseconds. A `preexec_fn` would come before the change of account, which undoes it.
"""

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    wanted = json.loads(sys.argv[1])
    command = sys.argv[2:]
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    if wanted["nice"]:
        os.nice(wanted["nice"])
    if wanted["account"]:
        become(**wanted["account"])
    if prctl:
        # After the change of account, which clears it. It survives exec.
        prctl(PR_SET_PDEATHSIG, wanted["death_signal"], 0, 0, 0)
    if os.getppid() != wanted["parent"]:
        sys.exit(0)  # The parent was gone before its death could be watched.
    try:
        os.execvp(command[0], command)  # noqa: S606 - to become the command is what this is for
    except OSError as error:
        sys.exit(f"{command[0]} does not start: {error.strerror}.")


def become(name: str, uid: int, gid: int) -> None:
    """Give up being root for good."""
    os.setgroups(os.getgrouplist(name, gid))
    os.setgid(gid)
    os.setuid(uid)
    os.environ["HOME"] = "/"
    os.environ["USER"] = os.environ["LOGNAME"] = name


if __name__ == "__main__":
    main()

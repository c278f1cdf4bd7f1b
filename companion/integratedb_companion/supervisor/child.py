"""Runs a program that ends with its supervisor, as another user where that is asked for.

    python child.py SIGNAL SUPERVISOR USER GROUP PROGRAM [ARGUMENT...]

SIGNAL is what the program gets when the supervisor (its pid) ends. USER and GROUP are numbers; -1 changes nothing. The
supervisor has threads, so it must not run this between fork and exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Prepare this process, and run the program in it."""
    number, supervisor, user, group = map(int, sys.argv[1:5])
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    # A change of the user would undo this.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != supervisor:
        sys.exit("the supervisor has ended")
    # Python ignores these, and a program would inherit that.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606  the program that the supervisor chose


if __name__ == "__main__":
    main()

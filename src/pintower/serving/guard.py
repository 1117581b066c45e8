"""Runs a server and outlives whoever asked for it, so that no server is ever left behind.

Run as a script with nothing but the standard library:

    python -I -S guard.py PARENT_PID GRACE_SECONDS SHM_PREFIX COMMAND...

It ends the server (SIGTERM, after the grace time SIGKILL for its whole process group) when it is
asked to stop or when its parent is gone, however that one ended. If the guard itself is killed, the
kernel sends the server SIGTERM. What has the server's prefix in the folder of shared memory is
removed at the end. It exits with the server's exit code.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.25
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
WATCHED = STOP_SIGNALS | {signal.SIGCHLD}

_libc = ctypes.CDLL(None, use_errno=True)


def follow_guard() -> None:
    """In the child, before it becomes the server: end with the guard, take signals again."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)


def stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """End the server: politely, and after ``grace`` seconds by force."""
    process.terminate()
    deadline = time.monotonic() + grace
    while process.poll() is None and time.monotonic() < deadline:
        signal.sigtimedwait({signal.SIGCHLD}, POLL_SECONDS)


def clean_up(process: subprocess.Popen[bytes], prefix: str) -> None:
    """Kill what is left of the server's process group; remove its shared memory and links."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for path in Path("/dev/shm").glob(f"{prefix}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def guard(parent: int, grace: float, prefix: str, command: list[str]) -> int:
    """Run the command until it ends, a stop is asked for or the parent is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    # This process has one thread, so code between fork and exec is safe.
    process = subprocess.Popen(command, process_group=0, preexec_fn=follow_guard)
    try:
        while process.poll() is None:
            received = signal.sigtimedwait(WATCHED, POLL_SECONDS)
            asked = received is not None and received.si_signo in STOP_SIGNALS
            if asked or os.getppid() != parent:
                stop(process, grace)
                break
    finally:
        clean_up(process, prefix)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


if __name__ == "__main__":
    sys.exit(guard(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]))

"""What a result was measured on: device, versions, commit."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from pintower.serving.machine import cpu_flags

__all__ = ["commit", "device", "versions"]

_PACKAGES = ("pintower", "numpy", "onnxruntime", "onnxruntime-gpu", "tokenizers", "tritonclient")

_INSTRUCTIONS = (
    "amx_int8", "avx512_vnni", "avx_vnni", "avx512f", "avx2", "avx", "i8mm", "asimddp", "asimd",
)  # fmt: skip
"""The instructions that decide on the speed of products, the fastest first."""


def device() -> dict[str, object]:
    """Return processor, its instructions for products, cores and memory."""
    model = platform.processor() or platform.machine()
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": model,
        "instructions": next((name for name in _INSTRUCTIONS if name in cpu_flags()), None),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(pages * size / 2**30, 1),
        "accelerator": None,
    }


def versions(*more: str) -> dict[str, str]:
    """Return the versions of Python, of the packages that decide on speed, and of others."""
    found = {"python": platform.python_version(), "kernel": platform.release()}
    for name in (*_PACKAGES, *more):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """Return the checkout's commit, with ``-dirty`` where files were changed since.

    Results of the bench are no such change. None for an installed package.
    """
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        found = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "-uno", "--", ":/", ":(top,exclude)bench/results")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{found}-dirty" if changed else found


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []

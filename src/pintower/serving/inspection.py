"""Checks of a server environment and of the machine: what is there, what is missing, what to do."""

import ctypes.util
import platform
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pintower.serving.interpreter import SERVER_PYTHONS
from pintower.serving.layout import Layout
from pintower.triton_releases import TritonRelease

__all__ = ["Check", "inspect_interpreter", "inspect_layout", "inspect_machine", "port_is_free"]

GLIBC = (2, 35)  # what the server's binaries were built against
SHARED_MEMORY = Path("/dev/shm")
SHARED_MEMORY_MIB = 256
REINSTALL = "Remove the folder and let pintower install it again."


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        ok: whether it is as it has to be.
        detail: what was found.
        remedy: what to do if it is not ok, else "".
        required: a server cannot start without it (else only a part is missing, load tests, say).
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = True


def inspect_interpreter(found: Path | None) -> Check:
    """Check that a Python is there to make an environment with.

    Args:
        found: its path, None if there is none.
    """
    name = f"Python {' or '.join(SERVER_PYTHONS)} for the server"
    if found is not None:
        return Check(name, True, str(found))
    remedy = f"uv downloads Python {SERVER_PYTHONS[0]} when the environment is installed."
    return Check(name, False, "not found", remedy, required=False)


def inspect_layout(layout: Layout, triton: TritonRelease) -> list[Check]:
    """Check every part of an environment that the server or the load generator needs.

    Args:
        layout: of the environment.
        triton: the release whose ONNX Runtime belongs into it.
    """
    return [
        _file("python", layout.python, f"{layout.folder} holds no Python venv. {REINSTALL}"),
        _file("tritonserver", layout.tritonserver, f"nvidia-pytriton is missing. {REINSTALL}"),
        _file(
            f"python backend stub for {layout.python_version or 'this Python'}",
            layout.stub,
            "nvidia-pytriton carries stubs for Python 3.8 to 3.13; make the environment with "
            f"Python {' or '.join(SERVER_PYTHONS)}.",
        ),
        _file("python backend", layout.python_backend / "libtriton_python.so", REINSTALL),
        _file("response cache", layout.caches / "local" / "libtritoncache_local.so", REINSTALL),
        _libpython(layout),
        _numpy(layout),
        _onnxruntime(layout, triton),
        _package(layout, "tokenizers"),
        _file("perf_analyzer", layout.perf_analyzer, REINSTALL, required=False),
        _library(layout, "libb64"),
        _library(layout, "libcudart"),
    ]


def inspect_machine(ports: Sequence[int]) -> list[Check]:
    """Check what the machine itself has to offer: C library, shared memory, ports."""
    return [_glibc(), _shared_memory(), *(_port(port) for port in ports)]


def port_is_free(port: int) -> bool:
    """Say whether a server could listen on a loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _file(name: str, path: Path, remedy: str, *, required: bool = True) -> Check:
    found = path.is_file()
    detail = str(path) if found else f"{path} does not exist"
    return Check(name, found, detail, "" if found else remedy, required)


def _libpython(layout: Layout) -> Check:
    name = layout.libpython_name
    own = layout.interpreter_library / name
    if own.is_file():
        return Check("interpreter library", True, str(own))
    system = ctypes.util.find_library(f"python{layout.python_version}")
    if system == name:
        return Check("interpreter library", True, f"{name} of the system")
    remedy = (
        f"The python backend loads {name}: install the system's libpython{layout.python_version} "
        "package, or use an interpreter built with --enable-shared."
    )
    return Check("interpreter library", False, f"{name} not found", remedy)


def _numpy(layout: Layout) -> Check:
    version = layout.package_version("numpy")
    if version is None:
        return Check("numpy", False, "not installed", f"Install numpy below 2. {REINSTALL}")
    ok = version.split(".")[0] == "1"
    remedy = (
        ""
        if ok
        else "The server's python backend passes no tensors with numpy 2: use numpy 1.26.4."
    )
    return Check("numpy below 2", ok, version, remedy)


def _onnxruntime(layout: Layout, triton: TritonRelease) -> Check:
    version = layout.onnxruntime_version
    ok = version == triton.onnxruntime
    wanted = f"Triton {triton.name} has onnxruntime {triton.onnxruntime}"
    remedy = "" if ok else f"{wanted}: install that version."
    return Check("onnxruntime", ok, version or "not installed", remedy)


def _package(layout: Layout, package: str) -> Check:
    version = layout.package_version(package)
    remedy = "" if version else f"Install {package}. {REINSTALL}"
    return Check(package, version is not None, version or "not installed", remedy)


def _library(layout: Layout, prefix: str) -> Check:
    found = layout.library(prefix)
    name = f"{prefix} for perf_analyzer"
    if found is None:
        return Check(name, False, f"none in {layout.libraries}", REINSTALL, required=False)
    return Check(name, True, str(found), required=False)


def _glibc() -> Check:
    library, version = platform.libc_ver()
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    ok = library == "glibc" and parts >= GLIBC
    needed = ".".join(str(part) for part in GLIBC)
    remedy = "" if ok else f"tritonserver needs glibc {needed} or later; use Triton's container."
    return Check("C library", ok, f"{library} {version}".strip() or "unknown", remedy)


def _shared_memory() -> Check:
    if not SHARED_MEMORY.is_dir():
        return Check("shared memory", False, "no /dev/shm", "Mount a tmpfs at /dev/shm.")
    free = shutil.disk_usage(SHARED_MEMORY).free // 2**20
    ok = free >= SHARED_MEMORY_MIB
    remedy = (
        ""
        if ok
        else f"Python steps exchange tensors there: give it at least {SHARED_MEMORY_MIB} MiB "
        "(docker run --shm-size=1g)."
    )
    return Check("shared memory", ok, f"{free} MiB free in /dev/shm", remedy)


def _port(port: int) -> Check:
    free = port_is_free(port)
    remedy = "" if free else f"Stop what listens on port {port}, or serve on other ports."
    return Check(f"port {port}", free, "free" if free else "in use", remedy, required=False)

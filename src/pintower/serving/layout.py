"""Where things lie inside a server environment: a Python venv with ``nvidia-pytriton`` in it.

Nothing here raises or imports from the environment: a path is given whether or not it exists, so
that an inspection can name what is missing.
"""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Layout", "read_layout"]


@dataclass(frozen=True)
class Layout:
    """The parts of one server environment.

    Attributes:
        folder: the venv.
        python_version: "3.11", or "" if the folder holds no venv.
        site_packages: where its packages lie.
        interpreter_library: folder that may hold the base interpreter's ``libpython``.
    """

    folder: Path
    python_version: str
    site_packages: Path
    interpreter_library: Path

    @property
    def python(self) -> Path:
        """The venv's interpreter."""
        return self.folder / "bin" / "python"

    @property
    def perf_analyzer(self) -> Path:
        """The load generator that tritonclient carries."""
        return self.folder / "bin" / "perf_analyzer"

    @property
    def libraries(self) -> Path:
        """Shared libraries of the server, named with a hash."""
        return self.site_packages / "nvidia_pytriton.libs"

    @property
    def _triton(self) -> Path:
        return self.site_packages / "pytriton" / "tritonserver"

    @property
    def tritonserver(self) -> Path:
        """The server's binary."""
        return self._triton / "bin" / "tritonserver"

    @property
    def python_backend(self) -> Path:
        """Folder of the python backend's library and its module."""
        return self._triton / "backends" / "python"

    @property
    def caches(self) -> Path:
        """Folder of the response caches."""
        return self._triton / "caches"

    @property
    def stub(self) -> Path:
        """The process that runs a python model, built for this Python version."""
        stubs = self._triton / "python_backend_stubs"
        return stubs / (self.python_version or "none") / "triton_python_backend_stub"

    @property
    def libpython_name(self) -> str:
        """Name of the interpreter library that the stub loads."""
        return f"libpython{self.python_version}.so.1.0"

    def library(self, prefix: str) -> Path | None:
        """Return the server's library whose file name starts with ``prefix`` and a dash."""
        return next(iter(sorted(self.libraries.glob(f"{prefix}-*"))), None)

    @property
    def onnxruntime_version(self) -> str | None:
        """Version of ONNX Runtime, for CPUs or GPUs; None if there is none."""
        return self.package_version("onnxruntime") or self.package_version("onnxruntime-gpu")

    def package_version(self, package: str) -> str | None:
        """Return the version of an installed package, None if it is not installed."""
        folder = package.replace("-", "_")
        for info in self.site_packages.glob(f"{folder}-*.dist-info"):
            return info.name.removesuffix(".dist-info").removeprefix(f"{folder}-")
        return None


def read_layout(folder: Path) -> Layout:
    """Return the layout of an environment folder, which need not be complete or exist."""
    versions = sorted(folder.glob("lib/python3.*"))
    version = versions[0].name.removeprefix("python") if versions else ""
    home = _base_interpreter(folder)
    return Layout(
        folder=folder,
        python_version=version,
        site_packages=folder / "lib" / f"python{version}" / "site-packages",
        interpreter_library=home.parent / "lib",
    )


def _base_interpreter(folder: Path) -> Path:
    """Return the ``bin`` folder of the interpreter that the venv was made with."""
    config = folder / "pyvenv.cfg"
    if config.is_file():
        for line in config.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home":
                return Path(value.strip()).resolve()
    return folder / "bin"

"""NVIDIA's releases of Triton that a target can name, and what is known to be wrong with them.

``export/triton/<release>.toml`` says what a release's container holds, and
``export/triton_faults.toml`` in which release a fault was mended.
"""

import tomllib
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pintower.assets import asset
from pintower.errors import InputError

__all__ = [
    "LOCAL",
    "Fault",
    "ReleaseName",
    "TritonRelease",
    "known_faults",
    "load_triton_release",
    "release_name",
    "triton_releases",
]

LOCAL = "24.10"
"""The release whose server PyPI has (nvidia-pytriton 0.7.0): what a local server is."""

_STRONGLY_TYPED = 11
"""From this TensorRT on a network has the types of its graph, and no flag changes them."""


def release_name(value: object) -> object:
    """Return a name as text; in TOML and on a command line 24.10 may have been read as a number."""
    return f"{value:.2f}" if isinstance(value, float) else value


ReleaseName = Annotated[str, BeforeValidator(release_name), Field(pattern=r"^[0-9]{2}\.[0-9]{2}$")]
"""A release's name: its year and month, like 24.10."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TritonRelease(_Model):
    """One release.

    Attributes:
        name: NVIDIA's, year and month, as its container is tagged.
        server: version of the server.
        onnxruntime: version that its ``onnxruntime`` backend has.
        max_ir_version: newest ONNX IR that loads.
        max_opset: newest operator set that loads.
        python: version of the container's Python, which runs the python steps.
        numpy: versions that its python backend takes, as pip writes them.
        tensorrt: major version of its TensorRT.
    """

    name: ReleaseName
    server: str
    onnxruntime: str
    max_ir_version: int
    max_opset: int
    python: str
    numpy: str
    tensorrt: int

    @property
    def strongly_typed(self) -> bool:
        """Whether TensorRT takes a graph's own types and knows no flag of precision."""
        return self.tensorrt >= _STRONGLY_TYPED


class Fault(_Model):
    """Something that is wrong with releases of Triton.

    Attributes:
        what: happens.
        fixed: the first release without it; None where there is none yet.
        remedy: what to do, or what pintower does.
    """

    what: str
    fixed: ReleaseName | None = None
    remedy: str

    def is_in(self, release: str) -> bool:
        """Say whether a release has it."""
        return self.fixed is None or release < self.fixed


def triton_releases() -> list[TritonRelease]:
    """Return every release that a target can name, the oldest first."""
    names = sorted(path.stem for path in asset("export", "triton").glob("*.toml"))
    return [load_triton_release(name) for name in names]


def load_triton_release(name: str) -> TritonRelease:
    """Read ``export/triton/<name>.toml``.

    Raises:
        InputError: if there is no such release, or its file says what cannot be.
    """
    folder = asset("export", "triton")
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise InputError(f"Unknown Triton release {name!r}; allowed: {known}.")
    try:
        return TritonRelease.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        lines = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors()
        )
        raise InputError(f"{path} is not a Triton release: {lines}.") from None


def known_faults(release: str) -> list[Fault]:
    """Return what is wrong with a release."""
    rows = tomllib.loads(asset("export", "triton_faults.toml").read_text("utf-8"))["fault"]
    return [fault for fault in map(Fault.model_validate, rows) if fault.is_in(release)]

"""``pintower check`` and ``doctor``: is the repository whole, is the machine ready."""

import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from pintower.cli.output import print_json, stdout
from pintower.serving.environment import ensure_environment, inspect_environment
from pintower.serving.inspection import Check
from pintower.triton_releases import (
    LOCAL,
    known_faults,
    load_triton_release,
    triton_releases,
)

__all__ = ["check", "doctor"]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_PACKAGES = ("torch", "transformers", "sentence-transformers", "optimum", "onnxruntime",
             "tritonclient", "numpy")  # fmt: skip


def check(
    repository: Annotated[Path, typer.Argument(help="A Triton model repository (models/).")],
    as_json: Json = False,
) -> None:
    """Check checksums, configs, graphs and ensemble edges of a model repository."""
    from pintower.repository.check import check as find

    findings = find(repository)
    if as_json:
        print_json({"repository": str(repository), "findings": findings})
    elif findings:
        for finding in findings:
            stdout.print(_mark(False), finding)
        stdout.print(f"{repository}: {len(findings)} finding{'s' if len(findings) > 1 else ''}")
    else:
        stdout.print(_mark(True), f"{repository}: checksums, configs, graphs, edges are right")
    if findings:
        raise typer.Exit(1)


def doctor(
    install: Annotated[
        bool, typer.Option("--install", help="Install the server environment if missing.")
    ] = False,
    triton: Annotated[
        str, typer.Option(help="Triton release whose ONNX Runtime the server environment has.")
    ] = LOCAL,
    as_json: Json = False,
) -> None:
    """Say what this machine has, what is missing and what to do, and what Triton's faults are."""
    release = load_triton_release(triton)
    if install:
        ensure_environment(release, install_anywhere=True)
    checks = [_python(), *(_package(name) for name in _PACKAGES), *inspect_environment(release)]
    if as_json:
        releases = [
            {**item.model_dump(), "faults": [vars(fault) for fault in known_faults(item.name)]}
            for item in triton_releases()
        ]
        print_json({"checks": [vars(check) for check in checks], "triton": releases})
    else:
        table = Table("", "what", "found", "what to do")
        for item in checks:
            table.add_row(_mark(item.ok), item.name, item.detail, "" if item.ok else item.remedy)
        stdout.print(table)
        _print_releases()
    if any(item.required and not item.ok for item in checks):
        raise typer.Exit(1)


def _print_releases() -> None:
    """Print the Triton releases and what is known to be wrong with them."""
    releases = triton_releases()
    for item in releases:
        stdout.print(
            f"Triton {item.name}: server {item.server}, ONNX Runtime {item.onnxruntime}, Python "
            f"{item.python}, numpy {item.numpy}, TensorRT {item.tensorrt}",
            highlight=False,
        )
    table = Table("known fault", "mended in", "what to do")
    for fault in known_faults(releases[0].name):
        table.add_row(fault.what, fault.fixed or "no release yet", fault.remedy)
    stdout.print(table)


def _mark(ok: bool) -> Text:
    return Text("✓", "green") if ok else Text("✗", "red")


def _python() -> Check:
    version = sys.version_info
    ok = (3, 11) <= version[:2] <= (3, 13)
    remedy = "Use Python 3.11, 3.12 or 3.13; docs/triton.md says what stops 3.14."
    return Check("python", ok, f"{version.major}.{version.minor}", remedy)


def _package(name: str) -> Check:
    for installed in (name, f"{name}-gpu"):
        try:
            return Check(installed, True, importlib.metadata.version(installed))
        except importlib.metadata.PackageNotFoundError:
            continue
    extra = "[cpu]" if name == "onnxruntime" else ""
    return Check(name, False, "not installed", f"pip install 'pintower{extra}'")

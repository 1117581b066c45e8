"""``pintower check`` and ``doctor``: is the repository whole, is the machine ready."""

import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pintower.cli.output import print_json, stdout
from pintower.serving.environment import ensure_environment, inspect_environment
from pintower.serving.inspection import Check

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
            stdout.print(f"[red]✗[/red] {escape(finding)}")
        stdout.print(f"{repository}: {len(findings)} finding{'s' if len(findings) > 1 else ''}")
    else:
        stdout.print(f"[green]✓[/green] {repository}: checksums, configs, graphs, edges are right")
    if findings:
        raise typer.Exit(1)


def doctor(
    install: Annotated[
        bool, typer.Option("--install", help="Install the server environment if missing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what this machine has, what is missing and what to do."""
    if install:
        ensure_environment(install_anywhere=True)
    checks = [_python(), *(_package(name) for name in _PACKAGES), *inspect_environment()]
    if as_json:
        print_json([vars(check) for check in checks])
    else:
        table = Table("", "what", "found", "what to do")
        for item in checks:
            mark = "[green]✓[/green]" if item.ok else "[red]✗[/red]"
            table.add_row(mark, item.name, escape(item.detail), "" if item.ok else item.remedy)
        stdout.print(table)
    if any(item.required and not item.ok for item in checks):
        raise typer.Exit(1)


def _python() -> Check:
    version = sys.version_info
    ok = (3, 11) <= version[:2] <= (3, 12)
    return Check("python", ok, f"{version.major}.{version.minor}", "Use Python 3.11 or 3.12.")


def _package(name: str) -> Check:
    for installed in (name, f"{name}-gpu"):
        try:
            return Check(installed, True, importlib.metadata.version(installed))
        except importlib.metadata.PackageNotFoundError:
            continue
    extra = "[cpu]" if name == "onnxruntime" else ""
    return Check(name, False, "not installed", f"pip install 'pintower{extra}'")

"""Where the figures come from: device, versions, release, files, and how to get them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pintower.report.numbers import number, size

__all__ = ["Origin", "describe_origin"]

_FILES = {
    "evaluation/metrics.json": "every measure, difference and slice",
    "evaluation/predictions.parquet": "the judged pairs with every model's score",
    "export/gates.json": "the graphs' gates",
    "models/gates.json": "the served gates",
    "models/release.json": "what belongs to the release, with checksums",
    "bench/results.json": "every load's figures",
    "bench/latency.svg": "latency as a picture",
    "bench/cache.svg": "cache hits against the cache's size",
}


@dataclass(frozen=True)
class Origin:
    """Everything the last section shows.

    Attributes:
        facts: name and value.
        files: place in the work folder, what it holds, its size.
        commands: what they do, and the command.
    """

    facts: Sequence[tuple[str, str]]
    files: Sequence[tuple[str, str, str]]
    commands: Sequence[tuple[str, str]]


def describe_origin(
    inputs: Mapping[str, Path], release: Mapping[str, Any], bench: Mapping[str, Any]
) -> Origin:
    """Return what the last section shows.

    Args:
        inputs: every stage's folder.
        release: ``models/release.json``.
        bench: ``bench/results.json``.
    """
    workdir = inputs["repository"].parent
    shown = _shown(workdir)
    return Origin(
        facts=[*_release_facts(release), *_device_facts(bench)],
        files=[
            (name, holds, size((workdir / name).stat().st_size))
            for name, holds in _FILES.items()
            if (workdir / name).is_file()
        ],
        commands=[
            (
                "The whole run; what is complete and unchanged is skipped",
                f"pintower run RECIPE --workdir {shown}",
            ),
            ("The latency alone", f"pintower bench --workdir {shown}"),
            ("The release itself, verified and served", f"pintower serve {shown}/models"),
            ("A ranking from it", f'pintower query "some words" --workdir {shown}'),
        ],
    )


def _release_facts(release: Mapping[str, Any]) -> list[tuple[str, str]]:
    snapshot = release["snapshot"]
    return [
        (
            "Release",
            f"{release['release']} for {release['target']}, Triton {release['triton_release']}",
        ),
        ("Space", release["space_id"][:16]),
        ("Snapshot", f"{snapshot['id']}, {number(snapshot['pins'])} pins"),
    ]


def _device_facts(bench: Mapping[str, Any]) -> list[tuple[str, str]]:
    device = bench["device"]
    parts = [device["processor"], device.get("instructions") or ""]
    parts += [f"{device['cores']} cores", f"{device['memory_gib']} GiB"]
    accelerator = device.get("accelerator")
    versions = ", ".join(f"{name} {version}" for name, version in bench["versions"].items())
    facts = [
        ("Device", ", ".join(filter(None, [*parts, accelerator or "no accelerator"]))),
        ("Backend", bench["backend"]),
        ("Versions", versions),
    ]
    if bench.get("commit"):
        facts.append(("Commit", bench["commit"][:12]))
    return facts


def _shown(workdir: Path) -> str:
    """Return a work folder as one would type it, or its name alone where that says too much."""
    try:
        return str(workdir.resolve().relative_to(Path.cwd()))
    except ValueError:
        return workdir.name

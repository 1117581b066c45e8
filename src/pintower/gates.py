"""Gates: measured checks that can stop a release, and the file that keeps what they measured."""

import difflib
import math
import os
import platform
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pintower.artifacts import read_json, write_json
from pintower.errors import GateFailed, InputError
from pintower.versions import newer_file

__all__ = [
    "Gate",
    "describe_environment",
    "explain",
    "failed",
    "gate",
    "overrule",
    "raise_if_failed",
    "read_gates",
    "require_gate_names",
    "write_gates",
]

_RANKING = (
    "ndcg_loss_rel ndcg_loss_rel_low language_ndcg_loss_rel language_ndcg_loss_rel_low "
    "top8_flips kendall_tau score_max_abs score_mean_abs"
)
_CHECKS = {
    "query_encoder": "contract opset ir_version file_size target_loads runs max_abs min_cosine "
    "language_cosine half_min_cosine norm_max_abs batch_sensitivity batch_flips repeat_max_abs "
    "threads_sensitivity tokenizer rendering vocabulary alike precision",
    "pin_encoder": "contract opset ir_version file_size target_loads runs max_abs min_cosine "
    "language_cosine norm_max_abs batch_sensitivity batch_flips repeat_max_abs threads_sensitivity "
    "vocabulary alike precision",
    "scorer": "contract opset ir_version file_size target_loads runs max_abs invalid_rows",
    "ranking": _RANKING,
    "pin_ranking": _RANKING,
    "snapshot": "score_max_abs",
    "preflight": "opset ir_version precision onnxruntime_older instructions_missing gpus",
}
_SERVED = (
    "runtimes_agree runtimes_min_cosine runtimes_flips tokenizer_golden_set served_errors "
    "served_equals_offline served_equals_offline_mean served_probabilities_equal_offline "
    "served_validity_equals_offline cached_equals_first query_embedding_equals_offline unknown_ids "
    "duplicate_ids no_candidates odd_queries own_embeddings"
)
_NAMES = frozenset(
    [f"{what}.{check}" for what, checks in _CHECKS.items() for check in checks.split()]
    + _SERVED.split()
)
"""Every gate there is; ``target.`` stands before the name of one in the target's ONNX Runtime."""

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Gate:
    """One check.

    Attributes:
        name: dotted, what is checked first (``query_encoder.max_abs``).
        measured: NaN where nothing finite was measured, which never passes a limit.
        allowed: the limit; None for a figure that is only told.
        better: which side of the limit passes; the limit itself passes too.
        passed: whether the release may go on.
        overruled: it failed, and whoever built the release let it pass.
        unit: of ``measured`` and ``allowed``; empty for a plain number.
        detail: whatever helps to understand the figure, as JSON.
    """

    name: str
    measured: float
    allowed: float | None
    better: Better
    passed: bool
    unit: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    overruled: bool = False


def gate(
    name: str,
    measured: float,
    allowed: float | None = None,
    *,
    better: Better = "lower",
    unit: str = "",
    detail: Mapping[str, Any] | None = None,
) -> Gate:
    """Return a gate that is decided: within its limit, or without one, it passes."""
    value = float(measured) if math.isfinite(measured) else math.nan
    passed = True
    if allowed is not None:
        passed = value <= allowed if better == "lower" else value >= allowed
    return Gate(name, value, allowed, better, passed, unit, dict(detail or {}))


def overrule(gates: Iterable[Gate], names: Collection[str]) -> list[Gate]:
    """Return the gates with the failed ones among the names passed, and marked as overruled."""
    return [
        replace(item, passed=True, overruled=True)
        if item.name in names and not item.passed
        else item
        for item in gates
    ]


def require_gate_names(names: Iterable[str]) -> None:
    """Refuse names that no gate has.

    Raises:
        InputError: naming the nearest ones.
    """
    for name in names:
        if name.removeprefix("target.") not in _NAMES:
            near = difflib.get_close_matches(name, sorted(_NAMES), n=3, cutoff=0.4)
            raise InputError(
                f"No gate is called {name!r}. "
                + (f"Is it {' or '.join(near)}? " if near else "")
                + "All names stand in gates.json of a finished export and repository."
            )


def failed(gates: Iterable[Gate]) -> list[Gate]:
    """Return the gates that stop a release."""
    return [item for item in gates if not item.passed]


def explain(item: Gate) -> str:
    """Return a gate as one line: name, measured, allowed, detail."""
    unit = f" {item.unit}" if item.unit else ""
    line = f"{item.name}: measured {item.measured:.6g}{unit}"
    if math.isnan(item.measured) and item.allowed is None:
        line = f"{item.name}: not measured"
    if item.allowed is not None:
        line += f", allowed {'<=' if item.better == 'lower' else '>='} {item.allowed:g}{unit}"
    if item.overruled:
        line += ", overruled"
    detail = ", ".join(f"{key} {value}" for key, value in item.detail.items())
    return f"{line} ({detail})" if detail else line


def raise_if_failed(gates: Iterable[Gate], what: str) -> None:
    """Stop if a gate failed.

    Args:
        gates: all that were measured.
        what: the subject of the message, e.g. "the graphs for target cpu-int8".

    Raises:
        GateFailed: names each failed gate with its figures.
    """
    gates = list(gates)
    if stopped := failed(gates):
        lines = "\n".join(f"  {explain(item)}" for item in stopped)
        raise GateFailed(f"{what}: {len(stopped)} of {len(gates)} gates failed:\n{lines}")


def write_gates(path: Path, gates: Iterable[Gate], environment: Mapping[str, Any]) -> None:
    """Write ``gates.json``: the gates, whether all passed, and where they were measured."""
    gates = list(gates)
    rows = []
    for item in gates:
        row = asdict(item)
        row["measured"] = None if math.isnan(item.measured) else item.measured
        rows.append(row)
    write_json(path, {"passed": not failed(gates), "environment": dict(environment), "gates": rows})


def read_gates(path: Path) -> list[Gate]:
    """Read the gates of a ``gates.json``.

    Raises:
        InputError: if the file is absent or holds something else.
    """
    try:
        rows = read_json(path)["gates"]
        if unknown := {name for row in rows for name in row} - Gate.__dataclass_fields__.keys():
            raise InputError(newer_file(path, "a gates file", sorted(unknown)))
        return [
            Gate(**{**row, "measured": math.nan if row["measured"] is None else row["measured"]})
            for row in rows
        ]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not a gates file of this version: {error}.") from None


def describe_environment(*packages: str) -> dict[str, Any]:
    """Return where something was measured: processor, cores, Python, versions of packages."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # no Linux
        pass
    return platform.processor() or platform.machine()

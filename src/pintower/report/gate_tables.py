"""Gates as tables: what has a limit, what must be zero, and what is only told."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pintower.artifacts import read_json
from pintower.gates import Gate, read_gates
from pintower.report.names import plain
from pintower.report.numbers import counted, number, significant

__all__ = ["GateFile", "GateRow", "describe_gates", "share_of_limit"]

_GRAPHS = {"query_encoder": "Query encoder", "pin_encoder": "Pin encoder", "scorer": "Scorer"}
_OF_A_GRAPH = {
    "contract": "mismatches with the contract",
    "opset": "ONNX opset",
    "ir_version": "ONNX IR version",
    "file_size": "file size",
    "target_loads": "failures to load in the target's ONNX Runtime",
    "max_abs": "largest difference from torch",
    "min_cosine": "lowest cosine with torch",
    "language_cosine": "mean cosine with torch of the language embedded worst",
    "half_min_cosine": "lowest cosine with torch, rounded as a GPU stores fp16",
    "norm_max_abs": "largest difference of a vector's length from torch",
    "batch_sensitivity": "largest change of a cosine, alone or in a batch",
    "batch_flips": "share of top-8 pairs that swap in a batch",
    "tokenizer": "odd texts with token ids other than Hugging Face's",
    "rendering": "share of logged queries served as other tokens than those typed",
    "vocabulary": "largest token id a text can become, against the embedding table",
    "alike": "share of real texts whose embedding another has too",
    "repeat_max_abs": "difference from run to run",
    "threads_sensitivity": "largest change of a cosine, one thread or two",
    "invalid_rows": "faults with rows that are not finite",
    "runs": "failures to run",
}
_CHOICES = ("query_encoder.precision", "pin_encoder.precision")
_IN_TARGET = "target."

_VERSIONS = (".opset", ".ir_version", ".vocabulary")
"""Gates on a version or a size: at its limit is as good as far from it."""

_OF_THE_PREFLIGHT = {
    "opset": "Newest ONNX opset of the contracts",
    "ir_version": "Newest ONNX IR version of the contracts",
    "precision": "Precisions the target has no kernels for",
    "onnxruntime_older": "ONNX Runtime of the build machine older than the target's",
    "instructions_missing": "CPU instructions of the target that the build machine lacks",
    "gpus": "GPUs of the build machine",
}
_OF_THE_RANKING = {
    "ndcg_loss_rel": "Loss of nDCG@20 against torch, as a share of it",
    "ndcg_loss_rel_low": "The same loss, lower end of its interval",
    "language_ndcg_loss_rel": "Loss of nDCG@20 of the language that loses most",
    "language_ndcg_loss_rel_low": "Loss of nDCG@20 of the language that loses most, lower end of "
    "its interval",
    "top8_flips": "Share of top-8 pairs ranked other than in torch",
    "kendall_tau": "Kendall's tau with torch's ranking",
    "score_max_abs": "Largest score difference from torch",
    "score_mean_abs": "Mean score difference from torch",
}
_RANKINGS = {"ranking": "", "pin_ranking": "Pins: "}
_FEW_QUERIES = {"together": "measured together", "unmeasured": "too few queries to measure"}
_OF_THE_SERVER = {
    "runtimes_agree": "Largest score difference between two ONNX Runtimes",
    "runtimes_min_cosine": "Lowest cosine between two ONNX Runtimes",
    "runtimes_flips": "Pairs of pins that two ONNX Runtimes order differently",
    "tokenizer_golden_set": "Odd texts with token ids other than the tokenizer's own",
    "served_errors": "Queries answered with an error",
    "served_equals_offline": "Largest score difference from offline",
    "served_equals_offline_mean": "Mean score difference from offline",
    "served_probabilities_equal_offline": "Largest probability difference from offline",
    "served_validity_equals_offline": "Pins called valid by one side only",
    "cached_equals_first": "Pins scored differently the second time",
    "query_embedding_equals_offline": "Largest difference of a query embedding from offline",
    "unknown_ids": "Wrong answers to unknown pin ids",
    "duplicate_ids": "Wrong answers to repeated pin ids",
    "no_candidates": "Wrong answers to no candidates",
    "odd_queries": "Wrong answers to odd queries",
    "own_embeddings": "Wrong answers to a client's own embeddings",
}


@dataclass(frozen=True)
class GateRow:
    """One gate.

    Attributes:
        key: its name in ``gates.json``.
        name: in words.
        measured: with its unit.
        allowed: the limit with its sign; empty for a figure that is only told.
        used: share of the limit that is used up, 1 at the limit; None where no share makes sense.
        passed: whether the release may go on.
        over: what it was measured on.
        overruled: it failed, and whoever built the release let it pass.
    """

    key: str
    name: str
    measured: str
    allowed: str
    used: float | None
    passed: bool
    over: str
    overruled: bool = False


@dataclass(frozen=True)
class GateFile:
    """One ``gates.json``.

    Attributes:
        title: what was measured.
        limited: gates with a limit, failed ones first, limits on versions last.
        zero: gates that allow nothing, failed ones first.
        told: figures without a limit.
        choice: sentences on the precision that was taken and those that were refused before it.
        where: sentence on the server that the gates were measured on, if one was.
    """

    title: str
    limited: Sequence[GateRow]
    zero: Sequence[GateRow]
    told: Sequence[GateRow]
    choice: Sequence[str] = ()
    where: str = ""

    @property
    def overruled(self) -> list[GateRow]:
        """Gates that failed and were let pass."""
        return [row for row in (*self.limited, *self.zero) if row.overruled]

    @property
    def decided(self) -> int:
        """Gates that can stop a release."""
        return len(self.limited) + len(self.zero)

    @property
    def failed(self) -> list[GateRow]:
        """Gates that did."""
        return [row for row in (*self.limited, *self.zero) if not row.passed]


def describe_gates(title: str, path: Path, *, in_target: bool = False) -> GateFile | None:
    """Return a gates file's tables; None where nothing was measured.

    Args:
        title: what was measured.
        path: of the file.
        in_target: take the gates measured in the target's ONNX Runtime, and not the others.

    Raises:
        InputError: if the file holds something else.
    """
    every = read_gates(path) if path.is_file() else []
    gates = [item for item in every if item.name.startswith(_IN_TARGET) == in_target]
    if not gates:
        return None
    limited = [item for item in gates if item.allowed is not None]
    return GateFile(
        title=title,
        limited=_rows(item for item in limited if item.allowed != 0),
        zero=_rows(item for item in limited if item.allowed == 0),
        told=_rows(item for item in gates if item.allowed is None and item.name not in _CHOICES),
        choice=[line for item in gates if item.name in _CHOICES for line in _choice(item)],
        where=_where(read_json(path)["environment"]),
    )


def share_of_limit(item: Gate) -> float | None:
    """Return the share of a gate's limit that is used up: 0 is perfect, 1 is at the limit.

    None where no share makes sense: without a limit, with a limit of 0, for a version.

    Where higher is better the limit is a share of 1 (a cosine), so what counts is how much is
    missing to 1.
    """
    if item.allowed is None or item.name.endswith(_VERSIONS):
        return None
    if item.better == "lower":
        share = item.measured / item.allowed if item.allowed > 0 else None
        return 0.0 if share is not None and share < 0 else share  # a loss that is a gain
    return (1 - item.measured) / (1 - item.allowed) if item.allowed < 1 else None


def _rows(gates: Iterable[Gate]) -> list[GateRow]:
    rows = [
        GateRow(
            key=item.name,
            name=": ".join([_name(item.name), *_language(item)]),
            measured=_with_unit(item.measured, item.unit),
            allowed="" if item.allowed is None else _limit(item.allowed, item.better),
            used=share_of_limit(item),
            passed=item.passed,
            over=_over(item),
            overruled=item.overruled,
        )
        for item in gates
    ]
    return sorted(rows, key=lambda row: (row.passed, row.used is None))


def _where(environment: Mapping[str, Any]) -> str:
    """Return what served, and what the release is for, where something served."""
    if "backend" not in environment:
        return ""
    return (
        f"Measured on a {environment['backend']}. The release is for Triton "
        f"{environment['triton_release']}."
    )


def _language(item: Gate) -> list[str]:
    """Return the language that a gate names, if it does."""
    return [str(item.detail["language"])] if "language" in item.detail else []


def _choice(item: Gate) -> list[str]:
    """Return what a choice of precision says: what was taken, and why not what came before."""
    refused = [
        f"{precision} was refused: {'; '.join(lines)}."
        for precision, lines in item.detail["refused"].items()
    ]
    graph = _GRAPHS[item.name.partition(".")[0]].lower()
    return [f"The {graph} is {item.detail['taken']}.", *refused]


def _name(key: str) -> str:
    graph, _, check = key.partition(".")
    if graph == "target" and check:
        return _name(check)
    if graph in _GRAPHS and check:
        return f"{_GRAPHS[graph]}: {_OF_A_GRAPH.get(check, plain(check).lower())}"
    if graph == "preflight" and check:
        return _OF_THE_PREFLIGHT.get(check, plain(check))
    if graph in _RANKINGS and check:
        return _RANKINGS[graph] + _OF_THE_RANKING.get(check, plain(check))
    return _OF_THE_SERVER.get(key, plain(key))


def _with_unit(value: float, unit: str) -> str:
    shown = significant(value)
    return f"{shown} {unit}" if unit == "MB" else shown


def _limit(allowed: float, better: str) -> str:
    return f"{'≤' if better == 'lower' else '≥'}\u00a0{significant(allowed)}"


def _over(item: Gate) -> str:
    """Return the sample's size, as far as the gate tells it, and languages of few queries."""
    words = []
    for key, value in item.detail.items():
        if isinstance(value, int) and not isinstance(value, bool):
            name = key.replace("_", " ")
            one = re.sub("s$", "", re.sub("ies$", "y", name))
            plural = name.endswith("s")
            words.append(counted(value, one, name) if plural else f"{name} {number(value)}")
    for key, what in _FEW_QUERIES.items():
        few = item.detail.get(key, {})
        if languages := [f"{language} ({number(count)})" for language, count in few.items()]:
            words.append(f"{what}: {', '.join(languages)}")
    return ", ".join(words)

"""The stages as they ran: what each made, how long it took, how large it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pintower.artifacts import read_manifest
from pintower.report.names import plain
from pintower.report.numbers import counted, number, size

__all__ = ["Step", "describe_flow", "told"]

_Phrase = Callable[[Any], str] | None
"""How a figure of a manifest is told; None where the page tells it elsewhere."""


@dataclass(frozen=True)
class Step:
    """One stage.

    Attributes:
        name: of the stage.
        purpose: what it is there for.
        made: what it made, in words.
        seconds: it took; None for a folder that was made elsewhere.
        share: of the longest stage's time, per cent.
        size: of its folder, with its unit.
        created: when it was done, seconds since the epoch; None as for ``seconds``.
        branch: whether the main line goes on without it.
    """

    name: str
    purpose: str
    made: str
    seconds: float | None
    share: float
    size: str
    created: float | None
    branch: bool


def _many(one: str, many: str = "") -> Callable[[Any], str]:
    return lambda value: counted(value, one, many)


_PURPOSES = {
    "data": "The dataset, read and split by query",
    "teacher": "A cross-encoder, fine-tuned on human levels",
    "labels": "The teacher's soft labels on the log",
    "student": "Two towers and a scoring head",
    "evaluation": "Every model on held-out queries",
    "export": "ONNX graphs, measured against torch",
    "pins": "The catalogue, embedded offline",
    "repository": "The Triton models, measured as served",
    "bench": "The log's own load, sent to the server",
}
_PHRASES: Mapping[str, Mapping[str, _Phrase]] = {
    "data": {
        "name": None,
        "layout": lambda value: f"in the layout of {value}",
        "pins": _many("pin"),
        "judgments": _many("human level"),
        "impressions": _many("impression"),
        "query_log": _many("logged query", "logged queries"),
        "train_queries": _many("judged query to train", "judged queries to train"),
        "validation_queries": lambda value: f"{number(value)} to validate",
        "test_queries": lambda value: f"{number(value)} held out",
    },
    "teacher": {
        "pairs": _many("human level learned", "human levels learned"),
        "steps": _many("step"),
        "validation_ndcg": lambda value: f"nDCG@20 {number(value)} on its held-out queries",
        "labels": lambda value: "ahead of every baseline there" if value else "behind a baseline",
    },
    "labels": {
        "pairs": _many("pair labelled", "pairs labelled"),
        "queries": _many("query", "queries"),
        "shards": None,
        "reason": lambda value: f"the teacher beats no baseline: {value}",
    },
    "student": {
        "pairs": _many("pair learned", "pairs learned"),
        "judgments": _many("human level"),
        "labels": _many("soft label"),
        "trained": lambda value: f"trained: {value}",
        "reason": lambda value: f"taken: {value}",
    },
    "evaluation": {
        "queries": _many("held-out query", "held-out queries"),
        "pairs": _many("judged pair"),
        "student_minus_best": lambda value: f"nDCG@20 over the best baseline {value}",
        **dict.fromkeys(
            (
                "teacher_ndcg",
                "student_ndcg",
                "bm25_ndcg",
                "cosine_ndcg",
                "mixture_ndcg",
                "best_baseline",
            )
        ),
    },
    "export": {
        "target": lambda value: f"for {value}",
        "gates": _many("figure measured", "figures measured"),
        "space_id": None,
        **dict.fromkeys(
            ("query_encoder.max_abs", "query_encoder.min_cosine", "pin_encoder.max_abs")
        ),
    },
    "pins": {
        "snapshot": None,
        "pins": _many("pin"),
        "embedded": lambda value: f"{number(value)} embedded now",
        "pins_per_second": lambda value: f"{number(value, 0)} a second",
        "not_finite": lambda value: f"{number(value)} not finite" if value else "",
    },
    "repository": {
        "release": lambda value: f"release {value}",
        "pins": _many("pin"),
        "gates": _many("figure measured", "figures measured"),
        **dict.fromkeys(("mebibytes", "runtimes_min_cosine", "served_equals_offline")),
    },
}


def describe_flow(inputs: Mapping[str, Path], bench: Mapping[str, Any]) -> list[Step]:
    """Return the stages of a run, in order.

    Args:
        inputs: every stage's folder; a stage that did not run is not among them.
        bench: ``bench/results.json``, which says more than the stage's manifest.
    """
    manifests = {stage: read_manifest(folder) for stage, folder in inputs.items()}
    longest = max((found.seconds for found in manifests.values() if found), default=0.0)
    steps = []
    for stage, folder in inputs.items():
        manifest = manifests[stage]
        seconds = manifest.seconds if manifest else None
        made = told(stage, manifest.info) if manifest else "made elsewhere"
        steps.append(
            Step(
                name=stage,
                purpose=_PURPOSES.get(stage, ""),
                made=_load(bench) if stage == "bench" else made,
                seconds=seconds,
                share=round(100 * seconds / longest, 2) if seconds and longest else 0.0,
                size=size(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())),
                created=manifest.created if manifest else None,
                branch=stage == "evaluation",
            )
        )
    return steps


def told(stage: str, info: Mapping[str, Any]) -> str:
    """Return a manifest's figures in words; one without words of its own under its key."""
    phrases = _PHRASES.get(stage, {})
    words = []
    for key, value in info.items():
        if key not in phrases:
            if isinstance(value, str | int | float):
                words.append(f"{plain(key).lower()} {number(value)}")
        elif phrase := phrases[key]:
            words.append(phrase(value))
    return ", ".join(word for word in words if word)


def _load(bench: Mapping[str, Any]) -> str:
    requests = sum(row["requests"] for row in bench["rows"])
    measured = counted(len(bench["rows"]), "measurement")
    return f"{counted(requests, 'request')} in {measured}"

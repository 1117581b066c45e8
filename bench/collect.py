"""Keep what a run measured, and print it as the README shows it.

    .venv/bin/python bench/collect.py artifacts/movies

writes ``bench/results/<name>_quality-<device>.json`` and ``<name>_serving-<device>.json`` from the
run's evaluation and bench folders, and prints both tables in Markdown.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pintower.artifacts import read_json, read_manifest, write_json
from pintower.errors import PintowerError

RESULTS = Path(__file__).parent / "results"
NAMES = {
    "bm25": "BM25",
    "cosine": "untuned encoder's cosine",
    "mixture": "mixture of cosine and BM25",
}
MEASURES = {
    "ndcg@20": "nDCG@20",
    "p@8": "P@8",
    "sdcg@25": "sDCG@25",
    "kendall_tau": "Kendall's tau-b",
    "accuracy_within_one": "accuracy within one",
    "macro_f1": "macro F1",
    "ece": "calibration error",
}
LOADS = {"log": "query log, replayed once", "unique": "every query once"}
QUALITY = (
    "Held-out queries, never seen by teacher or student nor in any pin's text; intervals by "
    "resampling queries, differences paired by query; tied scores count at their mean over orders."
)


def main() -> None:
    """Write the results and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path, help="work folder of a finished run")
    workdir: Path = parser.parse_args().workdir
    try:
        collect(workdir)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def collect(workdir: Path) -> None:
    """Write both results of a work folder.

    Raises:
        InputError: if the run is not finished.
    """
    metrics = read_json(workdir / "evaluation" / "metrics.json")
    serving = read_json(workdir / "bench" / "results.json")
    name = workdir.resolve().name
    seconds = {
        stage: round(manifest.seconds, 1)
        for stage in ("data", "teacher", "labels", "student", "evaluation", "export", "pins",
                      "models", "bench", "report")
        if (manifest := read_manifest(workdir / stage)) is not None
    }  # fmt: skip
    run = {
        "command": f"pintower run {name} --set data.path=DIR",
        "commit": serving["commit"],
        "device": serving["device"],
        "versions": serving["versions"],
    }
    quality = {
        "name": f"{name}_quality",
        **run,
        "method": QUALITY,
        "queries": metrics["queries"],
        "pairs": metrics["pairs"],
        "stage_seconds": seconds,
        "rows": [{"model": model, **values} for model, values in metrics["models"].items()],
        "differences": metrics["differences"],
        "headline": {
            f"{row['model']}_minus_{row['baseline']}_{row['measure']}": row["value"]
            for row in metrics["differences"]
        },
    }
    for result in (quality, {**serving, "name": f"{name}_serving", "command": run["command"]}):
        write_json(RESULTS / f"{result['name']}-{device_name(serving['device'])}.json", result)
    print_quality(metrics)
    print_serving(serving)
    sys.stdout.write(f"\nStages, seconds: {seconds}\n")


def device_name(device: Mapping[str, Any]) -> str:
    """Return a device as a part of a file's name."""
    words = f"{device['processor']} {device.get('instructions') or ''} {device['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def keep(result: Mapping[str, Any], figure: str, out: Path = RESULTS) -> None:
    """Write a result and its plot, ``<name>-<device>.json`` and ``.svg``; print its headline."""
    name = f"{result['name']}-{device_name(result['device'])}"
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{name}.json", result)
    (out / f"{name}.svg").write_text(figure, "utf-8")
    json.dump(result["headline"], sys.stdout, indent=2)
    sys.stdout.write("\n")


def print_quality(metrics: Mapping[str, Any]) -> None:
    """Print each model's measures and the paired differences."""
    measures = metrics["measures"]
    titles = [MEASURES.get(name, name.replace("auroc_", "AUROC ")) for name in measures]
    print_row(["model", *titles])
    print_row(["---"] * (1 + len(measures)))
    for name, values in metrics["models"].items():
        print_row([NAMES.get(name, name), *(_interval(values.get(m)) for m in measures)])
    for row in metrics["differences"]:
        names = (NAMES.get(row[side], row[side]) for side in ("model", "baseline"))
        sys.stdout.write(f"\n{' minus '.join(names)}: {_interval(row)}")
    sys.stdout.write("\n\n")


def print_serving(serving: Mapping[str, Any]) -> None:
    """Print each load's throughput, percentiles and cache hits."""
    print_row(["load", "in flight", "requests/s", "p50 ms", "p99 ms", "cache hits"])
    print_row(["---"] * 6)
    for row in serving["rows"]:
        figures = (f"{row['throughput']:.0f}", f"{row['p50_ms']:.1f}", f"{row['p99_ms']:.1f}")
        hits = f"{100 * row['cache_hit_rate']:.0f} %"
        print_row([LOADS[row["scenario"]], str(row["concurrency"]), *figures, hits])


def print_row(cells: list[str]) -> None:
    """Print one row of a Markdown table."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")


def _interval(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "–"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


if __name__ == "__main__":
    main()

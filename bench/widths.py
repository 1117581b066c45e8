"""What do narrower embeddings cost and save? Five widths from one training, on movie search.

    .venv/bin/python bench/widths.py WORKDIR --movies MSRD

trains one student of width 384 on MSRD's judgments, with 256, 128, 64 and 32 at once, narrows it to
each, and measures all of them by ``pintower plan``. What is finished in WORKDIR is not made again.
Writes ``bench/results/widths-<device>.json`` and ``.svg``, and prints the table of the README.
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collect import RESULTS, keep, print_row

from pintower.artifacts import read_json, read_manifest, write_folder
from pintower.bench.machine import commit, device, versions
from pintower.config import ExportConfig
from pintower.errors import PintowerError
from pintower.export.plan import make_plan
from pintower.export.plan_figure import plan_plot
from pintower.export.plan_rows import PlanRow
from pintower.models.narrowing import narrow_student
from pintower.pipeline import run_stages
from pintower.recipes import find_recipe, load_recipe
from pintower.stages import select_stages

WIDTH, WIDTHS = 384, (256, 128, 64, 32)
METHOD = (
    "recipes/movies.toml without teacher, width 384 and student.widths [256, 128, 64, 32], trained "
    "once on judgments alone; `student narrow` to each width; `pintower plan`, all held-out "
    "queries: loss of nDCG@20 of the exported query encoder against the full width in torch fp32, "
    "each width with its own pins and scoring head, intervals of 95 % by resampling queries. "
    "torch_difference is nDCG@20 in torch against the full width, paired by query. Query encoder, "
    "look-up and scorer of one request of 100 pins on one thread, interleaved over rounds; "
    "snapshots in fp32 of the 9,750 movies, ids and match features' terms included (all of a "
    "snapshot fits in the processor's caches; embeddings drawn at random)."
)
_SEED = 7
_TARGET = "cpu-int8-static"


def main() -> None:
    """Train, narrow, measure; write the result and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--movies", type=Path, required=True, metavar="MSRD")
    parser.add_argument("--pairs", type=int, default=20_000, help="an epoch, at most")
    parser.add_argument("--queries", type=int, default=2_000, help="held-out ones, at most")
    parser.add_argument("--rounds", type=int, default=5, help="of the timing")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        measure(given)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def measure(given: argparse.Namespace) -> None:
    """Make what is missing, measure all widths in one plan, write the result."""
    students = train(given.workdir, given.movies, given.pairs)
    made = make_plan(
        students,
        [_TARGET],
        given.workdir / "data",
        given.workdir / "plan",
        max_loss=0.01,
        config=ExportConfig(ranking_queries=given.queries),
        rounds=given.rounds,
    )
    training = read_json(students[0] / "training.json")
    rows = [row_of(row, given.workdir, training) for row in made.rows]
    rows.sort(key=lambda row: -row["width"])
    result = {
        "name": "widths",
        "command": "python bench/widths.py WORKDIR --movies MSRD",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        "pairs": given.pairs,
        "training_seconds": training["seconds"],
        "trained": training["search"]["reason"],
        "queries": made.queries,
        "pins": made.pins,
        "candidates": made.candidates,
        "onnxruntime": made.onnxruntime,
        "rows": rows,
        "headline": headline(rows),
    }
    keep(result, plan_plot(made), given.out)
    print_table(rows)


def train(workdir: Path, movies: Path, pairs: int) -> list[Path]:
    """Train the student and narrow it; return all student folders, the full one first."""
    settings = [
        f"data.path={movies}",
        f"student.width={WIDTH}",
        f"student.widths={list(WIDTHS)}",
        f"student.pairs={pairs}",
    ]
    recipe = load_recipe(find_recipe("movies"), settings)
    wanted = ("data", "student")
    stages = [stage for stage in select_stages(recipe, "student") if stage.name in wanted]
    run_stages(stages, recipe, workdir)
    full = workdir / "student"
    trained = read_manifest(full)
    students = [full]
    for width in WIDTHS:
        folder = workdir / f"student-width{width}"
        found, key = read_manifest(folder), f"{trained.content}-{width}" if trained else ""
        if found is None or found.key != key:
            with write_folder(folder, stage="student", key=key, info={}) as partial:
                narrow_student(full, workdir / "data", partial, width=width, seed=_SEED)
        students.append(folder)
    return students


def row_of(row: PlanRow, workdir: Path, training: Mapping[str, Any]) -> dict[str, Any]:
    """Return a width's figures."""
    validation = next(each for each in training["widths"] if each["width"] == row.width)
    narrowed = workdir / row.student / "narrow.json"
    return {
        "width": row.width,
        "precision": row.precision,
        "ndcg@20": row.ndcg,
        "ndcg_loss": row.ndcg_loss,
        "ndcg_low": row.ndcg_low,
        "ndcg_high": row.ndcg_high,
        "torch_difference": read_json(narrowed)["difference"] if narrowed.is_file() else None,
        "validation": validation,
        "embedding_bytes": 4 * row.width,
        "snapshot_bytes": row.snapshot_bytes,
        "query_encoder": vars(row.latency),
        "look_up": vars(row.look_up),
        "scorer": vars(row.scorer),
        "total_ms": row.cost_ms,
        "failed_gates": list(row.failed),
    }


def headline(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return what the README quotes: each width's nDCG@20, and what the narrowest saves."""
    full, narrowest = rows[0], rows[-1]
    return {
        **{f"ndcg_{row['width']}": round(row["ndcg@20"], 4) for row in rows},
        "snapshot_share": round(narrowest["snapshot_bytes"] / full["snapshot_bytes"], 3),
        "embedding_share": round(narrowest["embedding_bytes"] / full["embedding_bytes"], 3),
    }


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the table of the README."""
    print_row(
        ["width", "nDCG@20", "lost against 384 in torch", "bytes a pin", "snapshot, MB",
         "look-up, ms (p99)", "scorer, ms (p99)", "query encoder, ms (p99)"]
    )  # fmt: skip
    print_row(["---"] * 8)
    for row in rows:
        loss, low, high = (100 * row[f"ndcg_{name}"] for name in ("loss", "low", "high"))
        print_row(
            [
                str(row["width"]),
                f"{row['ndcg@20']:.4f}",
                f"{loss:.2f} % ({low:.2f} to {high:.2f})".replace("-", "−"),
                f"{row['embedding_bytes']:,}",
                f"{row['snapshot_bytes'] / 1e6:.1f}",
                *(
                    f"{row[part]['p50_ms']:.3f} ({row[part]['p99_ms']:.3f})"
                    for part in ("look_up", "scorer", "query_encoder")
                ),
            ]
        )


if __name__ == "__main__":
    main()

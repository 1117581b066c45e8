"""Do soft labels pay? Students on human levels alone, and on many times as many soft labels.

    .venv/bin/python bench/scaling.py WORKDIR --data FOLDER --queries 1000 --pairs 24

Some queries of a dataset folder keep their judgments, a fifth is tested, and the others are its
log. One teacher labels the log; students are trained on the human levels and the first so many
labels. Finished parts are kept in WORKDIR. Writes ``bench/results/scaling-<device>.json``.
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from collect import RESULTS, device_name, print_row
from quality import write_dataset

from pintower import evaluation, student
from pintower.artifacts import write_json
from pintower.bench.machine import commit, device, versions
from pintower.config import Recipe
from pintower.data.reader import Dataset, read_dataset
from pintower.data.splits import normal_forms
from pintower.errors import PintowerError
from pintower.metrics.bootstrap import Resampling
from pintower.metrics.comparison import compare, differences, measures_for
from pintower.pipeline import run_stages
from pintower.recipes import find_recipe, load_recipe
from pintower.stages import select_stages

METHOD = (
    "Queries are drawn at random: those that keep their judgments (a tenth of them the validation "
    "split), a fifth of all for the test; the others' pairs are the log. The teacher of the recipe "
    "learns from the judgments and labels so many times as many pairs of the log; each student "
    "learns from the judgments and the first so many labels, an epoch holding all of them. "
    "times 0: judgments alone. Differences are of nDCG@20, paired by query, 95 % intervals. "
    "accuracy_synthetic: of the generated catalogue's demo run, whose levels are graded."
)
_SEED = 7
_TEST, _VALIDATION = 5, 10
_MAIN = "ndcg@20"


def main() -> None:
    """Label, train, measure, write the result, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="a dataset folder")
    parser.add_argument("--queries", type=int, default=1_000, help="that keep their judgments")
    parser.add_argument("--pairs", type=int, default=24, help="judgments of each, at most")
    parser.add_argument("--times", type=int, nargs="+", default=[20, 40, 100])
    parser.add_argument("--recipe", default="mine")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--demo", type=Path, help="work folder of a finished demo run")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        found = measure(given.workdir, given)
    except PintowerError as error:
        sys.exit(f"error: {error}")
    result = {
        "name": "scaling",
        "command": f"python bench/scaling.py WORKDIR --data {given.data.name} --queries "
        f"{given.queries} --pairs {given.pairs} --times {' '.join(map(str, given.times))}",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        **found,
        "headline": headline(found, given.demo),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / f"scaling-{device_name(result['device'])}.json", result)
    print_row(["times", "labels", "nDCG@20", "over human levels alone", "over the teacher"])
    print_row(["---"] * 5)
    for row in found["rows"]:
        over = [_shown(row[name]) for name in ("over_human_only", "over_teacher")]
        print_row([str(row["times"]), f"{row['labels']:,}", f"{row[_MAIN]['value']:.4f}", *over])


def measure(workdir: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Return the teacher's verdict and a row for each number of labels.

    Raises:
        PintowerError: as the pipeline does.
    """
    dataset = read_dataset(given.data)
    folder = write_dataset(
        workdir / "dataset", dataset, judged(dataset, given.queries, given.pairs)
    )
    human = pl.read_parquet(folder / "judgments.parquet").filter(split="train")
    most = max(given.times) * len(human)
    settings = [f"data.path={folder}", f"labels.pairs={most}", *given.set]
    recipe = load_recipe(find_recipe(given.recipe), settings)
    run_stages(select_stages(recipe, "labels"), recipe, workdir / "run")
    shards = sorted((workdir / "run" / "labels").glob("labels-*.parquet"))
    labels = pl.concat([pl.read_parquet(shard, glob=False) for shard in shards]) if shards else None
    told = json.loads((workdir / "run" / "teacher" / "metrics.json").read_text("utf-8"))
    columns: dict[int, pl.DataFrame] = {}
    counts: dict[int, int] = {}
    for times in [0, *given.times] if labels is not None else [0]:
        some = None if labels is None or not times else labels.head(times * len(human))
        counts[times] = 0 if some is None else len(some)
        columns[times] = train(workdir, recipe, times, some)
    pairs = columns[0].with_columns(
        pl.Series(f"student {times}", table["student"]) for times, table in columns.items()
    )
    resampling = Resampling(seed=_SEED)
    models = [*(f"student {times}" for times in columns), "teacher", "mixture", "cosine", "bm25"]
    figures = compare(pairs, models, measures_for(pairs["level"]), resampling)

    def over(times: int, other: str) -> dict[str, Any]:
        return differences(pairs, [(f"student {times}", other)], resampling)[0]

    rows = [
        {
            "times": times,
            "labels": counts[times],
            **figures["models"][f"student {times}"],
            "over_human_only": over(times, "student 0"),
            "over_teacher": over(times, "teacher"),
        }
        for times in columns
    ]
    return {
        "human_pairs": len(human),
        "queries": figures["queries"],
        "labelled": told["labels"],
        "reason": told["reason"],
        "models": figures["models"],
        "rows": rows,
    }


def judged(dataset: Dataset, queries: int, pairs: int) -> pl.DataFrame:
    """Return the judgments with their split; ``unlabelled`` where they are taken away."""
    forms = normal_forms(dataset.judgments["query"].unique())
    names = sorted(set(forms.values()))
    random = np.random.default_rng(_SEED)
    order = [names[number] for number in random.permutation(len(names)).tolist()]
    split = dict.fromkeys(order, "unlabelled")
    split |= dict.fromkeys(order[: len(order) // _TEST], "test")
    kept = order[len(order) // _TEST :][:queries]
    split |= dict.fromkeys(kept, "train") | dict.fromkeys(
        kept[: len(kept) // _VALIDATION], "validation"
    )
    table = dataset.judgments.with_columns(
        pl.Series("split", [split[forms[query]] for query in dataset.judgments["query"]])
    )
    few = pl.int_range(pl.len()).shuffle(seed=_SEED).over("query") < pairs
    return table.filter((pl.col("split") != "train") | few)


def train(workdir: Path, recipe: Recipe, times: int, labels: pl.DataFrame | None) -> pl.DataFrame:
    """Train a student on so many labels, unless it was; return its predictions of the test."""
    place = workdir / f"times-{times}"
    found = place / "evaluation" / "predictions.parquet"
    if not found.is_file():
        inputs = {"data": workdir / "run" / "data", "teacher": workdir / "run" / "teacher"}
        learned = {"data": inputs["data"]}
        config = recipe.student
        if labels is not None:
            learned["labels"] = place / "labels"
            learned["labels"].mkdir(parents=True, exist_ok=True)
            labels.write_parquet(learned["labels"] / "labels-00000.parquet")
            config = config.model_copy(update={"pairs": max(config.pairs, 2 * len(labels))})
        for part in ("student", "evaluation"):
            (place / part).mkdir(parents=True, exist_ok=True)
        student.run(config, learned, place / "student")
        inputs["student"] = place / "student"
        evaluation.run(recipe.evaluation, inputs, place / "evaluation")
    return pl.read_parquet(found)


def headline(found: dict[str, Any], demo: Path | None) -> dict[str, Any]:
    """Return the few numbers that the documents quote."""
    *_, last = found["rows"]
    gain, teacher = last["over_human_only"], found["models"]["teacher"][_MAIN]["value"]
    told = {
        "times": last["times"],
        "ndcg_gain_over_human_only": gain["value"],
        "ndcg_gain_ci_low": gain["low"],
        "student_over_teacher_ndcg": round(last[_MAIN]["value"] / teacher, 4),
    }
    if demo is not None:
        models = json.loads((demo / "evaluation" / "metrics.json").read_text("utf-8"))["models"]
        told["student_over_teacher_accuracy_synthetic"] = round(
            models["student"]["accuracy"]["value"] / models["teacher"]["accuracy"]["value"], 4
        )
    return told


def _shown(difference: dict[str, Any]) -> str:
    return f"{difference['value']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})"


if __name__ == "__main__":
    main()

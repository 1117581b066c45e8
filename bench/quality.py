"""Does the default recipe end ahead of what a user already has, on several data sets?

    .venv/bin/python bench/quality.py WORKDIR --data shop=FOLDER:5 --data movies=FOLDER:1:0.2 …

``--data NAME=FOLDER:FOLDS[:SHARE]`` runs one recipe on a dataset folder, every query tested once
where FOLDS is above one (else a fifth of them), with a SHARE of the training queries judged and
the others unlabelled, in the log. ``--set NAME:KEY=VALUE`` sets a key of the recipe for one data
set (an encoder that knows its language). ``--peer`` trains a bi-encoder with sentence-transformers
on the same human levels, in the time that the run's own training took. Each run is a work folder in
WORKDIR: what is finished is not run again. Writes ``bench/results/quality-<device>.json``.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from biencoder import fine_tuned
from collect import RESULTS, device_name, print_row

from pintower.artifacts import write_json
from pintower.bench.machine import commit, device, versions
from pintower.data.reader import Dataset, read_dataset
from pintower.data.splits import normal_forms
from pintower.errors import InputError, PintowerError
from pintower.metrics.bootstrap import Resampling
from pintower.metrics.comparison import auroc_difference, compare, differences, measures_for
from pintower.models.layout import StudentLayout
from pintower.pipeline import run_stages
from pintower.recipes import find_recipe, load_recipe
from pintower.stages import select_stages

METHOD = (
    "Each row is a data set: queries are split at random into folds, each the test of a run of the "
    "recipe with its defaults on the others (a tenth of which is its validation split), and "
    "the scores of all folds are measured together. Intervals are of 95 %, by resampling queries. "
    "best_baseline is the highest nDCG@20 of untuned cosine, BM25 and their mixture on these same "
    "queries. With a share, so many of the training queries keep their judgments; the others are a "
    "query log. biencoder is sentence-transformers on the same human levels, from the same "
    "encoder, in the seconds that teacher and student of that fold took (bench/biencoder.py)."
)
_SEED = 7
_TEST = 5
"""Without folds, one query of so many is tested."""
_VALIDATION = 10
_MODELS = ("student", "teacher", "mixture", "cosine", "bm25", "biencoder")
_BASELINES = ("mixture", "cosine", "bm25")
_MAIN = "ndcg@20"
_PEER = "biencoder.parquet"


@dataclass(frozen=True)
class Source:
    """A data set as the command line gives it.

    Attributes:
        name: of its row.
        folder: the dataset folder.
        folds: how often it is split.
        share: of the training queries that keep their judgments.
    """

    name: str
    folder: Path
    folds: int
    share: float

    @classmethod
    def parse(cls, text: str) -> "Source":
        """Read ``NAME=FOLDER:FOLDS[:SHARE]``.

        Raises:
            InputError: if it is not of that form.
        """
        name, _, rest = text.partition("=")
        folder, *numbers = rest.split(":")
        try:
            folds, share = int(numbers[0]), float(numbers[1]) if len(numbers) > 1 else 1.0
        except (IndexError, ValueError):
            raise InputError(f"--data {text!r}: write NAME=FOLDER:FOLDS[:SHARE].") from None
        return cls(name, Path(folder), folds, share)


def main() -> None:
    """Run what is missing, measure, write the result, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path, help="for the runs' work folders")
    parser.add_argument("--data", action="append", required=True, metavar="NAME=FOLDER:FOLDS")
    parser.add_argument("--set", action="append", default=[], metavar="NAME:KEY=VALUE")
    parser.add_argument("--recipe", default="mine")
    parser.add_argument("--peer", action="store_true", help="train a bi-encoder beside each run")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        sources = [Source.parse(text) for text in given.data]
        settings = [entry.partition(":")[::2] for entry in given.set]
        rows = [
            measure(source, given.recipe, [key for name, key in settings if name == source.name],
                    given.workdir, peer=given.peer)
            for source in sources
        ]  # fmt: skip
    except PintowerError as error:
        sys.exit(f"error: {error}")
    result = {
        "name": "quality",
        "command": "python bench/quality.py " + " ".join(_shown(sys.argv[1:])),
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        "rows": rows,
        "headline": headline(rows),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / f"quality-{device_name(result['device'])}.json", result)
    print_table(rows)
    for name, value in result["headline"].items():
        sys.stdout.write(f"{name}: {value}\n")


def measure(
    source: Source, recipe: str, settings: Sequence[str], workdir: Path, *, peer: bool
) -> dict[str, Any]:
    """Run a recipe on each fold of a data set and return its row.

    Raises:
        PintowerError: as the pipeline does.
    """
    dataset = read_dataset(source.folder)
    parts, told = [], []
    for fold, judgments in enumerate(splits(dataset, source)):
        place = workdir / source.name / f"fold-{fold}"
        folder = write_dataset(place / "dataset", dataset, judgments)
        loaded = load_recipe(find_recipe(recipe), [f"data.path={folder}", *settings])
        run_stages(select_stages(loaded, "evaluation"), loaded, place / "run")
        logging.info("%s, fold %d is done", source.name, fold)
        found = pl.read_parquet(place / "run" / "evaluation" / "predictions.parquet")
        figures = {
            part: json.loads((place / "run" / part / name).read_text("utf-8"))
            for part, name in (("teacher", "metrics.json"), ("student", "training.json"))
        }
        if peer:
            seconds = sum(each.get("seconds", 0.0) for each in figures.values())
            figures["peer"] = tune_peer(place, figures["student"]["query_encoder"], found, seconds)
            scores = pl.read_parquet(place / _PEER)["score"]
            found = found.with_columns(scores.alias("biencoder"))
        parts.append(found)
        told.append(figures)
    return row_of(source, pl.concat(parts, how="diagonal"), told)


def tune_peer(place: Path, encoder: str, pairs: pl.DataFrame, seconds: float) -> dict[str, Any]:
    """Fine-tune the bi-encoder of a fold, unless it was; return what is told of it."""
    told = place / "biencoder.json"
    if not told.is_file():
        rendering = StudentLayout(place / "run" / "student").load_rendering()
        data = place / "run" / "data"
        tuned = fine_tuned(encoder, data, rendering, pairs, seconds=seconds, seed=_SEED)
        pl.DataFrame({"score": tuned.scores}).write_parquet(place / _PEER)
        write_json(told, {"taken": tuned.taken, "checks": tuned.checks, "seconds": seconds})
    found: dict[str, Any] = json.loads(told.read_text("utf-8"))
    return found


def splits(dataset: Dataset, source: Source) -> Iterator[pl.DataFrame]:
    """Yield the judgments of each fold with their split; null where they are taken away."""
    forms = normal_forms(dataset.judgments["query"].unique())
    names = sorted(set(forms.values()))
    random = np.random.default_rng(_SEED)
    folds = dict(
        zip(names, (random.permutation(len(names)) % max(source.folds, _TEST)), strict=True)
    )
    order = random.permutation(len(names))
    rank = {names[number]: at for at, number in enumerate(order.tolist())}
    for fold in range(source.folds):
        kept = sorted((name for name in names if folds[name] != fold), key=rank.__getitem__)
        judged = kept[: round(source.share * len(kept))]
        split = dict.fromkeys(names, "test") | dict.fromkeys(kept, "unlabelled")
        split |= dict.fromkeys(judged, "train")
        split |= dict.fromkeys(judged[: len(judged) // _VALIDATION], "validation")
        split = {name: "test" if folds[name] == fold else split[name] for name in names}
        yield dataset.judgments.with_columns(
            pl.Series("split", [split[forms[query]] for query in dataset.judgments["query"]])
        )


def write_dataset(folder: Path, dataset: Dataset, judgments: pl.DataFrame) -> Path:
    """Write a dataset folder of one fold; queries without judgments are its log."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset.pins.write_parquet(folder / "pins.parquet")
    judged = pl.col("split") != "unlabelled"
    judgments.filter(judged).write_parquet(folder / "judgments.parquet")
    unlabelled = judgments.filter(~judged).select("query", "pin_id")
    if not unlabelled.is_empty():
        unlabelled.with_columns(
            pl.lit(0, dtype=pl.Int64).alias("timestamp"), pl.lit("none").alias("engagement")
        ).write_parquet(folder / "impressions.parquet")
    return folder


def row_of(source: Source, pairs: pl.DataFrame, told: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all folds together."""
    resampling = Resampling(seed=_SEED)
    models = [name for name in _MODELS if name in pairs.columns]
    figures = compare(pairs, models, measures_for(pairs["level"]), resampling)
    best = max(
        (name for name in _BASELINES if name in models),
        key=lambda name: figures["models"][name][_MAIN]["value"],
    )
    compared = [("student", best)]
    compared += [("student", name) for name in ("cosine", "teacher", "biencoder") if name != best]
    compared = [pair for pair in compared if set(pair) <= set(models)]
    found = differences(pairs, compared, resampling)
    highest = int(pairs["level"].max())
    found += [
        {"measure": f"auroc_{highest}", "model": model, "baseline": other}
        | asdict(auroc_difference(pairs, model, other, highest, resampling))
        for model, other in compared
    ]
    return {
        "data": source.name,
        "folds": source.folds,
        "share": source.share,
        "queries": figures["queries"],
        "pairs": figures["pairs"],
        "best_baseline": best,
        "models": figures["models"],
        "differences": found,
        "labelled": [fold["teacher"].get("labels") for fold in told],
        "trained": [fold["student"]["search"]["reason"] for fold in told],
        "seconds": [
            round(sum(fold[part].get("seconds", 0.0) for part in ("teacher", "student")))
            for fold in told
        ],
        "biencoder": [fold["peer"]["taken"] for fold in told if "peer" in fold],
    }


def headline(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the few numbers that the documents quote."""
    over = {row["data"]: _difference(row, row["best_baseline"]) for row in rows}
    gains = [_difference(row, "cosine")["value"] for row in rows]
    shares = [
        row["models"]["student"][_MAIN]["value"] / row["models"]["teacher"][_MAIN]["value"]
        for row in rows
        if any(row["labelled"])
    ]
    return {
        "worst_gap_to_best_baseline": round(min(each["value"] for each in over.values()), 4),
        "mean_gain_over_untuned": round(float(np.mean(gains)), 4),
        "wins_of_rows": f"{sum(each['low'] > 0 for each in over.values())} of {len(rows)}",
        "student_over_teacher_min": round(min(shares), 4) if shares else None,
    }


def _difference(row: dict[str, Any], baseline: str) -> dict[str, Any]:
    return next(
        each
        for each in row["differences"]
        if (each["measure"], each["baseline"]) == (_MAIN, baseline)
    )


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print nDCG@20 of every model, and the student's lead."""
    names = ["data", *_MODELS, "student over the best baseline"]
    print_row(names)
    print_row(["---"] * len(names))
    for row in rows:
        values = [row["models"].get(name, {}).get(_MAIN, {}).get("value") for name in _MODELS]
        lead = _difference(row, row["best_baseline"])
        told = f"{lead['value']:+.4f} ({lead['low']:+.4f} to {lead['high']:+.4f})"
        print_row([row["data"], *("" if v is None else f"{v:.4f}" for v in values), told])


def _shown(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the command's arguments without the folders that lie before a data set's own."""
    for argument in arguments:
        name, equals, rest = argument.partition("=")
        yield f"{name}={Path(rest).name}" if equals and "/" in rest else Path(argument).name


if __name__ == "__main__":
    main()

r"""Does BM25 over pintower's terms find the right text in every language, and what do terms cost?

    .venv/bin/python bench/languages.py FOLDER --queries MSRD

FOLDER holds a dataset folder a language, of the same texts in each (XQuAD as dataset folders):
the pin that a query is level 5 for has to come first. Beside pintower's terms stands the rule
before them, runs of ``\w`` in a case-folded text. Terms are timed on each language's queries and,
with ``--queries``, on the real English ones of any dataset folder. Writes
``bench/results/languages-<device>.json``.
"""

import argparse
import importlib
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import polars as pl
from collect import RESULTS, device_name, print_row

from pintower.artifacts import write_json
from pintower.bench.machine import commit, device, versions
from pintower.data.candidates import CandidateIndex
from pintower.data.reader import Dataset, read_dataset
from pintower.data.tables import LEVELS, TEXT_COLUMNS
from pintower.errors import DatasetError, PintowerError
from pintower.progress import track
from pintower.text import terms as rule

METHOD = (
    "bm25_recall1: share of the queries whose level-5 pin comes first, by BM25 (bm25s, the Lucene "
    "variant) over the pins' text: CandidateIndex, and the same over the rule before, runs of \\w "
    "after NFKC and case folding. terms_us: time a query; both rules go through 50 queries in "
    "turns, and of each 50 the least time over all rounds counts, since other processes only add "
    "to it. In each round pintower's terms begin with an empty memory of words; terms_again_us: "
    "the same queries once more. One process. The ratio in the headline is the last row's."
)
_CHUNK = 50
_HELD = ("zh", "hi", "th")
_WORD = re.compile(r"\w+")


def main() -> None:
    """Measure, write the result, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a dataset folder a language")
    parser.add_argument("--queries", type=Path, help="dataset folder of real English queries")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    try:
        result = measure(given.folder, given.queries, given.rounds)
    except PintowerError as error:
        sys.exit(f"error: {error}")
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / f"languages-{device_name(result['device'])}.json", result)
    names = list(result["rows"][0])
    print_row(names)
    print_row(["---"] * len(names))
    for row in result["rows"]:
        print_row([str(row.get(name, "")) for name in names])
    for name, value in result["headline"].items():
        sys.stdout.write(f"{name}: {value}\n")


def measure(folder: Path, queries: Path | None, rounds: int) -> dict[str, Any]:
    """Return the whole result.

    Raises:
        DatasetError: if a folder cannot be read or no language is there.
    """
    languages = sorted(path.parent.name for path in folder.glob("*/judgments.*"))
    languages = [name for name in languages if name != "all"]
    if not languages:
        raise DatasetError(f"{folder} holds no dataset folder; give one with a folder a language.")
    rows = []
    for name in track(languages, "Asking in every language", unit="languages"):
        dataset = read_dataset(folder / name)
        asked = dataset.judgments["query"].unique(maintain_order=True).to_list()
        rows.append({"queries_of": name, **recalls(dataset), **times(asked, rounds)})
    if queries is not None:
        asked = read_dataset(queries).judgments["query"].unique(maintain_order=True).to_list()
        rows.append({"queries_of": "real English", "queries": len(asked), **times(asked, rounds)})
    recall = {row["queries_of"]: row["bm25_recall1"] for row in rows if "bm25_recall1" in row}
    return {
        "name": "languages",
        "command": "python bench/languages.py FOLDER --queries DATASET",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        "rounds": rounds,
        "rows": rows,
        "headline": {
            "bm25_recall1_min": min(recall.values()),
            **{f"bm25_recall1_{name}": recall[name] for name in _HELD if name in recall},
            "terms_time_ratio_en": rows[-1]["time_ratio"],
        },
    }


def before(text: str) -> list[str]:
    """Return the terms of a text by the rule that pintower had before."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def recalls(dataset: Dataset) -> dict[str, Any]:
    """Return how often the right pin comes first, by pintower's terms and by the rule before."""
    right = dict(
        dataset.judgments.filter(pl.col("level") == max(LEVELS))
        .select("query", "pin_id")
        .iter_rows()
    )
    index = CandidateIndex.build(dataset.pins)
    first = {query: index.search(query, 1) for query in right}
    found = sum(first[query] == [pin_id] for query, pin_id in right.items())
    return {
        "pins": len(dataset.pins),
        "queries": len(right),
        "bm25_recall1": round(found / len(right), 4),
        "bm25_recall1_before": round(recall_before(dataset.pins, right), 4),
    }


def recall_before(pins: pl.DataFrame, right: dict[str, str]) -> float:
    """Return the share of queries whose pin comes first by the rule before."""
    vocabulary: dict[str, int] = {}
    documents = []
    for pin in pins.select(TEXT_COLUMNS).iter_rows():
        text = " ".join(part if isinstance(part, str) else " ".join(part) for part in pin if part)
        documents.append([vocabulary.setdefault(t, len(vocabulary)) for t in before(text)])
    index = bm25s.BM25(method="lucene")
    index.index((documents, vocabulary), create_empty_token=False, show_progress=False)
    found = 0
    for query, pin_id in right.items():
        known = [vocabulary[term] for term in before(query) if term in vocabulary]
        if known:
            found += pins["pin_id"][int(np.argmax(index.get_scores_from_ids(known)))] == pin_id
    return found / len(right)


def times(queries: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return what a query's terms take, in turns with the rule before."""
    chunks = [queries[begin : begin + _CHUNK] for begin in range(0, len(queries), _CHUNK)]
    best = {name: np.full(len(chunks), np.inf) for name in ("before", "first", "again")}
    for _ in range(rounds):
        importlib.reload(rule)  # it remembers words
        for name in ("first", "again"):
            for place, chunk in enumerate(chunks):
                for rival, cut in (("before", before), (name, rule.terms)):
                    best[rival][place] = min(best[rival][place], seconds(cut, chunk))
    taken = {name: 1e6 * float(values.sum()) / len(queries) for name, values in best.items()}
    return {
        "terms_us": round(taken["first"], 3),
        "terms_again_us": round(taken["again"], 3),
        "terms_us_before": round(taken["before"], 3),
        "time_ratio": round(taken["first"] / taken["before"], 3),
        "time_ratio_again": round(taken["again"] / taken["before"], 3),
    }


def seconds(cut: Callable[[str], Sequence[str]], queries: Sequence[str]) -> float:
    """Return the seconds that all queries take."""
    started = time.perf_counter()
    for query in queries:
        cut(query)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

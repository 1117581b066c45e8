"""Does a second run of `pintower embed` cost what changed, and nothing else?

    .venv/bin/python bench/embed_incremental.py

embeds a million synthetic pins with an encoder of one layer, so that the work around the encoder
weighs most; then the same catalogue with 1 % changed, 0.5 % deleted and 0.5 % new; then that one
again with nothing changed. Each run is `pintower embed` in a process of its own, its start
included. Holds the store, row by row, to what had to change. Writes
``bench/results/embed_incremental-<device>.json``. Needs 5 GB of disk.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import torch
from collect import RESULTS, device_name, print_row
from numpy.typing import NDArray
from transformers import AutoTokenizer, BertConfig, BertModel

from pintower.artifacts import write_json
from pintower.bench.machine import commit, device, versions
from pintower.contracts import Contract
from pintower.errors import PintowerError
from pintower.models.backbones import find_backbone
from pintower.pins.store import Origin, PinStore

PINTOWER = Path(sys.executable).with_name("pintower")
BACKBONE = "all-MiniLM-L6-v2"
CHANGED, DELETED, NEW = 0.01, 0.005, 0.005
BLOCK = 100_000
GIB = 2**30
METHOD = (
    "pintower embed in a process of its own, its start included. seconds: by the wall. "
    "second_run_share: seconds of the second run less those of the run in which nothing changed, "
    "over those of the first. peak_gib: memory of the process and its children, pages they share "
    "counted once (PSS), sampled five times a second. Rows of the store before and after the "
    "second run are compared by id: exactly the pins that were changed, deleted or new differ."
)


def main() -> None:
    """Run, compare, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pins", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to put 5 GB; the system's own without")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="pintower-") as folder:
            measure(given, Path(folder))
    except PintowerError as error:
        sys.exit(f"error: {error}")


def measure(given: argparse.Namespace, folder: Path) -> None:
    """Measure in an empty folder."""
    work = build(folder, words(folder))
    first = catalogue(given.pins, words(folder))
    second, touched = changed(first)
    runs = []
    before: pl.DataFrame | None = None
    differing: set[str] = set()
    for name, pins in (("first", first), ("second", second), ("nothing changed", second)):
        path = folder / "catalogue.parquet"
        pins.write_parquet(path)
        runs.append({"run": name, **embed(path, work)})
        logging.info("%s", runs[-1])
        rows = stored(work)
        if before is not None and name == "second":
            differing = differing_ids(before, rows)
        before = rows
    result = {
        "name": "embed_incremental",
        "command": "python bench/embed_incremental.py",
        "commit": commit(),
        "device": device(),
        "versions": versions("pylance", "duckdb", "polars"),
        "method": METHOD,
        "pins": given.pins,
        "shares": {"changed": CHANGED, "deleted": DELETED, "new": NEW},
        "rows": runs,
        "headline": headline(runs, given.pins, differing == touched),
    }
    write_json(given.out / f"embed_incremental-{device_name(result['device'])}.json", result)
    print_row(["run", "seconds", "embedded", "deleted", "peak GiB"])
    print_row(["---"] * 5)
    for run in runs:
        figures = (f"{run['seconds']:.1f}", f"{run['embedded']:,}", f"{run['deleted']:,}")
        print_row([run["run"], *figures, f"{run['peak_gib']:.2f}"])
    sys.stdout.write(f"\n{json.dumps(result['headline'], indent=2)}\n")


def headline(runs: list[dict[str, Any]], pins: int, exact: bool) -> dict[str, Any]:
    """Return what the README quotes."""
    first, second, nothing = (run["seconds"] for run in runs)
    wanted = round(CHANGED * pins) + round(NEW * pins)
    counted = runs[1]["embedded"] == wanted and runs[1]["deleted"] == round(DELETED * pins)
    return {
        "second_run_share": round((second - nothing) / first, 4),
        "embedded_exactly_changed": bool(exact and counted and not runs[2]["embedded"]),
        "first_seconds": first,
        "no_change_seconds": nothing,
        "peak_gib": max(run["peak_gib"] for run in runs),
    }


def words(folder: Path) -> list[str]:
    """Return words that the encoder's tokenizer knows."""
    vocabulary = AutoTokenizer.from_pretrained(find_backbone(BACKBONE)).get_vocab()
    return sorted(word for word in vocabulary if word.isalpha() and len(word) > 3)


def catalogue(pins: int, known: list[str]) -> pl.DataFrame:
    """Return pins of about 25 words, drawn from a seed."""
    random = np.random.default_rng(1)

    def texts(length: int) -> pl.Series:
        drawn = random.integers(0, len(known), (pins, length), np.int32)
        columns = [pl.Series(known).gather(drawn[:, place]) for place in range(length)]
        return pl.select(pl.concat_str(columns, separator=" ")).to_series()

    boards = [texts(2) for _ in range(2)]
    frame = pl.DataFrame(
        {
            "pin_id": pl.Series([f"{10**15 + 7_919 * number}" for number in range(pins)]),
            "title": texts(5),
            "description": texts(10),
            "caption": texts(6),
        }
    )
    return frame.with_columns(board_titles=pl.select(pl.concat_list(boards)).to_series())


def changed(pins: pl.DataFrame) -> tuple[pl.DataFrame, set[str]]:
    """Return a catalogue with some pins changed, deleted and new, and the ids of all of them."""
    order = np.random.default_rng(2).permutation(len(pins))
    ends = np.cumsum([round(share * len(pins)) for share in (CHANGED, DELETED, NEW)])
    edited, gone, source = np.split(order[: ends[2]], ends[:2])
    ids = pins["pin_id"]
    moved = pl.col("pin_id").is_in(ids.gather(edited).implode())
    title = pl.when(moved).then(pl.lit("changed ") + pl.col("title")).otherwise("title")
    more = pins[source].with_columns(pin_id=pl.lit("new-") + pl.col("pin_id"))
    kept = pins.with_columns(title=title).filter(
        ~pl.col("pin_id").is_in(ids.gather(gone).implode())
    )
    touched = {*ids.gather(edited), *ids.gather(gone), *more["pin_id"]}
    return pl.concat([kept, more]), touched


def build(folder: Path, known: list[str]) -> "Work":
    """Return a tiny student, exported by `pintower build` as a user would."""
    from pintower.models.encoders import build_encoder, save_encoder
    from pintower.models.layout import StudentLayout
    from pintower.models.scoring_head import ScoringHead
    from pintower.text.match_features import FEATURES, fit_statistics
    from pintower.text.rendering import Rendering

    torch.manual_seed(0)
    backbone, student = folder / "backbone", StudentLayout(folder / "student")
    tokenizer = AutoTokenizer.from_pretrained(find_backbone(BACKBONE))
    sizes = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64,
    )  # fmt: skip
    BertModel(sizes).save_pretrained(backbone)
    tokenizer.save_pretrained(backbone)
    for place in (student.query_encoder, student.pin_encoder):
        save_encoder(build_encoder(str(backbone), width=32, layers=None), place)
    ScoringHead(32, FEATURES, (8,)).save(student.scoring_head)
    Rendering().save(student.text)
    few = catalogue(2_000, known)
    fit_statistics(few.iter_rows(named=True)).save(student.match_stats)
    (folder / "dataset").mkdir()
    few.write_parquet(folder / "dataset" / "pins.parquet")
    options = ["--dataset", folder / "dataset", "--out", folder / "work", "--no-served-gates"]
    subprocess.run(
        [PINTOWER, "build", student.root, *options, "--target", "cpu-fp32"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return Work(folder / "work", student.root, folder / "store")


@dataclass(frozen=True)
class Work:
    """Where things lie.

    Attributes:
        folder: of the build.
        student: its folder.
        store: root of the pin store.
    """

    folder: Path
    student: Path
    store: Path


def embed(path: Path, work: Work) -> dict[str, Any]:
    """Run `pintower embed`; return what it says, its seconds and its peak memory."""
    options = ["--workdir", work.folder, "--student", work.student, "--store", work.store]
    started = time.monotonic()
    process = subprocess.Popen(
        [PINTOWER, "embed", path, *options, "--json"], stdout=subprocess.PIPE, text=True
    )
    with peak_memory(process.pid) as peak:
        output, _ = process.communicate()
    if process.returncode:
        raise PintowerError(f"pintower embed ended with {process.returncode}.")
    seconds = round(time.monotonic() - started, 2)
    printed = json.loads(output)
    del printed["store"]  # a temporary folder
    return {**printed, "seconds": seconds, "peak_gib": round(peak[0] / GIB, 3)}


@contextmanager
def peak_memory(pid: int) -> Iterator[list[int]]:
    """Give a list whose one item becomes the peak of a process and its children, bytes."""
    peak = [0]
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.2):
            peak[0] = max(peak[0], proportional_bytes(pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def proportional_bytes(pid: int) -> int:
    """Return the PSS of a process and its children; 0 once it is gone."""
    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    except psutil.Error:
        pass
    return total


def stored(work: Work) -> pl.DataFrame:
    """Return id, tombstone and a hash of the embedding of every row of the store."""
    origin = Origin.of(Contract.load(work.folder / "export" / "contract.json"))
    store = PinStore.open(work.store, origin).finished()
    frames = []
    for batch in store.batches(["pin_id", "deleted", "text_key", "embedding"]):
        frame = pl.DataFrame(pl.from_arrow(batch))
        embedding: NDArray[np.uint64] = frame["embedding"].hash().to_numpy()
        frames.append(frame.drop("embedding").with_columns(embedding=pl.Series(embedding)))
    return pl.concat(frames)


def differing_ids(before: pl.DataFrame, after: pl.DataFrame) -> set[str]:
    """Return the ids of rows that are not the same in both."""
    both = after.join(before, on=after.columns, how="anti", nulls_equal=True)
    return set(both["pin_id"]) | set(before.join(after, on="pin_id", how="anti")["pin_id"])


if __name__ == "__main__":
    main()

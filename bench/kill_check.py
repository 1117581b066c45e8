"""Does a pin store survive `kill -9` at any instant?

    .venv/bin/python bench/kill_check.py --kills 50

embeds a catalogue, then one that changed, with small chunks and eager compaction, and builds a
snapshot, in a process of its own; kills it after a random time and runs it again to its end. Holds
the store, row by row, and the snapshot to those of a process that was not killed. Meanwhile another
process opens and verifies every snapshot that it can see, again and again. Writes
``bench/results/kill_check-<device>.json``.
"""

import argparse
import json
import logging
import multiprocessing
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from collect import RESULTS, device_name
from embed_incremental import Work, build, catalogue, changed, words

from pintower.artifacts import read_json, write_json
from pintower.bench.machine import commit, device, versions
from pintower.config import PinsConfig
from pintower.contracts import Contract
from pintower.data.catalogue import open_catalogue
from pintower.errors import PintowerError
from pintower.models.layout import StudentLayout
from pintower.pins import snapshots, store
from pintower.pins.embedder import PinEmbedder
from pintower.pins.snapshots import CURRENT, make_snapshot
from pintower.pins.store import Origin, PinStore
from pintower.pins.update import update_store
from pintower.snapshot import Snapshot

CHUNK, FRAGMENTS, PART = 500, 8, 2_000
STEPS = ("embedding", "compaction", "snapshot")
STEP, BEFORE = "step", "loading"
SPAWN = multiprocessing.get_context("spawn")
METHOD = (
    "A process embeds a changed catalogue into a store that holds the one before, 500 pins a "
    "commit, joins files whenever there are more than eight, and builds a snapshot in int8 from "
    "parts of some 2,000 pins; it is killed by SIGKILL, in one step after the other, after a time "
    "drawn evenly over what the step takes undisturbed, and run again to its end. step: what it "
    "was doing when it was killed. A reader opens and verifies every folder that looks like a "
    "snapshot, all the time."
)


def main() -> None:
    """Kill, compare, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--pins", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        with tempfile.TemporaryDirectory(prefix="pintower-") as folder:
            result = check(Path(folder), given.kills, given.pins, given.seed)
    except PintowerError as error:
        sys.exit(f"error: {error}")
    write_json(given.out / f"kill_check-{device_name(result['device'])}.json", result)
    sys.stdout.write(f"{json.dumps(result['headline'], indent=2)}\n")
    if not result["headline"]["all_equal"] or result["headline"]["half_written_snapshots"]:
        sys.exit(1)


def check(folder: Path, kills: int, pins: int, seed: int) -> dict[str, Any]:
    """Return the result of some kills.

    Args:
        folder: empty.
        kills: how many.
        pins: of the catalogue.
        seed: of the times.
    """
    known = words(folder)
    work = build(folder, known)
    first = catalogue(pins, known)
    second, _ = changed(first)
    second = second.with_columns(
        title=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.col("caption")).otherwise("title")
    )
    for name, frame in (("first", first), ("second", second)):
        frame.write_parquet(folder / f"{name}.parquet")
    filled, undisturbed = folder / "filled", folder / "undisturbed"
    start(work, folder / "first.parquet", filled).join()
    shutil.copytree(filled, undisturbed)
    process = start(work, folder / "second.parquet", undisturbed)
    seconds = durations(process, undisturbed)
    wanted = state(work, undisturbed)
    draw = random.Random(seed)
    rows = []
    for number in range(kills):
        place = folder / "killed"
        shutil.copytree(filled, place)
        with watching(place) as seen:
            aimed = STEPS[number % len(STEPS)]
            after = draw.uniform(0, seconds[aimed])
            process = start(work, folder / "second.parquet", place)
            wait_for(aimed, place, process)
            process.join(after)
            step = (place / STEP).read_text() if process.is_alive() else "nothing"
            process.kill()
            process.join()
            start(work, folder / "second.parquet", place).join()
        row = {"after": round(after, 2), "step": step, "equal": state(work, place) == wanted}
        rows.append({**row, "opened": seen[0], "broken": seen[1]})
        logging.info("%d: %s", number, rows[-1])
        shutil.rmtree(place)
    steps = Counter(str(row["step"]) for row in rows)
    return {
        "name": "kill_check",
        "command": f"python bench/kill_check.py --kills {kills}",
        "commit": commit(),
        "device": device(),
        "versions": versions("pylance", "pyarrow"),
        "method": METHOD,
        "pins": pins,
        "seconds_undisturbed": {step: round(taken, 2) for step, taken in seconds.items()},
        "rows": rows,
        "headline": {
            "kills": kills,
            "all_equal": all(row["equal"] for row in rows),
            "half_written_snapshots": sum(int(row["broken"]) for row in rows),
            "snapshots_opened": sum(int(row["opened"]) for row in rows),
            **{f"killed_in_{step}": steps[step] for step in STEPS},
        },
    }


def start(work: Work, path: Path, place: Path) -> SpawnProcess:
    """Start an update and the building of a snapshot in a process of its own."""
    place.mkdir(exist_ok=True)
    (place / STEP).write_text(BEFORE)
    process = SPAWN.Process(target=update, args=(work, path, place))
    process.start()
    return process


def durations(process: SpawnProcess, place: Path) -> dict[str, float]:
    """Return how long each step of a process takes, seconds."""
    begins = []
    for step in STEPS:
        wait_for(step, place, process)
        begins.append(time.monotonic())
    process.join()
    ends = [*begins[1:], time.monotonic()]
    return {step: end - begin for step, begin, end in zip(STEPS, begins, ends, strict=True)}


def wait_for(step: str, place: Path, process: SpawnProcess) -> None:
    """Wait until a process has come to a step, or beyond."""
    awaited = STEPS[STEPS.index(step) :]
    while (place / STEP).read_text() not in awaited and process.is_alive():
        time.sleep(0.002)


def update(work: Work, path: Path, place: Path) -> None:
    """Bring the store in a folder up to date, and build a snapshot there."""
    store._MANY_FRAGMENTS, snapshots._PART = FRAGMENTS, PART

    def told(step: str) -> None:
        (place / STEP).write_text(step)

    tidy = PinStore.tidy

    def tidy_and_tell(opened: PinStore) -> None:
        told("compaction")
        tidy(opened)

    PinStore.tidy = tidy_and_tell  # type: ignore[method-assign]
    config = PinsConfig(threads=1, chunk=CHUNK)
    embedder = PinEmbedder.load(config, work.student, work.folder / "export")
    told("embedding")
    held = PinStore.open(place / "store", embedder.origin, create=True)
    update_store(open_catalogue(str(path)), held, embedder, chunk=CHUNK, processes=0)
    told("snapshot")
    statistics = StudentLayout(work.student).load_statistics()
    make_snapshot(place, held.finished(), statistics, precision="int8")


def state(work: Work, place: Path) -> tuple[pa.Table, str]:
    """Return the rows of a store in the order of their ids, and the current snapshot's name."""
    origin = Origin.of(Contract.load(work.folder / "export" / "contract.json"))
    rows = PinStore.open(place / "store", origin).finished().dataset.to_table()
    name = read_json(place / CURRENT)["snapshot"]
    Snapshot.open(place / "snapshots" / name).verify()
    return rows.sort_by("pin_id").combine_chunks(), name


@contextmanager
def watching(place: Path) -> Iterator[list[int]]:
    """Open every snapshot in a folder meanwhile; count those that were whole, and the others."""
    seen = [0, 0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for manifest in place.glob("snapshots/*/manifest.json"):
                try:
                    Snapshot.open(manifest.parent).verify()
                    seen[0] += 1
                except (OSError, ValueError, KeyError):
                    seen[1] += 1

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    main()

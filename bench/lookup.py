"""How long do the embeddings of a request's pins take, out of ten million?

    .venv/bin/python bench/lookup.py

writes a snapshot of ten million pins (256 dimensions, int8), the same rows into Lance, LMDB and
Redis, and asks each for the same 1,000 random ids, in interleaved rounds. Needs 15 GB of disk and
16 GB of memory; Redis is left out, with the reason, where ``redis-server`` is not installed. Writes
``bench/results/lookup-<device>.json`` and ``.svg``.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from collect import RESULTS, keep, print_row
from matplotlib.figure import Figure
from stores import catalogue
from stores.systems import Answer, lance_store, lmdb_store, redis_store

from pintower.bench.machine import commit, device, versions
from pintower.errors import PintowerError, SetupError
from pintower.figures import COLOURS, INK, plot_style, to_svg
from pintower.snapshot import Snapshot

PEERS = {"lance": lance_store, "lmdb": lmdb_store, "redis": redis_store}
OURS = "pintower"
WITH_TERMS = "pintower_with_match_features"
QUERY = " ".join(catalogue.WORDS[::5_000])
METHOD = (
    "One process, one thread of its own; ids as BYTES in, embeddings FP32 [n, 256] out, checked "
    "against the snapshot's rows. Ids are drawn anew for every call, of all pins with the same "
    "chance; rounds go through all systems with the same ids. Warm: every system was read once "
    "before. pintower: Snapshot.look_up and Snapshot.embeddings, the code of the model "
    "pin_features. pintower_with_match_features: Snapshot.features, which is all that the model "
    "does. lance: a filter on an indexed id column. lmdb: getmulti. redis: MGET, a local server on "
    "a Unix socket. Key-value stores keep the int8 row and its scale in one value."
)


def main() -> None:
    """Measure, write the result and the plot, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pins", type=int, default=10_000_000)
    parser.add_argument("--ids", type=int, default=1_000, help="of a call")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=50, help="of each system in a round")
    parser.add_argument("--folder", type=Path, help="where to put 15 GB; the system's own without")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        measure(given)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def measure(given: argparse.Namespace) -> None:
    """Fill every system, ask them, write the result."""
    with tempfile.TemporaryDirectory(dir=given.folder) as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "snapshot").mkdir()
        snapshot = catalogue.write(folder / "snapshot", catalogue.pin_ids(given.pins))
        systems: dict[str, Answer] = {
            OURS: lambda ids: snapshot.embeddings(snapshot.look_up(ids)[0]),
            WITH_TERMS: lambda ids: snapshot.features(QUERY, ids)[0],
        }
        left_out = {}
        for peer, fill in PEERS.items():
            try:
                systems[peer] = stack.enter_context(fill(snapshot, folder))
            except SetupError as error:
                left_out[peer] = str(error)
                logging.info("left out: %s: %s", peer, error)
        times = rounds(systems, snapshot, given)
        rows = [row(system, values, given) for system, values in times.items()]
        result = {
            "name": "lookup",
            "command": "python bench/lookup.py",
            "commit": commit(),
            "device": device(),
            "versions": versions("pylance", "lmdb", "redis"),
            "method": METHOD,
            "pins": given.pins,
            "ids": given.ids,
            "snapshot_bytes": sum(
                path.stat().st_size for path in (folder / "snapshot").iterdir() if path.is_file()
            ),
            "left_out": left_out,
            "rows": rows,
            "headline": headline(rows),
        }
        keep(result, figure(rows), given.out)
    print_row(["system", "p50 ms", "p99 ms", "against pintower"])
    print_row(["---"] * 4)
    for item in rows:
        print_row(
            [item["system"], f"{item['p50_ms']:.3f}", f"{item['p99_ms']:.3f}",
             f"{item['p50_ms'] / rows[0]['p50_ms']:.1f} x"]
        )  # fmt: skip


def rounds(
    systems: Mapping[str, Answer], snapshot: Snapshot, given: argparse.Namespace
) -> dict[str, list[float]]:
    """Return every call's milliseconds, by system; a first round warms up."""
    random = np.random.default_rng(11)
    times: dict[str, list[float]] = {name: [] for name in systems}
    for number in range(given.rounds + 1):
        drawn = [random.integers(0, given.pins, given.ids) for _ in range(given.calls)]
        asked = [snapshot.ids[rows].tolist() for rows in drawn]
        for name, answer in systems.items():
            check(name, answer(asked[0]), snapshot, drawn[0])
            for ids in asked:
                started = time.perf_counter()
                answer(ids)
                taken = 1e3 * (time.perf_counter() - started)
                if number:
                    times[name].append(taken)
    return times


def check(name: str, found: np.ndarray, snapshot: Snapshot, rows: np.ndarray) -> None:
    """Refuse a system that answers with other embeddings."""
    if not np.array_equal(found, snapshot.embeddings(rows)):
        raise PintowerError(f"{name} answers with other embeddings than were put in.")


def row(system: str, values: Sequence[float], given: argparse.Namespace) -> dict[str, Any]:
    """Return a system's figures."""
    by_round = np.array(values).reshape(given.rounds, -1)
    p50, p99 = np.percentile(values, [50, 99])
    return {
        "system": system,
        "calls": len(values),
        "p50_ms": round(float(p50), 4),
        "p99_ms": round(float(p99), 4),
        "round_p50_ms": [round(float(p), 4) for p in np.median(by_round, axis=1)],
    }


def headline(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return ours, and each peer's over ours."""
    ours = rows[0]["p50_ms"]
    figures = {"p50_ms_1000_of_10m": ours, "p99_ms_1000_of_10m": rows[0]["p99_ms"]}
    for item in rows[1:]:
        figures[f"{item['system']}_over_pintower"] = round(item["p50_ms"] / ours, 2)
    return figures


def figure(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return SVG: each system's p50 and p99, logarithmic."""
    with plot_style():
        drawn = Figure(figsize=(7.0, 2.6))
        axes = drawn.subplots()
        for place, item in enumerate(reversed(rows)):
            colour = COLOURS[0] if item["system"].startswith(OURS) else COLOURS[2]
            axes.plot([item["p50_ms"], item["p99_ms"]], [place, place], color=colour, linewidth=1)
            axes.plot(item["p50_ms"], place, "o", color=colour)
            axes.plot(item["p99_ms"], place, "|", color=colour)
        axes.set_yticks(range(len(rows)), [item["system"] for item in reversed(rows)])
        axes.set_xscale("log")
        axes.set_xlabel("ms for 1,000 ids: p50 (dot) to p99 (bar)", color=INK)
        drawn.tight_layout()
    return to_svg(drawn)


if __name__ == "__main__":
    main()

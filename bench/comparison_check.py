"""Does ``pintower bench compare`` find a slowdown that is there, and none where there is none?

    .venv/bin/python bench/comparison_check.py artifacts/demo

measures one and the same release five times with ``serving.py``, and between these runs a copy of
it whose look-up waits busily for 15 % of the release's own median latency. Each two runs of the
release are compared, the earlier one first, and each run of the copy with every run of the release.
Runs are kept in ``--runs``; an interrupted check goes on where it was. Writes
``bench/results/comparison_check-<device>.json`` and ``.svg``.
"""

import argparse
import itertools
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collect import RESULTS, keep, print_row
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pintower.artifacts import read_json
from pintower.bench.comparison import Change, compare
from pintower.bench.machine import commit, device, versions
from pintower.bench.results import Result
from pintower.errors import InputError, PintowerError
from pintower.figures import COLOURS, INK, plot_style, to_svg
from pintower.repository.layout import RepositoryLayout
from pintower.repository.release_file import Release

SCENARIO = "zipf"
REQUESTS = 1_500
LEVELS = (1, 4)
ORDER = ("unchanged", "planted", "unchanged", "unchanged", "planted", "unchanged", "unchanged")
"""Of the runs; the first is one of the unchanged release, which says how long the others wait."""
SHARE = 0.15
STEP = "pin_features"
WAITING = '''"""The release's own look-up, after a busy wait."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from release_model import TritonPythonModel as ReleaseModel


class TritonPythonModel(ReleaseModel):
    def execute(self, requests):
        end = time.perf_counter() + {seconds!r} * len(requests)
        while time.perf_counter() < end:
            pass
        return super().execute(requests)
'''
METHOD = (
    "serving.py on the demo's release alone, the query log with a warm cache, 1,500 requests a "
    "pass, one run after the other, in the order of `order`; compared as pintower bench compare "
    "does, with a bound of 5 %. unchanged: each two runs of the release. planted: each run of the "
    "release with each run of a copy whose look-up first waits busily for 15 % of the first run's "
    "p50 with one in flight (wait_ms)."
)


def main() -> None:
    """Measure, compare, write the result and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path, help="work folder of a finished run with a log")
    parser.add_argument("--rounds", type=int, default=8, help="of each run")
    parser.add_argument("--runs", type=Path, default=Path("artifacts/comparison_check"))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        check(given)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def check(given: argparse.Namespace) -> None:
    """Measure what is not there yet, and compare."""
    found: dict[str, list[Path]] = {"unchanged": [], "planted": []}
    wait = 0.0
    for number, kind in enumerate(ORDER):
        name = f"{number}-{kind}"
        if kind == "unchanged":
            found[kind].append(measured(given.workdir, name, given))
            wait = SHARE * 1e-3 * median_ms(found[kind][0])
            continue
        with tempfile.TemporaryDirectory(prefix="pintower-slower-") as folder:
            slower = slower_copy(given.workdir, Path(folder), wait)
            found[kind].append(measured(slower, name, given))
    pairs = [("unchanged", *pair) for pair in itertools.combinations(found["unchanged"], 2)]
    pairs += [("planted", *pair) for pair in itertools.product(*found.values())]
    rows = [told(*pair) for pair in pairs]
    result = {
        "name": "comparison_check",
        "command": "python bench/comparison_check.py WORKDIR",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        "rounds": given.rounds,
        "order": ORDER,
        "wait_ms": 1e3 * wait,
        "rows": rows,
        "headline": headline(rows),
    }
    keep(result, intervals(rows), given.out)
    print_row(["pair", "regressions", "of figures", "p50 change", "yardstick"])
    print_row(["---"] * 5)
    for row in rows:
        change = _p50(row, LEVELS[0])
        moved = f"{change['change']:+.1%} ({change['low']:+.1%} to {change['high']:+.1%})"
        counts = (str(row["regressions"]), str(len(row["changes"])))
        print_row([row["kind"], *counts, moved, f"{row['yardstick']:.3f}"])


def measured(workdir: Path, name: str, given: argparse.Namespace) -> Path:
    """Return the result of one run of ``serving.py``, run now where it is not there yet."""
    folder = given.runs / name
    if not list(folder.glob("run-*.json")):
        script = Path(__file__).with_name("serving.py")
        options = ["--systems", "pintower", "--scenarios", SCENARIO, "--name", "run"]
        options += ["--requests", str(REQUESTS), "--levels", *map(str, LEVELS)]
        options += ["--rounds", str(given.rounds), "--out", str(folder)]
        logging.info("%s", name)
        done = subprocess.run(
            [sys.executable, str(script), str(workdir), *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise PintowerError(f"The run {name} failed: {done.stderr.strip()[-400:]}")
    (found,) = folder.glob("run-*.json")
    made = read_json(found)
    if (made["rounds"], made["commit"]) != (given.rounds, commit()):
        raise InputError(
            f"{found} has {made['rounds']} rounds of commit {made['commit']}; asked for were "
            f"{given.rounds} of {commit()}. Give --runs another folder, or delete this one."
        )
    return found


def median_ms(result: Path) -> float:
    """Return the p50 of the replayed log with one in flight, milliseconds."""
    rows = read_json(result)["rows"]
    return next(
        float(row["p50_ms"]) for row in rows if (row["scenario"], row["level"]) == (SCENARIO, 1)
    )


def slower_copy(workdir: Path, folder: Path, seconds: float) -> Path:
    """Return a work folder like another, but for a look-up that waits first.

    Args:
        workdir: of a finished run.
        folder: empty; becomes the work folder.
        seconds: to wait before each request.
    """
    for item in workdir.resolve().iterdir():
        if item.name != "models":
            (folder / item.name).symlink_to(item)
    shutil.copytree(workdir / "models", folder / "models", symlinks=False)
    layout = RepositoryLayout(folder / "models")
    version = Release.load(layout.release).models[STEP]
    own = layout.version(STEP, version) / "model.py"
    own.chmod(0o644)
    own.rename(own.with_name("release_model.py"))
    own.write_text(WAITING.format(seconds=seconds), "utf-8")
    return folder


def told(kind: str, before: Path, after: Path) -> dict[str, Any]:
    """Return one comparison as JSON."""
    found = compare(Result.load(before), Result.load(after))
    return {
        "kind": kind,
        "regressions": len(found.regressions),
        "yardstick": round(found.yardstick, 4),
        "changes": [_figures(item) for item in found.judged],
    }


def headline(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many comparisons said something, of each kind."""
    counts: dict[str, Any] = {}
    for kind in ("unchanged", "planted"):
        of_kind = [row for row in rows if row["kind"] == kind]
        counts[f"{kind}_pairs"] = len(of_kind)
        counts[f"{kind}_pairs_called_regressions"] = sum(row["regressions"] > 0 for row in of_kind)
    return counts


def intervals(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return SVG: the change of p50 in each comparison, with its interval, a panel a level."""
    with plot_style():
        figure = Figure(figsize=(9.0, 3.2))
        panels = figure.subplots(1, len(LEVELS), sharey=True)
        for axes, level in zip(panels, LEVELS, strict=True):
            for kind, colour in (("unchanged", COLOURS[0]), ("planted", COLOURS[2])):
                places = [place for place, row in enumerate(rows, 1) if row["kind"] == kind]
                changes = [_p50(row, level) for row in rows if row["kind"] == kind]
                ends = [
                    [100 * abs(item["change"] - item[end]) for item in changes]
                    for end in ("low", "high")
                ]
                axes.errorbar(
                    places, [100 * item["change"] for item in changes], yerr=ends, fmt="o",
                    markersize=4, color=colour, label=kind,
                )  # fmt: skip
            axes.axhline(0, color=INK, linewidth=0.6)
            axes.axhline(100 * SHARE, color=INK, linewidth=0.6, linestyle=":")
            axes.set_title(f"{level} in flight", fontsize=10, color=INK, loc="left")
            axes.set_xlabel("comparison")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0].set_ylabel("p50: change, %")
        panels[-1].legend(frameon=False, labelcolor=INK)
        figure.tight_layout()
    return to_svg(figure)


def _p50(row: Mapping[str, Any], level: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(
        item for item in row["changes"] if (item["level"], item["metric"]) == (level, "p50_ms")
    )
    return found


def _figures(item: Change) -> dict[str, Any]:
    return {
        "scenario": item.scenario,
        "level": item.level,
        "metric": item.metric,
        "change": round(item.change, 4),
        "low": round(item.low, 4),
        "high": round(item.high, 4),
        "smallest": round(item.smallest, 4),
        "beyond_bound": item.beyond_bound,
    }


if __name__ == "__main__":
    main()

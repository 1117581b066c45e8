"""The served path under honest load, beside what would be served instead. One run, interleaved.

    .venv/bin/python bench/serving.py artifacts/demo

serves the work folder's release with the genuine Triton server, and the peers as a user would set
them up, from the same weights, pins and queries. ``scenarios/*.toml`` say what is sent;
perf_analyzer sends it, every row once. Each round goes through all scenarios and systems, each
freshly started. Writes ``bench/results/serving-<device>.json`` and ``.svg`` and prints a table.
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collect import RESULTS, keep, print_row
from peers.exports import named_folder
from served.figure import curves
from served.headline import headline
from served.loads import Loads
from served.measure import measure
from served.scenarios import Scenario, load_scenarios
from served.systems import NAMES, System, Systems

from pintower.artifacts import read_json, write_json
from pintower.bench.load import logged_queries
from pintower.bench.machine import commit, device, versions
from pintower.bench.roofline import measure_roofline
from pintower.errors import InputError, PintowerError
from pintower.serving.environment import ensure_environment
from pintower.serving.layout import read_layout

METHOD = (
    "perf_analyzer on the machine that serves, loopback, gRPC to Triton and HTTP to services that "
    "have no gRPC; every row sent once, but for `repeat`. Rounds go through all scenarios and "
    "systems, those with rounds = one in the first alone, each freshly started and warmed up; "
    "figures are over the requests of all rounds, intervals by resampling "
    "rounds and requests. A closed loop keeps its level of requests in flight; in an open loop "
    "latency counts from when a request is due. zipf: after the log's first 20,000 requests. "
    "yardstick_ms: a fixed piece of work during each pass, the machine's speed just then. memory: "
    "of all processes, shared pages once. cpu_ms_a_request: of the serving processes. Ratios at a "
    "limit: each side's most requests a second at a p99 within the naive peer's own best p99."
)


def main() -> None:
    """Measure, write the result and the plot, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path, help="work folder of a finished run with a log")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--requests", type=positive, help="of each pass, for the scenarios' own")
    parser.add_argument(
        "--levels", type=positive, nargs="*", default=[], help="in flight, these of each scenario"
    )
    parser.add_argument("--scenarios", nargs="*", default=[], help="names; all without it")
    parser.add_argument("--systems", nargs="*", default=[], help="names; all without it")
    parser.add_argument(
        "--peers-env", action="append", default=[], metavar="KEY=VENV",
        help="use a venv at hand for sentence or infinity",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    parser.add_argument("--name", default="serving", help="of the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        run(given)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def run(given: argparse.Namespace) -> None:
    """Measure everything; what is there so far is kept after each round.

    Raises:
        InputError: for names that are none, or a work folder that is not finished.
        SetupError: if the server environment is missing or a server does not start.
    """
    if unknown := sorted(set(given.systems) - set(NAMES)):
        raise InputError(f"No system {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    workdir: Path = given.workdir
    scenarios = [
        scenario
        for scenario in (changed(one, given) for one in load_scenarios(given.scenarios))
        if scenario.closed or scenario.rates
    ]
    if not scenarios:
        raise InputError(f"No scenario has one of the levels {given.levels}.")
    if read_json(workdir / "models" / "contract.json")["symbols"]["Q"]:
        raise InputError("This bench sends no feature vectors of queries, which the release takes.")
    environment = ensure_environment()
    peers = dict(named_folder(item) for item in given.peers_env)
    loads = Loads(workdir)
    for scenario in scenarios:
        loads.passes(scenario)  # refuses a log that is too short, before anything is measured
    given.out.mkdir(parents=True, exist_ok=True)
    wanted = {name for one in scenarios for name in one.systems if name in (given.systems or NAMES)}
    roofline = measure_roofline(workdir / "models", logged_queries(workdir / "data"))
    partial = given.out / f".{given.name}.partial.json"
    with Systems(workdir, environment, peers) as systems:
        ready, left_out = prepare(systems, wanted)
        result: dict[str, Any] = {
            "name": given.name,
            "command": "python bench/serving.py WORKDIR",
            "commit": commit(),
            "device": device(),
            "versions": {**versions(), **{key: dict(v) for key, v in systems.versions.items()}},
            "backend": "pintower's strict python-based onnxruntime backend, ONNX Runtime "
            f"{read_layout(environment.folder).package_version('onnxruntime')}",
            "target": read_json(workdir / "models" / "release.json")["target"],
            "method": METHOD,
            "systems": {name: NAMES[name] for name in ready},
            "left_out": left_out,
            "scenarios": [one.model_dump(mode="json") for one in scenarios],
            "roofline": roofline,
            "rounds": given.rounds,
        }
        for rows in measure(scenarios, ready, loads, given.rounds):
            result["rows"] = rows
            result["yardstick_ms"] = yardsticks(rows)
            result["headline"] = headline(rows, roofline)
            write_json(partial, result)
    partial.unlink()
    keep(result, curves(result["rows"]), given.out)
    print_table(result["rows"], scenarios)


def positive(text: str) -> int:
    """Return a whole number above 0, for argparse."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def changed(scenario: Scenario, given: argparse.Namespace) -> Scenario:
    """Return a scenario with the requests and levels that were asked for."""
    update: dict[str, Any] = {"requests": given.requests} if given.requests else {}
    if given.levels:
        update["closed"] = tuple(one for one in scenario.closed if one in given.levels)
        update["rates"] = ()
    return scenario.model_copy(update=update)


def prepare(systems: Systems, wanted: set[str]) -> tuple[dict[str, System], dict[str, str]]:
    """Return the systems that can be started, and why others cannot."""
    ready: dict[str, System] = {}
    left_out: dict[str, str] = {}
    for name in NAMES:
        if name not in wanted:
            continue
        try:
            ready[name] = systems.prepare(name)
        except PintowerError as error:
            if name == "pintower":
                raise
            left_out[name] = str(error)
            logging.warning("%s is left out: %s", name, error)
    return ready, left_out


def yardsticks(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the yardstick of every pass."""
    return [item["yardstick_ms"] for row in rows for item in row.get("rounds", ())]


def print_table(rows: Sequence[Mapping[str, Any]], scenarios: Sequence[Scenario]) -> None:
    """Print the result in Markdown."""
    for scenario in scenarios:
        sys.stdout.write(f"\n{scenario.title}\n\n")
        print_row(["system", "load", "pins", "requests/s", "p50 ms", "p99 ms", "hits", "CPU ms"])
        print_row(["---"] * 8)
        for row in rows:
            if row["scenario"] != scenario.name:
                continue
            unit = "in flight" if row["load"] == "closed" else "a second"
            start = [row["system"], f"{row['level']:g} {unit}", f"{row['candidates']:,}"]
            if "failed" in row:
                print_row([*start, row["failed"], "", "", "", ""])
                continue
            print_row(
                [
                    *start,
                    f"{row['throughput']:,.0f}",
                    f"{row['p50_ms']:.2f}",
                    f"{row['p99_ms']:.2f}",
                    f"{row['cache_hit_rate']:.0%}",
                    f"{row['cpu_ms_a_request']:.2f}",
                ]
            )


if __name__ == "__main__":
    main()

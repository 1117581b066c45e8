"""Measure query encoders side by side: exported graphs and what users would run instead.

    .venv/bin/python bench/encoder_latency.py \
        --encoder artifacts/movies/student/query_encoder --data artifacts/movies/data \
        --ours pintower=artifacts/movies/export

One text at a time, one thread, one process a competitor, interleaved rounds, real queries. Writes
``bench/results/encoder_latency-<device>.json`` with a figure beside it and prints the table.
"""

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from collect import RESULTS, device_name
from peers.competitors import REFERENCE, RUNTIMES, list_competitors
from peers.environments import ENVIRONMENTS
from peers.exports import Export
from peers.fidelity import TEXTS, compare
from peers.figure import latency_figure
from peers.headline import headline
from peers.method import METHOD
from peers.needs import (
    make_files,
    open_environments,
    plan_files,
    queries_for,
    quiet_core,
    require_model,
)
from peers.presentation import latency_table, lines
from peers.rounds import TEXT, embed_all, encoder_cell, measure, start_workers
from peers.summary import summarize

from pintower.artifacts import read_json, write_json
from pintower.bench.machine import commit, device, versions
from pintower.cli.output import set_up_logging, stdout
from pintower.errors import InputError, PintowerError, SetupError
from pintower.progress import listening


def main() -> None:
    """Measure, write the result and print it."""
    given = parse()
    try:
        with listening(set_up_logging()):
            result = run(given)
            keep(result, given.out or RESULTS / f"{result['name']}-{device_name(device())}.json")
    except PintowerError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--encoder",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="sentence-transformers folder with the full query encoder's weights",
    )
    add(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="a pipeline's data folder, for its queries",
    )
    add(
        "--ours",
        action="append",
        required=True,
        metavar="NAME=EXPORT",
        help="an export of that encoder; the first one makes the headline",
    )
    add(
        "--cut",
        action="append",
        default=[],
        metavar="NAME=EXPORT",
        help="an export of an encoder with fewer layers and weights of its own",
    )
    add(
        "--plan",
        type=Path,
        metavar="FILE",
        help="plan.json of `pintower plan` on these students: what each loses of nDCG@20",
    )
    add("--rounds", type=int, default=10)
    add("--calls", type=int, default=150, help="in a round, of each cell and competitor")
    add(
        "--only",
        action="append",
        default=[],
        metavar="WORDS",
        help=f"measure only competitors with these words in their name, and {REFERENCE}",
    )
    add(
        "--peers-env",
        action="append",
        default=[],
        metavar="KEY=VENV",
        help=f"use this venv and install none; KEY is one of {', '.join(ENVIRONMENTS)}",
    )
    add("--out", type=Path, metavar="FILE", help="where the result goes")  # fmt: skip
    given = parser.parse_args()
    if given.rounds < 1 or given.calls < 1:
        parser.error("--rounds and --calls have to be at least 1")
    return given


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Measure everything once and return the result file's content.

    Raises:
        PintowerError: if a folder is wrong or the reference cannot be measured.
    """
    ours, cuts = ([Export.open(text) for text in texts] for texts in (given.ours, given.cut))
    names = [export.name for export in (*ours, *cuts)]
    if len(set(names)) < len(names):
        raise InputError(f"Each export needs a name of its own; given: {', '.join(names)}.")
    rows = read_json(given.plan)["rows"] if given.plan else []
    losses = {row["sha256"]: row["ndcg_loss"] for row in rows}
    require_model(given.encoder)
    queries = queries_for(given.data, ours, cuts)
    problems: dict[str, str] = {}
    environments = open_environments(given.peers_env, problems)
    files = plan_files(given.encoder, environments, queries, ours[0])
    runtimes = {key: environments[key] for key in RUNTIMES if key in environments}
    competitors = [
        competitor
        for competitor in list_competitors(files, ours, cuts, runtimes)
        if not given.only
        or competitor.name == REFERENCE
        or any(words.lower() in competitor.name.lower() for words in given.only)
    ]
    make_files(files, competitors, problems)
    with ExitStack() as stack:
        workers, failures = start_workers(stack, competitors, environments, problems, quiet_core())
        vectors = embed_all(workers, queries.stream[:TEXTS], failures)
        if REFERENCE not in vectors:
            raise SetupError(f"{REFERENCE} could not be measured. {failures[REFERENCE]}")
        cosines = compare(competitors, vectors)
        times = measure(workers, queries, given.rounds, given.calls, failures)
    if REFERENCE not in times:
        raise SetupError(f"{REFERENCE} could not be measured. {failures[REFERENCE]}")
    values, behind = headline(competitors, times, ours[0], cuts[0] if cuts else None, losses)
    return {
        "name": "encoder_latency",
        "command": command(given),
        "commit": commit(),
        "device": device(),
        "versions": {**versions(), **{key: dict(e.versions) for key, e in environments.items()}},
        "method": METHOD,
        "rounds": given.rounds,
        "distinct_queries": {
            **{encoder_cell(n): len(found) for n, found in queries.of_length.items()},
            TEXT: len(queries.stream),
        },
        "rows": summarize(competitors, times, cosines, failures),
        "headline": values,
        "headline_ratios": behind,
    }


def keep(result: Mapping[str, Any], out: Path) -> None:
    """Write the result and its figure, and print them."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, result)
    out.with_suffix(".svg").write_text(latency_figure(result["rows"]), "utf-8")
    stdout.print(latency_table(result["rows"]))
    for line in lines(result):
        stdout.print(line, soft_wrap=True)


def command(given: argparse.Namespace) -> str:
    """Return the command that repeats the measurement; of an absolute path the last three parts."""

    def short(folder: str) -> str:
        path = Path(folder)
        return "/".join(path.parts[-3:]) if path.is_absolute() else str(path)

    words = [f"--encoder {short(given.encoder)} --data {short(given.data)}"]
    for option, texts in (("--ours", given.ours), ("--cut", given.cut)):
        pairs = (text.partition("=") for text in texts)
        words += [f"{option} {name}={short(folder)}" for name, _, folder in pairs]
    words += [f"--plan {short(str(given.plan))}"] if given.plan else []
    words += [f'--only "{only}"' for only in given.only]
    sizes = f"--rounds {given.rounds} --calls {given.calls}"
    return f"python bench/encoder_latency.py {' '.join(words)} {sizes}"


if __name__ == "__main__":
    main()

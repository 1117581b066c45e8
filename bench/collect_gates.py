"""Keep what the gates of several builds measured, and print it as the README shows it.

    .venv/bin/python bench/collect_gates.py movies=artifacts/movies minilm=artifacts/minilm

takes work folders of ``pintower build`` or ``pintower run``, each with the name of its student, and
writes ``bench/results/gates-<device>.json``.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from collect import RESULTS, device_name, print_row

from pintower.artifacts import read_json, write_json
from pintower.bench.machine import commit, device, versions
from pintower.errors import InputError, PintowerError
from pintower.gates import Gate, read_gates

METHOD = (
    "Graph gates in the library's ONNX Runtime against the student in torch fp32, on queries of "
    "every length and odd texts; ranking on judged queries, intervals by resampling queries. "
    "Served gates through the local Triton server, against the same graphs in its ONNX Runtime."
)
KEPT = {
    "max_abs": "query_encoder.max_abs",
    "min_cosine": "query_encoder.min_cosine",
    "batch_sensitivity": "query_encoder.batch_sensitivity",
    "batch_flips": "query_encoder.batch_flips",
    "ndcg_loss_rel": "ranking.ndcg_loss_rel",
    "top8_flips": "ranking.top8_flips",
    "kendall_tau": "ranking.kendall_tau",
    "megabytes": "query_encoder.file_size",
    "served_equals_offline": "served_equals_offline",
    "runtimes_agree": "runtimes_agree",
}


def main() -> None:
    """Write the result and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", nargs="+", metavar="STUDENT=WORKDIR")
    given = parser.parse_args().builds
    try:
        collect(given)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def collect(builds: list[str]) -> None:
    """Write the gates of every build, and print them.

    Raises:
        InputError: if a build is not finished.
    """
    rows = [read_build(given) for given in builds]
    result = {
        "name": "gates",
        "command": "python bench/collect_gates.py STUDENT=WORKDIR ...",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        "rows": rows,
        "headline": {
            f"{row['student']}_{row['target']}_ndcg_loss_rel": row["ndcg_loss_rel"] for row in rows
        },
    }
    write_json(RESULTS / f"gates-{device_name(device())}.json", result)
    print_row(
        ["student", "target", "gates", "nDCG@20 lost", "least cosine", "a batch moves", "served"]
    )
    print_row(["---"] * 7)
    for row in rows:
        loss = f"{row['ndcg_loss_rel']:+.2%} ({row['ndcg_low']:+.2%} to {row['ndcg_high']:+.2%})"
        print_row(
            [
                row["student"],
                row["target"],
                f"{row['passed']} of {row['decided']}",
                loss,
                f"{row['min_cosine']:.4f}",
                f"{row['batch_sensitivity']:.1g}",
                f"{row['served_equals_offline']:.1g}",
            ]
        )


def read_build(given: str) -> dict[str, Any]:
    """Return the figures of ``STUDENT=WORKDIR``.

    Raises:
        InputError: if it is written otherwise or is not finished.
    """
    student, sign, folder = given.partition("=")
    if not sign:
        raise InputError(f"{given!r} is not STUDENT=WORKDIR.")
    workdir = Path(folder)
    gates = read_gates(workdir / "export" / "gates.json")
    gates += read_gates(workdir / "models" / "gates.json")
    by_name: dict[str, Gate] = {item.name: item for item in gates}
    decided = [item for item in gates if item.allowed is not None]
    contract = read_json(workdir / "export" / "contract.json")
    loss = by_name["ranking.ndcg_loss_rel"].detail
    return {
        "student": student,
        "target": contract["target"]["name"],
        "precision": contract["graphs"]["query_encoder"]["precision"],
        "decided": len(decided),
        "passed": sum(item.passed for item in decided),
        **{key: by_name[name].measured for key, name in KEPT.items()},
        "ndcg_low": loss["low"],
        "ndcg_high": loss["high"],
        "queries": loss["queries"],
        "pairs": loss["pairs"],
    }


if __name__ == "__main__":
    main()

"""Keep what `pintower plan` measured: the figures and the plot.

    .venv/bin/python bench/collect_plan.py artifacts/plan movies

writes ``bench/results/plan_<name>-<device>.json`` and ``.svg`` from the plan's folder.
"""

import argparse
import sys
from pathlib import Path

from collect import keep

from pintower.artifacts import read_json
from pintower.errors import PintowerError

METHOD = (
    "Every student for every target; batch 1, one thread, the same real queries through every "
    "graph, one graph after the other, round after round, and between them each width's scorer and "
    "its look-up of a request's pins in a snapshot (random pins, embeddings drawn at random); loss "
    "of nDCG@20 against the first student in torch fp32 on judged queries, each student with its "
    "own pins and scoring head, intervals by resampling queries."
)


def main() -> None:
    """Write the result and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path, help="folder that `pintower plan` wrote")
    parser.add_argument("name", help="of the run whose student was planned for")
    given = parser.parse_args()
    try:
        collect(given.plan, given.name)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def collect(folder: Path, name: str) -> None:
    """Write both files of a plan.

    Raises:
        InputError: if the folder holds no plan.
    """
    made = read_json(folder / "plan.json")
    chosen = None if made["chosen"] is None else made["rows"][made["chosen"]]
    headline = {"slowest_p50_ms": max(row["cost_ms"] for row in made["rows"])}
    if chosen is not None:
        headline |= {
            "chosen_p50_ms": chosen["cost_ms"],
            "chosen_ndcg_loss_rel": chosen["ndcg_loss"],
            "chosen_layers": chosen["layers"],
            "chosen_width": chosen["width"],
        }
    result = {
        **made,
        "name": f"plan_{name}",
        "command": "pintower plan STUDENT ... --dataset DATA --out DIR",
        "method": METHOD,
        "headline": headline,
    }
    keep(result, (folder / "plan.svg").read_text("utf-8"))


if __name__ == "__main__":
    main()

"""What a reader should know about the data; the evaluation says what limits its own figures."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["describe_caveats"]

_STAND_INS = {
    "impressions": "the queries of its impressions",
    "judgments": "its judged queries",
    "pins": "its pins' engaged queries and titles",
}


def describe_caveats(dataset: Mapping[str, Any], repeat_share: float) -> Sequence[str]:
    """Return what limits the figures, a sentence each.

    Args:
        dataset: ``data/dataset.json``.
        repeat_share: of the replayed requests, those sent before.
    """
    found = []
    if dataset["generated"]:
        found.append(
            "The catalogue is generated: the figures show that the pipeline runs, not how good it "
            "is."
        )
    if dataset["log"] in _STAND_INS:
        traffic = "" if repeat_share else ", each once, and no cache can help"
        found.append(
            f"There is no query log: {_STAND_INS[dataset['log']]} stand in{traffic}. Real traffic "
            "repeats its queries in its own way."
        )
    if len(dataset["levels"]) == 2:
        low, high = dataset["levels"]
        found.append(
            f"The judgments know two levels, {low} and {high}: measures that need more are left "
            "out, and levels between are the model's own."
        )
    return found

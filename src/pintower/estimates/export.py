"""How long the export takes: its graphs are held to torch on texts and on judged rankings."""

from pintower.estimates.situation import Seconds, Situation

__all__ = ["expected_seconds"]

_AROUND = 40.0
"""Seconds to trace, to quantize and to load."""
_TIMES = 6.0
"""Each text is embedded: in torch, by each form of a graph that is tried, alone and in batches."""


def expected_seconds(situation: Situation) -> Seconds:
    """Return the seconds of the last run, or else by the texts that are embedded."""
    if situation.manifest is not None:
        return situation.manifest.seconds, situation.manifest.seconds
    config, pace = situation.recipe.export, situation.pace
    held_out = situation.judged("test")
    names = held_out["query"].unique().sort().head(config.ranking_queries)
    ranked = held_out.filter(held_out["query"].is_in(names.to_list()))
    texts = config.parity_texts * (pace.query + pace.plain_pin)
    seconds = _AROUND + _TIMES * (texts + situation.reading(ranked, plain=True))
    return seconds, seconds

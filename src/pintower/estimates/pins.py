"""How long the pins take: by the rate of the last run, or else by the encoder's own."""

from pintower.estimates.situation import Seconds, Situation
from pintower.pins.preview import seconds_by_last_run

__all__ = ["expected_seconds"]

_GRAPH = (0.07, 0.3)
"""Of the time that torch takes in fp32, what the exported graph takes: with units for products of
int8 and without."""
_AROUND = 20.0
"""Seconds to load the encoder and to write store and snapshot."""


def expected_seconds(situation: Situation) -> Seconds | None:
    """Return the seconds to embed the pins that are new or changed; None where no rate is known."""
    config = situation.recipe.pins
    if situation.manifest is not None:
        known = seconds_by_last_run(config, situation.inputs, situation.folder, situation.manifest)
        return None if known is None else (known, known)
    pace = situation.pace
    shares = _GRAPH if config.runtime == "onnx" else (pace.pin / pace.plain_pin,) * 2
    least, most = (_AROUND + situation.pins * share * pace.plain_pin for share in shares)
    return least, most

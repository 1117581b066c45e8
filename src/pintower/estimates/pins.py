"""How long the pins take: by the rate of the last run, or else by the encoder's own."""

from pintower.estimates.situation import Seconds, Situation
from pintower.pins.preview import seconds_by_last_run

__all__ = ["expected_seconds"]

_GRAPH = 0.5
"""Of the time that torch takes in fp32, what the exported graph takes."""


def expected_seconds(situation: Situation) -> Seconds | None:
    """Return the seconds to embed the pins that are new or changed; None where no rate is known."""
    config = situation.recipe.pins
    if situation.manifest is not None:
        known = seconds_by_last_run(config, situation.inputs, situation.folder, situation.manifest)
        return None if known is None else (known, known)
    pace = situation.pace
    each = _GRAPH * pace.plain_pin if config.runtime == "onnx" else pace.pin
    return situation.pins * each, situation.pins * each

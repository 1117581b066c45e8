"""An encoder's precision: the first of the target's list whose graph passes its gates."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pintower.contracts import BuiltGraph
from pintower.errors import StudentError
from pintower.gates import Gate, explain, failed, gate, overrule
from pintower.targets import Precision

__all__ = ["Choice", "NoSuchForm", "choose_precision"]

logger = logging.getLogger(__name__)


class NoSuchForm(StudentError):
    """A graph has no form in a precision: nothing of it would be computed otherwise."""


@dataclass(frozen=True)
class Choice:
    """The graph that was taken, its gates, and what stood against the ones before it.

    Attributes:
        built: the graph.
        gates: measured on it, and one that tells the choice.
    """

    built: BuiltGraph
    gates: list[Gate]


def choose_precision(
    name: str,
    precisions: Sequence[Precision],
    build: Callable[[Precision], BuiltGraph],
    measure: Callable[[BuiltGraph], list[Gate]],
    allow: Collection[str],
) -> Choice:
    """Build and measure one precision after the other until one passes.

    Args:
        name: of the graph.
        precisions: in the order they are wanted; at least one.
        build: writes the graph in a precision, in the place of the one before, or raises
            :class:`NoSuchForm`, which refuses that precision.
        measure: its gates.
        allow: names of gates that may fail.

    Returns:
        The first choice that passed, or the last one, with the gates that stop the release.

    Raises:
        NoSuchForm: if the graph has no form in the last precision.
    """
    refused: dict[str, list[str]] = {}
    for precision in precisions:
        try:
            built = build(precision)
        except NoSuchForm as error:
            if precision == precisions[-1]:
                raise
            refused[precision] = [str(error)]
        else:
            gates = overrule(measure(built), allow)
            if not failed(gates):
                break
            refused[precision] = [explain(item) for item in failed(gates)]
        for line in refused[precision]:
            logger.warning("%s in %s refused: %s", name, precision, line)
    position = precisions.index(built.precision)
    told = gate(
        f"{name}.precision",
        position,
        unit="step of the list",
        detail={"taken": built.precision, "wanted": list(precisions), "refused": refused},
    )
    return Choice(built, [*gates, told])

"""Options that name precisions, with commas between them."""

from collections.abc import Sequence
from typing import TypeVar

from pintower.errors import InputError

__all__ = ["listed_precisions"]

_Name = TypeVar("_Name", bound=str)


def listed_precisions(
    option: str, given: str, allowed: Sequence[_Name], of: str
) -> tuple[_Name, ...]:
    """Return the precisions of a list with commas, in its order.

    Args:
        option: on the command line, for the message.
        given: what stands behind it.
        allowed: every precision there is.
        of: whose they are, for the message.

    Raises:
        InputError: if one of them is none.
    """
    names = [name.strip() for name in given.split(",")]
    if unknown := [name for name in names if name not in allowed]:
        raise InputError(
            f"{option} {given!r}: {unknown[0]!r} is no precision of {of}; allowed: "
            f"{', '.join(allowed)}."
        )
    return tuple(known for name in names for known in allowed if known == name)

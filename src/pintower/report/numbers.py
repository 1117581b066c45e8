"""Numbers as people read them."""

import math
from datetime import UTC, datetime

__all__ = [
    "counted",
    "date",
    "duration",
    "interval",
    "milliseconds",
    "number",
    "percent",
    "signed",
    "significant",
    "size",
]

_MISSING = "–"
_SPACE = "\u202f"
"""Narrow and without a line break, between a number and its unit."""


def number(value: object, digits: int = 3) -> str:
    """Return a number with ``digits`` decimals, whole ones without; anything else as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return _MISSING
    if not isinstance(value, int | float):
        return str(value)
    if value == round(value) and abs(value) < 1e15:
        return _minus(f"{round(value):,}")
    return _minus(f"{value:,.{digits}f}") if abs(value) >= 10**-digits else significant(value, 2)


def significant(value: float | None, digits: int = 4) -> str:
    """Return a number with so many significant digits, very small ones as a power of ten."""
    if value is None or not math.isfinite(value):
        return _MISSING
    if value != 0 and abs(value) < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return _minus(f"{mantissa} × 10{power}").replace(" ", "\u00a0")
    return _minus(f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}")


def signed(value: float | None, digits: int = 3) -> str:
    """Return a difference with its sign."""
    return _MISSING if value is None else _minus(f"{value:+.{digits}f}")


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return both ends of an interval."""
    if low is None or high is None:
        return _MISSING
    return _minus(f"{low:.{digits}f} to {high:.{digits}f}")


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share of 1 in per cent; one that would round to nothing as less than the least."""
    if share is None or not math.isfinite(share):
        return _MISSING
    least = 10.0**-digits
    if 0 < 100 * share < least / 2:
        return f"<{_SPACE}{least:.{digits}f}{_SPACE}%"
    return f"{_minus(f'{100 * share:.{digits}f}')}{_SPACE}%"


def milliseconds(value: float | None) -> str:
    """Return milliseconds with as many decimals as tell something."""
    if value is None:
        return _MISSING
    return f"{value:,.2f}" if value < 1 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Return a wall time in the unit that fits."""
    if seconds < 9.95:
        return f"{seconds:.1f}{_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest}{_SPACE}s"
    hours, minutes_left = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes}{_SPACE}min {rest}{_SPACE}s"
    return f"{hours:,}{_SPACE}h {minutes_left}{_SPACE}min"


def size(count: int) -> str:
    """Return bytes in the unit that fits."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    digits = 1 if value < 9.95 and unit != "B" else 0
    return f"{value:,.{digits}f}{_SPACE}{unit}"


def counted(count: float, one: str, many: str = "") -> str:
    """Return a count with its noun; ``many`` is the noun with an s where it is not given."""
    return f"{number(count, 1)} {one if count == 1 else many or one + 's'}"


def date(seconds: float) -> str:
    """Return the day of a time since the epoch, UTC."""
    day = datetime.fromtimestamp(seconds, UTC)
    return f"{day.day} {day:%B %Y}"


def _minus(text: str) -> str:
    return text.replace("-", "−")

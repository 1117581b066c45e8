"""How the minutes that a run will take are said: as a range, and never as a promise."""

from collections.abc import Sequence

from pintower.forecast import Forecast

__all__ = ["by_stage", "in_words", "shown_minutes"]

_WHOLE = 10.0
"""Minutes from which on tenths are left out."""


def in_words(told: Sequence[Forecast]) -> str:
    """Return about how long all of it takes; empty where nothing is to be done."""
    waiting = [item for item in told if item.state != "up to date"]
    known = [item for item in waiting if item.minutes is not None]
    if not waiting:
        return ""
    if not known:
        return "How long it takes is unknown: no run was measured here."
    least = sum(item.minutes or 0.0 for item in known if item.state == "runs")
    most = sum(item.most or 0.0 for item in known)
    words = f"About {_range(least, most)} minutes, as measured on this machine"
    if _range(least, most) != _range(least, least):
        words += (
            "; the more if the teacher labels, deeper trainings are drawn, or what may run does"
        )
    if lacking := [item.stage for item in waiting if item.minutes is None]:
        words += f"; unknown for {', '.join(lacking)}"
    return f"{words}."


def by_stage(told: Sequence[Forecast]) -> str:
    """Return the minutes of each stage that runs and takes any that are known."""
    known = [item for item in told if item.state != "up to date" and item.most]
    return ", ".join(f"{item.stage} {shown_minutes(item)}" for item in known)


def shown_minutes(item: Forecast) -> str:
    """Return a stage's minutes in figures, or that they are unknown."""
    if item.minutes is None or item.most is None:
        return "unknown"
    return _range(item.minutes, item.most)


def _range(least: float, most: float) -> str:
    digits = 0 if most >= _WHOLE else 1
    ends = [f"{end:,.{digits}f}" for end in (least, most)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)

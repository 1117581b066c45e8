"""Tuning: the serving settings that answer most requests a second within a latency, for a load.

Optuna proposes settings, perf_analyzer measures each on real queries in log order, every server
freshly started with an empty cache. Choosing the best of many noisy figures flatters it, so it is
measured again side by side with the release's own settings, and taken only if it is ahead in every
round of that.
"""

import logging
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from pintower.artifacts import hash_json
from pintower.bench.load import Load, as_rows
from pintower.progress import track
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.perf_analyzer import run_load
from pintower.serving.server import TritonServer
from pintower.targets import Serving, Target

__all__ = ["Goal", "Measured", "Point", "Subject", "Tuning", "describe", "tune"]

logger = logging.getLogger(__name__)

_HOPELESS = 1.5
"""Where p99 is that many times the limit, more requests in flight are not tried."""

_DELAYS = (0, 100, 300, 1_000)


@dataclass(frozen=True)
class Goal:
    """What is wanted.

    Attributes:
        p99_ms: milliseconds that 99 of 100 requests are to stay within.
        concurrency: requests in flight to try, ascending.
        trials: settings to try, the release's own included.
        rounds: of the comparison at the end.
        seed: of the search.
    """

    p99_ms: float
    concurrency: tuple[int, ...] = (1, 2, 4, 8, 16)
    trials: int = 20
    rounds: int = 3
    seed: int = 7


@dataclass(frozen=True)
class Subject:
    """What is tuned, and by which load.

    Attributes:
        target: of the release, as it is served now.
        environment: the server's.
        variant: gives a repository's folder that is served with some settings.
        load: sent once for each number of requests in flight.
        warmup: sent before, none of it in the load.
        identity: changes with the release.
    """

    target: Target
    environment: ServerEnvironment
    variant: Callable[[Serving], AbstractContextManager[Path]]
    load: Load
    warmup: Load
    identity: str


@dataclass(frozen=True)
class Point:
    """One pass; times in milliseconds."""

    concurrency: int
    throughput: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Measured:
    """Settings with what they were measured to do.

    Attributes:
        serving: the settings, as in a recipe.
        points: ascending in concurrency.
        throughput: most requests a second within the limit; 0 where no point is.
        rounds: the same in each round, where there were several.
    """

    serving: Serving
    points: tuple[Point, ...]
    throughput: float
    rounds: tuple[float, ...] = ()

    @classmethod
    def of(cls, serving: Serving, points: Iterable[Point], p99_ms: float) -> "Measured":
        """Return settings with their points, judged by a limit."""
        kept = tuple(points)
        within = [point.throughput for point in kept if point.p99_ms <= p99_ms]
        return cls(serving, kept, max(within, default=0.0))

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "serving": self.serving.model_dump(exclude_defaults=True),
            "points": [asdict(point) for point in self.points],
            "throughput": self.throughput,
            "rounds": list(self.rounds),
        }


@dataclass(frozen=True)
class Tuning:
    """What came of it.

    Attributes:
        trials: everything that was tried, in order, the release's own settings among them.
        own: the release's own settings, measured again.
        best: the best of the trials, measured again in the same rounds; None where no trial was
            ahead of the release's own.
    """

    trials: tuple[Measured, ...] = field(repr=False)
    own: Measured
    best: Measured | None

    @property
    def chosen(self) -> Measured:
        """The settings to serve with."""
        if self.best is None:
            return self.own
        pairs = zip(self.best.rounds, self.own.rounds, strict=True)
        return self.best if all(best > own for best, own in pairs) else self.own

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "own": self.own.as_json(),
            "best": None if self.best is None else self.best.as_json(),
            "chosen": self.chosen.as_json() if self.chosen.throughput else None,
            "trials": [item.as_json() for item in self.trials],
        }


def tune(subject: Subject, goal: Goal, folder: Path) -> Tuning:
    """Search, then compare the best settings with the release's own.

    Args:
        subject: what is tuned.
        goal: what is wanted.
        folder: keeps ``trials.log``; a search that was interrupted goes on from it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=_identity(subject, goal),
        storage=JournalStorage(JournalFileBackend(str(folder / "trials.log"))),
        sampler=optuna.samplers.TPESampler(seed=goal.seed, multivariate=False),
        direction="maximize",
        load_if_exists=True,
    )
    as_it_is = _as_parameters(subject.target)
    if all(trial.params != as_it_is for trial in _finished(study)):
        study.enqueue_trial(as_it_is)
    if done := len(_finished(study)):
        logger.info("%d settings were measured before; going on from there", done)
    for _ in track(range(max(0, goal.trials - done)), "tuning", unit="settings"):
        trial = study.ask()
        study.tell(trial, _objective(trial, study, subject, goal))
    own = _serving(as_it_is)
    tried = [_restored(trial, goal) for trial in _finished(study)]
    best = max(tried, key=lambda item: item.throughput)
    if not best.throughput:
        return Tuning(tuple(tried), next(item for item in tried if item.serving == own), None)
    if best.serving == own:
        (again,) = _compare(subject, goal, [own])
        return Tuning(tuple(tried), again, None)
    again, rival = _compare(subject, goal, [own, best.serving])
    return Tuning(tuple(tried), again, rival)


def _objective(trial: optuna.Trial, study: optuna.Study, subject: Subject, goal: Goal) -> float:
    serving = _serving(_suggest(trial, subject.target))
    for earlier in _finished(study):  # in a small space proposals come twice
        if earlier.params == trial.params and earlier.value is not None:
            trial.set_user_attr("points", earlier.user_attrs["points"])
            return earlier.value
    measured = Measured.of(serving, _curve(subject, goal, serving), goal.p99_ms)
    trial.set_user_attr("points", [asdict(point) for point in measured.points])
    least = min(point.p99_ms for point in measured.points)
    told = (
        f"{measured.throughput:.0f} requests/s" if measured.throughput else f"least {least:.1f} ms"
    )
    logger.info("p99 within %g ms: %s (%s)", goal.p99_ms, told, describe(serving))
    # Without a point within the limit, nearer to it is better.
    return measured.throughput or -least


def describe(serving: Serving) -> str:
    """Return settings in words: what has more than one instance or thread, and merging."""
    parts = [f"{n} instances of {name}" for name, n in serving.instances.items() if n > 1]
    parts += [f"{n} threads for {name}" for name, n in serving.threads.items() if n > 1]
    if serving.merge_queries:
        wait = f" for {serving.queue_delay_us} us" if serving.queue_delay_us else ""
        parts.append(f"queries that wait{wait} are merged")
    return ", ".join(parts) or "one of each, nothing merged"


def _suggest(trial: optuna.Trial, target: Target) -> dict[str, Any]:
    """Return one proposal: at most an instance, and a thread, a core."""
    cores = len(os.sched_getaffinity(0))
    chosen: dict[str, Any] = {
        f"instances.{name}": trial.suggest_int(f"instances.{name}", 1, max(cores, own))
        for name, own in target.instances.items()
    }
    threads = target.threads["query_encoder"].intra_op
    chosen["threads.query_encoder"] = trial.suggest_int(
        "threads.query_encoder", 1, max(cores, threads)
    )
    if target.max_batch_size > 1:
        chosen["merge"] = trial.suggest_categorical("merge", ["no", *map(str, _delays(target))])
    return chosen


def _as_parameters(target: Target) -> dict[str, Any]:
    """Return a target's own settings as a proposal."""
    own: dict[str, Any] = {f"instances.{name}": n for name, n in target.instances.items()}
    own["threads.query_encoder"] = target.threads["query_encoder"].intra_op
    if target.max_batch_size > 1:
        own["merge"] = str(target.queue_delay_us) if target.merge_queries else "no"
    return own


def _delays(target: Target) -> list[int]:
    return sorted({*_DELAYS, target.queue_delay_us})


def _serving(proposal: dict[str, Any]) -> Serving:
    parts = {key.partition("."): value for key, value in proposal.items()}
    merge = proposal.get("merge")
    return Serving.model_validate(
        {
            "instances": {name: n for (kind, _, name), n in parts.items() if kind == "instances"},
            "threads": {name: n for (kind, _, name), n in parts.items() if kind == "threads"},
            "merge_queries": None if merge is None else merge != "no",
            "queue_delay_us": None if merge is None else 0 if merge == "no" else int(merge),
        }
    )


def _curve(subject: Subject, goal: Goal, serving: Serving) -> list[Point]:
    """Measure settings with ever more requests in flight."""
    points: list[Point] = []
    with subject.variant(serving) as repository:
        for concurrency in goal.concurrency:
            points.append(_measure(subject, repository, concurrency))
            if points[-1].p99_ms > _HOPELESS * goal.p99_ms:
                break
    return points


def _measure(subject: Subject, repository: Path, concurrency: int) -> Point:
    addresses = free_addresses()
    with TritonServer(subject.environment, repository, addresses=addresses):
        result = run_load(
            subject.environment,
            addresses,
            "relevance",
            as_rows(subject.load),
            concurrency=min(concurrency, len(subject.load.requests)),
            warmup=as_rows(subject.warmup),
        )
    figures = result.row()
    return Point(concurrency, figures["throughput"], figures["p50_ms"], figures["p99_ms"])


def _compare(subject: Subject, goal: Goal, settings: Sequence[Serving]) -> list[Measured]:
    """Measure settings again, round after round; each point's figures are medians over rounds."""
    curves: list[list[list[Point]]] = [[] for _ in settings]
    for _ in track(range(goal.rounds), "comparing", unit="rounds"):
        for place, serving in enumerate(settings):
            curves[place].append(_curve(subject, goal, serving))
    found = []
    for serving, rounds in zip(settings, curves, strict=True):
        points = [_median(same) for same in zip(*rounds, strict=False)]
        rates = [Measured.of(serving, curve, goal.p99_ms).throughput for curve in rounds]
        found.append(replace(Measured.of(serving, points, goal.p99_ms), rounds=tuple(rates)))
    return found


def _median(points: Sequence[Point]) -> Point:
    figures = ("throughput", "p50_ms", "p99_ms")
    middle = {name: statistics.median(getattr(point, name) for point in points) for name in figures}
    return Point(points[0].concurrency, **middle)


def _identity(subject: Subject, goal: Goal) -> str:
    """Return the study's name: of the same release, load and goal, on as many cores."""
    requests = [[item.query, *item.pin_ids] for item in subject.load.requests]
    told = [subject.identity, requests, goal.p99_ms, goal.concurrency, goal.seed]
    return hash_json([*told, len(os.sched_getaffinity(0))])[:16]


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(states=[optuna.trial.TrialState.COMPLETE])


def _restored(trial: optuna.trial.FrozenTrial, goal: Goal) -> Measured:
    points = [Point(**point) for point in trial.user_attrs["points"]]
    return Measured.of(_serving(trial.params), points, goal.p99_ms)

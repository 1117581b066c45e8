"""The search for a training that pays: a few plans, each tried on held-out queries."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from torch import Tensor

from pintower.config import Depth, StudentConfig
from pintower.models.tuning.choice import Candidate, Judged, choose, measure_calibrated
from pintower.models.tuning.learner import Examples
from pintower.models.tuning.trial import Parts, Plan, Trial, try_plan

__all__ = ["Found", "plan_of", "search"]

logger = logging.getLogger(__name__)

_RATES = (0.3, 1.0, 3.0)
"""Times the recipe's learning rates that are tried."""


@dataclass(frozen=True)
class Found:
    """What the search came to.

    Attributes:
        taken: the plan that is taken, what it came to and its folder; None where the start is.
        share: of its way.
        logits: of the held-out pairs, FP32 [W, H, 5], by each head of what was taken.
        told: as JSON: the candidates, which one was taken, and why.
    """

    taken: tuple[Plan, Trial, Path] | None
    share: float
    logits: Tensor
    told: dict[str, Any]


def search(
    parts: Parts,
    examples: Examples,
    start: Tensor,
    judged: Judged,
    config: StudentConfig,
    folder: Path,
) -> Found:
    """Try plans and choose among the start and all of them.

    The recipe's depths come first, in order and at the recipe's rates. Where there are soft labels
    the first, which takes least, is tried with them and without, the others as did better there.
    Further trials go where Optuna's tree-structured Parzen estimator expects more. Where there are
    heads of several widths, the full width decides.

    Args:
        parts: what training starts from.
        examples: human levels and soft labels.
        start: logits of the held-out pairs at the start, FP32 [W, H, 5].
        judged: the held-out pairs.
        config: the recipe's section.
        folder: for what is trained, until all of it is; see :func:`try_plan`.
    """
    candidates = [measure_calibrated("start", 0.0, start[0], judged)]
    tried: list[tuple[Plan, Trial, Path, float]] = []
    soft = bool((~examples.human).any())
    space: dict[str, list[Any]] = {"depth": list(config.depths), "rate": list(_RATES)}
    space["soft"] = [False, True] if soft else [False]

    def objective(trial: optuna.Trial) -> float:
        drawn = {name: trial.suggest_categorical(name, among) for name, among in space.items()}
        plan = plan_of(config, **drawn)
        name = _name(plan, drawn["rate"])
        if name in {candidate.name for candidate in candidates}:
            raise optuna.TrialPruned  # drawn before
        logger.info("trial %d: %s", trial.number + 1, name)
        place = folder / str(trial.number)
        result = try_plan(parts, examples, plan, config.seed, place)
        measured = [
            measure_calibrated(name, share, made[0], judged)
            for share, made in result.logits.items()
        ]
        candidates.extend(measured)
        tried.extend((plan, result, place, share) for share in result.logits)
        return max(float(candidate.ndcg.mean()) for candidate in measured)

    study = _study(config.seed)

    def attempt(depth: Depth, with_soft: bool) -> None:
        study.enqueue_trial({"depth": depth, "rate": 1.0, "soft": with_soft})
        study.optimize(objective, n_trials=1)

    first, *deeper = config.depths
    for with_soft in reversed(space["soft"]):
        attempt(first, with_soft)
    pays = bool(study.best_params["soft"])
    for depth in deeper:
        attempt(depth, pays)
    study.optimize(objective, n_trials=config.trials)
    return _taken(candidates, tried, start, config.seed)


def _taken(
    candidates: list[Candidate],
    tried: list[tuple[Plan, Trial, Path, float]],
    start: Tensor,
    seed: int,
) -> Found:
    verdict = choose(candidates, seed)
    logger.info("taken: %s", verdict.reason)
    told: dict[str, Any] = {"reason": verdict.reason, "candidates": verdict.table}
    if verdict.at == 0:
        return Found(None, 0.0, start, {**told, "plan": None})
    plan, trial, folder, share = tried[verdict.at - 1]
    told |= {"plan": asdict(plan), "share": share}
    return Found((plan, trial, folder), share, trial.logits[share], told)


def plan_of(config: StudentConfig, *, depth: Depth, rate: float, soft: bool) -> Plan:
    """Return the plan that trains to a depth by the recipe.

    Args:
        config: the recipe's section.
        depth: what is trained.
        rate: times the recipe's learning rates.
        soft: whether the teacher's labels are learned from.
    """
    return Plan(
        depth=depth,
        soft=soft,
        human_share=config.human_share,
        temperature=config.temperature,
        learning_rate=config.learning_rate * rate,
        head_learning_rate=config.head_learning_rate * rate,
        pairs=config.pairs,
        epochs=config.epochs,
        batch_size=config.batch_size,
        losses=config.losses,
    )


def _name(plan: Plan, rate: float) -> str:
    learned = "human levels and soft labels" if plan.soft else "human levels"
    return f"{plan.depth} on {learned}" + ("" if rate == 1 else f" at {rate:g} times the rate")


def _study(seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=1)
    return optuna.create_study(direction="maximize", sampler=sampler)

"""The pace of this machine: the recipe's own models, for a few seconds, on some of the texts.

Nothing is promised by it: another program may take the processor later, or stop taking it.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from pintower.config import Depth, Recipe, StudentConfig, TeacherConfig
from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.estimates.sample import write_sample
from pintower.models.cross_encoder import build_cross_encoder
from pintower.models.fine_tuning import Task, TeacherLearner, teacher_groups
from pintower.models.optimization import training_device
from pintower.models.pairs import number_pairs
from pintower.models.scoring_head import ScoringHead
from pintower.models.towers import Texts, pool_all
from pintower.models.trainer import Group, Plan, train
from pintower.models.tuning.batches import grouped_batches
from pintower.models.tuning.examples import read_examples
from pintower.models.tuning.learner import Examples, Pooled
from pintower.models.tuning.search import plan_of
from pintower.models.tuning.start import lay_out_towers
from pintower.models.tuning.trial import Parts, build_learner, learner_groups
from pintower.progress import listening
from pintower.text.match_features import FEATURES

__all__ = ["Pace", "Training", "measure_pace"]

logger = logging.getLogger(__name__)

_TEXTS = 64
"""Texts, at least, that are embedded: few of them would fill no batch."""
_SCORED = 64
_STEPS = {"teacher": 4, "student": 8}
"""Steps that are trained; two at least tell what one takes."""
_SEED = 7


@dataclass(frozen=True)
class Training:
    """Seconds of a training.

    Attributes:
        step: of one step.
        checkpoint: of one checkpoint, and of what is set up before the first step.
    """

    step: float
    checkpoint: float

    def seconds(self, steps: float, checkpoints: int) -> float:
        """Return how long so many steps take, with so many checkpoints."""
        return self.step * steps + self.checkpoint * checkpoints


@dataclass(frozen=True)
class Pace:
    """Seconds on this machine.

    Attributes:
        query: to embed a query.
        pin: to embed a pin.
        plain_pin: to embed a pin in fp32, whatever the recipe says.
        pair: to score a pair by the teacher; 0 where the recipe has none.
        teacher: to train it; None where there is none.
        student: to train it, by depth; nothing where there is nothing to train on.
    """

    query: float
    pin: float
    plain_pin: float
    pair: float
    teacher: Training | None
    student: Mapping[Depth, Training]


def measure_pace(recipe: Recipe, data: Path) -> Pace:
    """Measure the pace of a recipe's models on some of a data folder's texts.

    Raises:
        StudentError: if an encoder cannot be used.
    """
    logger.info("measuring how fast this machine is, for a few seconds")
    with TemporaryDirectory(prefix="pintower-") as aside, listening(None):
        small = Path(aside) / "data"
        trained = write_sample(data, small)
        pace = _measure_student(recipe.student, small, Path(aside), trained)
        if not trained or recipe.student.method == "encoder":
            return pace
        pair, teacher = _measure_teacher(recipe.teacher, small, Path(aside))
    return replace(pace, pair=pair, teacher=teacher)


def _measure_student(config: StudentConfig, data: Path, aside: Path, trained: bool) -> Pace:
    """Return the pace without a teacher's."""
    plain = config.model_copy(
        update={
            name: getattr(config, name) or default
            for name, default in (
                ("query_max_tokens", 128), ("pin_max_tokens", 512), ("source_max_chars", 8_192),
            )
        }
    )  # fmt: skip
    student = lay_out_towers(plain, data, aside / "student")
    examples = read_examples(
        student, {"data": data}, config.seed, pin_tokens=config.trained_pin_tokens
    )
    one = (config.query_encoder, config.query_layers) == (config.pin_encoder, config.pin_layers)
    device = training_device()
    towers = student.query_encoder.to(device), student.pin_encoder.to(device)
    inputs = examples.inputs
    query, queries = _read(towers[0], inputs.queries, config.bf16)
    pin, pins = _read(towers[1], inputs.pins, config.bf16)
    some = replace(inputs.pins, rendered=inputs.pins.rendered[:_TEXTS])
    plain_pin, _ = _read(towers[1], some, bf16=False)
    found: dict[Depth, Training] = {}
    if trained and config.method != "encoder":
        heads = [ScoringHead(student.head.width, FEATURES, ()).to(device)]
        parts = Parts(*towers, heads, {}, one, Pooled(queries, pins), config.bf16)
        batches = _batches(examples.query, config.batch_size, _STEPS["student"])
        for depth in (config.depths[0], *config.depths):  # the first time is slower
            found[depth] = _measure_depth(parts, examples, config, depth, batches, aside)
    return Pace(query, pin, plain_pin, 0.0, None, found)


def _read(tower: SentenceTransformer, texts: Texts, bf16: bool) -> tuple[float, Tensor]:
    """Return the seconds a text, and the pooled texts; few ones are read more than once."""
    count = len(texts.rendered)
    often = replace(texts, rendered=list(texts.rendered) * -(-_TEXTS // count))
    started = time.perf_counter()
    pooled = pool_all(tower, often, training_device(), bf16, unit="texts")
    return (time.perf_counter() - started) / len(often.rendered), pooled[:count]


def _measure_depth(
    parts: Parts,
    examples: Examples,
    config: StudentConfig,
    depth: Depth,
    batches: Sequence[NDArray[np.int64]],
    aside: Path,
) -> Training:
    plan = plan_of(config, depth=depth, rate=1.0, soft=False)
    learner = build_learner(parts, examples, plan, parts.heads)
    with TemporaryDirectory(dir=aside) as folder:
        return _measure_training(learner, batches, learner_groups(learner, plan), Path(folder))


def _measure_teacher(config: TeacherConfig, data: Path, aside: Path) -> tuple[float, Training]:
    teacher = build_cross_encoder(
        config.encoder,
        layers=config.layers,
        max_length=config.max_length,
        bf16=config.bf16,
        dropout=config.dropout,
        pin_sources=config.pin_sources,
    )
    judged = read_table(data, JUDGMENTS)
    pairs = number_pairs(
        judged["query"].to_list(), judged["pin_id"].to_list(), read_table(data, PINS)
    )
    task = Task.of(teacher, pairs, judged["level"].to_numpy().astype(np.int64), None)
    scored = task.encoded[:_SCORED]
    pair = _timed(lambda: teacher.all_logits(scored, _SCORED)) / len(scored)
    return pair, _measure_training(
        TeacherLearner(teacher, task, config),
        _batches(task.query, config.batch_size, _STEPS["teacher"]),
        teacher_groups(teacher.model, config),
        aside / "teacher",
    )


def _batches(query: NDArray[np.int64], size: int, count: int) -> list[NDArray[np.int64]]:
    """Return so many batches, the first ones again where there are fewer."""
    found = grouped_batches(query, size, np.random.default_rng(_SEED))
    return [found[number % len(found)] for number in range(count)]


def _measure_training(
    module: nn.Module, batches: Sequence[NDArray[np.int64]], groups: Sequence[Group], folder: Path
) -> Training:
    """Train with one checkpoint at the end; the time from step to step is a step's."""
    began: list[float] = []
    hook = module.register_forward_pre_hook(lambda *_: began.append(time.perf_counter()))
    plan = Plan(warmup_share=0.1, every=len(batches))
    whole = _timed(
        partial(
            train,
            module,
            batches,
            lambda batch: {"rows": torch.from_numpy(batch)},
            groups,
            plan,
            folder,
        )
    )
    hook.remove()
    step = (began[-1] - began[0]) / (len(began) - 1)
    return Training(step, max(0.0, whole - len(batches) * step))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started

"""What looks on while a module is trained: evaluations, the best weights, whole checkpoints."""

import logging
import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pintower.artifacts import read_json, write_json
from pintower.progress import track

__all__ = ["Outcome", "Watch", "last_checkpoint", "load_trained", "save_trained"]

logger = logging.getLogger(__name__)

_CURVE_POINTS = 100
_PROGRESS = "progress.json"
"""File of a checkpoint, written last: a checkpoint without it is half written."""


@dataclass
class Outcome:
    """What training came to.

    Attributes:
        steps: taken.
        best_step: the step with the highest value, 0 for the start; without an evaluation the last.
        values: of each evaluation, ``{"step", "value"}``.
        curve: mean loss of at most 100 stretches of steps, ``{"step", "loss"}``.
        finished: whether no further step is to be taken.
    """

    steps: int = 0
    best_step: int = 0
    values: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False

    @property
    def stale(self) -> int:
        """Evaluations since the best one."""
        return sum(seen["step"] > self.best_step for seen in self.values)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the last whole checkpoint in a folder."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{_PROGRESS}")]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def save_trained(module: nn.Module, path: Path) -> None:
    """Write the parameters that are trained, whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    weights = {name: weight.detach().cpu().contiguous() for name, weight in _trained(module)}
    save_file(weights, temporary)
    temporary.replace(path)


@torch.no_grad()
def load_trained(module: nn.Module, path: Path) -> None:
    """Read what :func:`save_trained` wrote into a module."""
    saved = load_file(path)
    for name, weight in _trained(module):
        weight.copy_(saved[name])


def _trained(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad]


class Watch(TrainerCallback):  # type: ignore[misc]
    """Evaluates, keeps the best weights, tells progress, and says which checkpoint is whole.

    Args:
        module: that is trained.
        sizes: of the batches, one a step.
        every: steps between two checkpoints, and between two evaluations.
        patience: evaluations in a row without a better value that end the training; None for none.
        folder: of the checkpoints.
        evaluate: value of the module as it is, if there is any.
        shown: what is done and the unit of what a batch holds, for the progress.
    """

    def __init__(
        self,
        module: nn.Module,
        sizes: Sequence[int],
        *,
        every: int,
        patience: int | None,
        folder: Path,
        evaluate: Callable[[], float] | None,
        shown: tuple[str, str],
    ) -> None:
        self.module = module
        self.sizes = sizes
        self.every = every
        self.patience = patience
        self.folder = folder
        self.evaluate = evaluate
        self.losses: list[Tensor] = []
        self.outcome = Outcome()
        checkpoint = last_checkpoint(folder)
        if checkpoint is not None:
            told = read_json(checkpoint / _PROGRESS)
            self.outcome = Outcome(**told["outcome"])
            self.losses = list(torch.tensor(told["losses"]))
        self._stretch = -(-len(sizes) // _CURVE_POINTS)
        description, unit = shown
        self._progress: Generator[int, None, None] = track(
            sizes, description, total=sum(sizes), unit=unit, weights=sizes
        )

    @property
    def best(self) -> Path:
        """File of the best weights so far."""
        return self._kept(self.outcome.best_step)

    def close(self) -> None:
        """End the progress."""
        self._progress.close()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Look at the start; a training that is taken up shows the progress it had."""
        for _ in range(state.global_step + 1):
            next(self._progress, None)
        if state.global_step == 0:
            self._look()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count a step; look and save where it is time."""
        outcome, step = self.outcome, state.global_step
        outcome.steps = step
        next(self._progress, None)
        last = step == len(self.sizes)
        if last or step % self._stretch == 0:
            loss = float(torch.stack(self.losses).mean())
            outcome.curve.append({"step": step, "loss": loss})
            self.losses.clear()
        if not last and step % self.every:
            return
        self._look()
        tired = self.patience is not None and outcome.stale >= self.patience
        outcome.finished = control.should_training_stop = last or tired
        control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Declare a checkpoint whole, then remove what it replaces."""
        checkpoint = self.folder / f"checkpoint-{state.global_step}"
        told = {"outcome": asdict(self.outcome), "losses": [float(loss) for loss in self.losses]}
        write_json(checkpoint / _PROGRESS, told)
        for other in self.folder.glob("checkpoint-*"):
            if other != checkpoint:
                shutil.rmtree(other)
        for kept in self.folder.glob("best-*"):
            if kept != self.best:
                kept.unlink()

    def _kept(self, step: int) -> Path:
        return self.folder / f"best-{step}.safetensors"

    def _look(self) -> None:
        """Keep the module's weights where they are the best so far, or where nobody can tell."""
        outcome = self.outcome
        if self.evaluate is not None:
            self.module.eval()
            value = float(self.evaluate())
            self.module.train()
            best = max((seen["value"] for seen in outcome.values), default=-np.inf)
            outcome.values.append({"step": outcome.steps, "value": value})
            logger.info("step %d of %d: %.4f", outcome.steps, len(self.sizes), value)
            if value <= best:
                return
        outcome.best_step = outcome.steps
        save_trained(self.module, self.best)

"""Training by transformers' Trainer: any module, a fixed list of batches, resumed where killed.

The batches are known beforehand, so a run that is killed and started again goes on from its last
checkpoint and ends with the weights of one that was not (on the CPU to the last bit). Checkpoints
hold the weights that are trained, the optimizer's state and that of the random numbers; whoever
trains removes their folder when all its work is done.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainingArguments

from pintower.models.optimization import (
    CLIP,
    WEIGHT_DECAY,
    quick_gradients,
    training_device,
    warm_up_and_decay,
)
from pintower.models.watch import Outcome, Watch, last_checkpoint, load_trained, save_trained

__all__ = ["Collate", "Group", "Plan", "layer_groups", "train"]

logger = logging.getLogger(__name__)

Collate = Callable[[NDArray[np.int64]], Mapping[str, Any]]
"""Row numbers INT64 [B] of a batch to what the module's forward takes, by name."""

_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Group:
    """Parameters with one peak learning rate; frozen ones are left out."""

    parameters: Sequence[nn.Parameter]
    rate: float


@dataclass(frozen=True)
class Plan:
    """How a module is trained.

    Attributes:
        warmup_share: share of the steps spent warming up; the rate then falls linearly to zero.
        every: steps between two checkpoints, and between two evaluations.
        patience: evaluations in a row without a better value, after which training ends early;
            None never ends it.
        seed: for dropout.
    """

    warmup_share: float
    every: int
    patience: int | None = None
    seed: int = 7


def train(
    module: nn.Module,
    batches: Sequence[NDArray[np.int64]],
    collate: Collate,
    groups: Sequence[Group],
    plan: Plan,
    folder: Path,
    *,
    evaluate: Callable[[], float] | None = None,
    description: str = "training",
    unit: str = "pairs",
) -> Outcome:
    """Train a module in place; leave it in evaluation mode, with the weights of the best step.

    Args:
        module: its forward takes what ``collate`` makes and returns a mapping with a ``loss``.
        batches: row numbers INT64 [B] of each step, in order; one at least.
        collate: of a batch; it draws no random numbers.
        groups: what is trained, and how fast.
        plan: how.
        folder: for the checkpoints. What an interrupted run of the same training left there is
            taken up, and it stays: a caller that is killed later need not train again.
        evaluate: value of the module as it is, the higher the better; asked before the first step
            too. It draws no random numbers. Without it the last weights are the best.
        description: for the progress.
        unit: of what a batch holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    watch = Watch(
        module,
        [len(batch) for batch in batches],
        every=plan.every,
        patience=plan.patience,
        folder=folder,
        evaluate=evaluate,
        shown=(description, unit),
    )
    if watch.outcome.steps:
        logger.info("resuming: %d of %d steps were taken", watch.outcome.steps, len(batches))
    if not watch.outcome.finished:
        checkpoint = last_checkpoint(folder)
        trainer = _Trainer(module, batches, collate, groups, plan, folder, watch)
        try:
            with quick_gradients(module):
                trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
        finally:
            watch.close()
    module.to(training_device())
    load_trained(module, watch.best)
    module.zero_grad(set_to_none=True)
    module.eval()
    return watch.outcome


def layer_groups(model: nn.Module, rate: float, decay: float) -> list[Group]:
    """Return a transformer's parameters in groups whose rates fall from its last layer down.

    Howard & Ruder (2018), "Universal Language Model Fine-tuning for Text Classification": each
    layer learns ``decay`` times as fast as the next one. What comes before the layers learns as
    slowly as one layer more would; what comes after them at the full rate.

    Args:
        model: with one list of layers, the longest list of modules in it.
        rate: of the last layer.
        decay: 1 gives one rate to all.
    """
    lists = {name: part for name, part in model.named_modules() if isinstance(part, nn.ModuleList)}
    prefix = max(lists, key=lambda name: len(lists[name]), default=None)
    if prefix is None or decay == 1:
        return [Group(list(model.parameters()), rate)]
    count = len(lists[prefix])
    found: dict[int, list[nn.Parameter]] = {height: [] for height in range(count + 1)}
    height = 0  # parameters come in the order in which the model runs them
    for name, weight in model.named_parameters():
        inside = name.startswith(f"{prefix}.")
        if inside:
            height = int(name.removeprefix(f"{prefix}.").split(".")[0]) + 1
        found[height if inside or height == 0 else count].append(weight)
    return [Group(weights, rate * decay ** (count - height)) for height, weights in found.items()]


class _Trainer(Trainer):  # type: ignore[misc]
    """Takes the batches as they come, in silence."""

    def __init__(
        self,
        module: nn.Module,
        batches: Sequence[NDArray[np.int64]],
        collate: Collate,
        groups: Sequence[Group],
        plan: Plan,
        folder: Path,
        watch: Watch,
    ) -> None:
        on_gpu = training_device().type == "cuda"
        args = TrainingArguments(
            output_dir=str(folder),
            max_steps=len(batches),
            max_grad_norm=CLIP,
            seed=plan.seed,
            use_cpu=not on_gpu,
            dataloader_pin_memory=on_gpu,
            disable_tqdm=True,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            remove_unused_columns=False,
        )
        args._n_gpu = min(1, args.n_gpu)  # no copies of the module: its batches cannot be split
        trained = [
            {"params": [weight for weight in group.parameters if weight.requires_grad],
             "lr": group.rate}
            for group in groups
        ]  # fmt: skip
        optimizer = AdamW(trained, weight_decay=WEIGHT_DECAY, fused=True)
        schedule = LambdaLR(optimizer, warm_up_and_decay(len(batches), plan.warmup_share))
        self._batches = batches
        self._collate = collate
        self._watch = watch
        super().__init__(
            model=module, args=args, callbacks=[watch], optimizers=(optimizer, schedule)
        )
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader[Any]:
        loader: DataLoader[Any] = DataLoader(
            self._batches,  # type: ignore[arg-type]
            batch_size=1,
            collate_fn=lambda batches: self._collate(batches[0]),
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Mapping[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        loss: Tensor = model(**inputs)["loss"]
        self._watch.losses.append(loss.detach())
        return loss

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(exist_ok=True)
        save_trained(self.model, folder / _WEIGHTS)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        load_trained(self.model, Path(resume_from_checkpoint) / _WEIGHTS)

"""A bi-encoder fine-tuned by sentence-transformers on human levels: what users would train.

Two losses are tried, each for half of the time: CoSENT on all levels, and the multiple negatives
ranking loss on the best pins of each query. What did best on the validation queries, the untuned
encoder included, scores the pairs by its cosine.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import (
    CoSENTLoss,
    MultipleNegativesRankingLoss,
)
from transformers import TrainerCallback

from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.metrics.ranking import ndcg, per_query
from pintower.models.pin_inputs import pin_texts
from pintower.models.pretrained import pretrained_folder
from pintower.text.rendering import Rendering, render_query

__all__ = ["Tuned", "fine_tuned"]

_RATE = 2e-5
_BATCH = 32
_CHECKS = 4
"""Of the validation queries, by each loss."""
_RELEVANT = 4
"""The lowest level of a pin that the ranking loss takes for an answer."""


@dataclass(frozen=True)
class Tuned:
    """What came of it.

    Attributes:
        scores: cosines of the pairs that were asked for, FP32 [N].
        taken: the loss whose weights they are, or ``untuned``.
        checks: nDCG@20 of the validation queries, by loss, in the order of time.
    """

    scores: NDArray[np.float32]
    taken: str
    checks: dict[str, list[float]]


def fine_tuned(
    encoder: str,
    data: Path,
    rendering: Rendering,
    pairs: pl.DataFrame,
    *,
    seconds: float,
    seed: int,
) -> Tuned:
    """Fine-tune an encoder on the training judgments of a data folder and score pairs.

    Args:
        encoder: name or folder.
        data: a data stage's folder.
        rendering: of queries and pins, with the encoder's prompts.
        pairs: ``query`` and ``pin_id``, N of them.
        seconds: for both losses together, checks included.
        seed: for the order.
    """
    pins = read_table(data, PINS)
    texts = dict(zip(pins["pin_id"], pin_texts(pins, rendering), strict=True))
    judgments = read_table(data, JUDGMENTS)
    parts = {part: judgments.filter(split=part) for part in ("train", "validation")}

    def rendered(table: pl.DataFrame) -> dict[str, list[str]]:
        return {
            "query": [render_query(query, rendering) for query in table["query"]],
            "pin": [texts[pin] for pin in table["pin_id"]],
        }

    held, validation = rendered(parts["validation"]), parts["validation"]
    number = validation["query"].rank("dense").to_numpy() - 1

    def check(model: SentenceTransformer) -> float:
        levels = validation["level"].to_numpy()
        return float(per_query(ndcg, number, levels, _cosines(model, held)).mean())

    train = parts["train"]
    relevant = train.filter(pl.col("level") >= _RELEVANT)
    sets = {
        "CoSENT": (
            CoSENTLoss,
            Dataset.from_dict(
                rendered(train) | {"score": ((train["level"] - 1) / 4).cast(pl.Float64).to_list()}
            ),
        ),
        "MultipleNegativesRanking": (
            MultipleNegativesRankingLoss,
            Dataset.from_dict(rendered(relevant)),
        ),
    }
    untuned = SentenceTransformer(str(pretrained_folder(encoder)), device=_device())
    untuned.max_seq_length = rendering.pin_max_tokens
    best, taken = check(untuned), "untuned"
    model, checks = untuned, {"untuned": [best]}
    for name, (loss, examples) in sets.items():
        tuned = copy.deepcopy(untuned)
        watch = _Watch(tuned, check, seconds / len(sets))
        _train(tuned, loss(tuned), examples, watch, seed)
        checks[name] = watch.values
        if watch.best > best:
            best, taken, model = watch.best, name, tuned
            model.load_state_dict(watch.weights)
    return Tuned(_cosines(model, rendered(pairs)), taken, checks)


class _Watch(TrainerCallback):
    """Stops a training when its time is over; keeps the weights that did best on validation."""

    def __init__(
        self,
        model: SentenceTransformer,
        check: Callable[[SentenceTransformer], float],
        seconds: float,
    ) -> None:
        self.model = model
        self.check = check
        self.seconds = seconds
        self.started = time.monotonic()
        self.values: list[float] = []
        self.best = -1.0
        self.weights: dict[str, Any] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Check at equal parts of the time; stop after the last."""
        if time.monotonic() - self.started < self.seconds * (len(self.values) + 1) / _CHECKS:
            return
        self.values.append(self.check(self.model))
        self.model.train()
        if self.values[-1] > self.best:
            self.best = self.values[-1]
            self.weights = copy.deepcopy(self.model.state_dict())
        control.should_training_stop = len(self.values) >= _CHECKS


def _train(
    model: SentenceTransformer, loss: torch.nn.Module, examples: Dataset, watch: _Watch, seed: int
) -> None:
    arguments = SentenceTransformerTrainingArguments(
        output_dir="unused",
        per_device_train_batch_size=_BATCH,
        num_train_epochs=1_000,
        learning_rate=_RATE,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=50,
        bf16=torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported(),
        use_cpu=_device() == "cpu",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_strategy="no",
        dataloader_drop_last=len(examples) > _BATCH,
        seed=seed,
    )
    SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=examples, loss=loss, callbacks=[watch]
    ).train()


def _cosines(model: SentenceTransformer, rendered: dict[str, list[str]]) -> NDArray[np.float32]:
    sides = []
    for texts in rendered.values():
        distinct, at = np.unique(np.array(texts, dtype=object), return_inverse=True)
        embeddings = model.encode(
            distinct.tolist(), normalize_embeddings=True, show_progress_bar=False
        )
        sides.append(embeddings[at])
    cosines: NDArray[np.float32] = (sides[0] * sides[1]).sum(axis=1)
    return cosines


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"

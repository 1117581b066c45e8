"""The teacher's network: query and pin read together, five level logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from pintower.artifacts import hash_file, hash_json, read_json, write_json
from pintower.errors import StudentError
from pintower.models.backbones import find_backbone
from pintower.models.loading import loading, no_bars
from pintower.models.missing_weights import require_weights
from pintower.models.optimization import autocast, training_device
from pintower.models.pairs import Pairs
from pintower.models.pin_inputs import pin_texts
from pintower.models.scoring_head import LEVELS
from pintower.models.teacher_start import START, TeacherStart
from pintower.models.vocabulary import require_rows
from pintower.text.rendering import PIN_SOURCES, Rendering, render_query

__all__ = ["CrossEncoder", "Encoding", "TeacherLayout", "build_cross_encoder", "fingerprint"]

Encoding = dict[str, list[int]]

_DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "classifier_dropout",
    "attention_dropout",
    "dropout",
    "seq_classif_dropout",
)
"""What the families of Hugging Face models call their dropout."""

_FINGERPRINTED = {".safetensors", ".bin", ".txt", ".model"}


@dataclass(frozen=True)
class TeacherLayout:
    """Where the parts of a teacher folder lie, beside the Hugging Face model's own files."""

    root: Path

    @property
    def text(self) -> Path:
        """The text rendering's file."""
        return self.root / "text.json"

    @property
    def settings(self) -> Path:
        """The file with backbone, length limit and precision."""
        return self.root / "teacher.json"

    @property
    def metrics(self) -> Path:
        """What the fine-tuning measured."""
        return self.root / "metrics.json"


@dataclass(frozen=True)
class CrossEncoder:
    """A sequence classifier over (query, pin), on the GPU where there is one.

    Attributes:
        model: a Hugging Face sequence classifier with five labels.
        tokenizer: its tokenizer.
        rendering: of queries and pins.
        max_length: tokens of query and pin together; the longer of the two is cut, which is the pin
            unless a query alone fills half of it.
        bf16: run under bfloat16 autocast.
        start: what its logits are added to; None where it starts from nothing.
        temperature: that the sum is divided by.
    """

    model: Any
    tokenizer: Any
    rendering: Rendering
    max_length: int
    bf16: bool
    start: TeacherStart | None = None
    temperature: float = 1.0

    def encode(self, queries: Sequence[str], pin_texts: Sequence[str]) -> list[Encoding]:
        """Return the tokens of each pair: a query as given, a pin as rendered."""
        if not queries:
            return []
        rendered = [render_query(query, self.rendering) for query in queries]
        encoded = self.tokenizer(
            rendered, list(pin_texts), truncation="longest_first", max_length=self.max_length
        )
        return [{name: encoded[name][row] for name in encoded} for row in range(len(rendered))]

    def logits(self, pairs: Sequence[Encoding]) -> torch.Tensor:
        """Return logits FP32 [B, 5] of encoded pairs."""
        longest = max(len(pair["input_ids"]) for pair in pairs)
        inputs = {}
        for name in pairs[0]:
            filler = self.tokenizer.pad_token_id if name == "input_ids" else 0
            rows = [pair[name] + [filler] * (longest - len(pair[name])) for pair in pairs]
            inputs[name] = torch.tensor(rows, device=self.model.device)
        with autocast(self.model.device, self.bf16):
            logits: torch.Tensor = self.model(**inputs).logits
        return logits.float()

    def judge(self, pairs: Pairs, batch_size: int) -> NDArray[np.float32]:
        """Return level probabilities FP32 [N, 5] of N pairs.

        Args:
            pairs: queries as users type them, and rows of the pins table.
            batch_size: pairs scored at once.
        """
        start = None if self.start is None else self.start.logits(self.start.signals(pairs))
        texts = pin_texts(pairs.pins, self.rendering)
        queries = [pairs.queries[query] for query in pairs.query]
        return self.probabilities(queries, [texts[pin] for pin in pairs.pin], batch_size, start)

    def probabilities(
        self,
        queries: Sequence[str],
        pin_texts: Sequence[str],
        batch_size: int,
        start: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return level probabilities FP32 [N, 5] of N pairs, batched by length.

        Args:
            queries: as users type them.
            pin_texts: as :func:`pintower.models.pin_inputs.pin_texts` renders them.
            batch_size: pairs scored at once.
            start: logits FP32 [N, 5] of the teacher's start, where it has one.
        """
        logits = self.all_logits(self.encode(queries, pin_texts), batch_size)
        if start is not None:
            logits = logits + torch.from_numpy(start)
        probabilities: NDArray[np.float32] = torch.softmax(logits / self.temperature, dim=1).numpy()
        return probabilities

    @torch.no_grad()
    def all_logits(self, pairs: Sequence[Encoding], batch_size: int) -> torch.Tensor:
        """Return the network's own logits FP32 [N, 5] of encoded pairs, on the CPU."""
        self.model.eval()
        order = np.argsort([-len(pair["input_ids"]) for pair in pairs], kind="stable")
        logits = torch.zeros(len(pairs), LEVELS)
        for start in range(0, len(pairs), batch_size):
            rows = order[start : start + batch_size]
            logits[rows] = self.logits([pairs[row] for row in rows]).cpu()
        return logits

    def save(self, folder: Path, *, backbone: str) -> None:
        """Write a Hugging Face model folder with the rendering and the settings beside it."""
        layout = TeacherLayout(folder)
        with no_bars():
            self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.rendering.save(layout.text)
        settings = {
            "encoder": backbone,
            "max_length": self.max_length,
            "bf16": self.bf16,
            "temperature": self.temperature,
        }
        write_json(layout.settings, settings)
        if self.start is not None:
            self.start.save(folder)

    @classmethod
    def load(cls, folder: Path) -> "CrossEncoder":
        """Read what :meth:`save` wrote.

        Raises:
            StudentError: if the folder is incomplete or was made by other code.
        """
        layout = TeacherLayout(folder)
        try:
            rendering = Rendering.load(layout.text)
            settings = read_json(layout.settings)
            kept = {name: settings[name] for name in ("max_length", "bf16", "temperature")}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StudentError(f"{folder} is not a complete teacher folder: {error}") from error
        with loading(folder, "is not a complete teacher folder") as loaded:
            model = AutoModelForSequenceClassification.from_pretrained(folder)
            tokenizer = AutoTokenizer.from_pretrained(folder)
        require_weights(loaded, folder)
        model.float().eval().to(training_device())
        return cls(
            model=model,
            tokenizer=tokenizer,
            rendering=rendering,
            start=TeacherStart.load(folder),
            **kept,
        )


def build_cross_encoder(
    backbone: str,
    *,
    layers: int | None,
    max_length: int,
    bf16: bool,
    dropout: float | None = None,
    pin_sources: tuple[str, ...] = PIN_SOURCES,
) -> CrossEncoder:
    """Return a cross-encoder with a new classification layer on a pretrained backbone.

    Args:
        backbone: any Hugging Face text encoder or decoder: folder, hub name, installed package.
        layers: keep only the first layers; None keeps all.
        max_length: tokens of query and pin together.
        bf16: run under bfloat16 autocast.
        dropout: while training; None keeps the backbone's own.
        pin_sources: the pin's text sources, in order.

    Raises:
        StudentError: if the backbone cannot be found, cannot classify, has fewer layers, takes
            shorter texts, has no token to pad with or fewer embeddings than its tokenizer tokens.
    """
    folder = find_backbone(backbone)
    with loading(folder, "cannot be a teacher") as loaded:
        config = AutoConfig.from_pretrained(folder, num_labels=LEVELS)
        _check_sizes(backbone, config, layers, max_length)
        if layers is not None:
            config.num_hidden_layers = layers
        if dropout is not None:
            config.update({name: dropout for name in _DROPOUTS if hasattr(config, name)})
        tokenizer = AutoTokenizer.from_pretrained(folder)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        if tokenizer.pad_token is None:
            raise StudentError(
                f"The tokenizer of {backbone!r} has no padding, end or unknown token to fill "
                "batches with. Give it a pad_token and save it again."
            )
        config.pad_token_id = tokenizer.pad_token_id
        model = AutoModelForSequenceClassification.from_pretrained(folder, config=config)
    require_weights(loaded, folder, new_head=True)
    if tokenizer.is_fast:
        rows = model.get_input_embeddings().num_embeddings
        require_rows(tokenizer.backend_tokenizer, rows, f"The encoder {backbone!r}")
    return CrossEncoder(
        model=model.float().to(training_device()),
        tokenizer=tokenizer,
        rendering=Rendering(
            query_max_tokens=max_length // 2, pin_max_tokens=max_length, pin_sources=pin_sources
        ),
        max_length=max_length,
        bf16=bf16,
    )


def fingerprint(folder: Path) -> str:
    """Return a SHA-256 over all that decides a teacher's labels: weights, tokenizer, rendering."""
    layout = TeacherLayout(folder)
    named = {"tokenizer.json", layout.text.name, layout.settings.name}
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in _FINGERPRINTED
        or path.name in named
        or path.relative_to(folder).parts[0] == START
    )
    return hash_json(
        {path.relative_to(folder).as_posix(): hash_file(path) for path in files if path.is_file()}
    )


def _check_sizes(backbone: str, config: Any, layers: int | None, max_length: int) -> None:
    available = getattr(config, "num_hidden_layers", None)
    if layers is not None and (available is None or layers > available):
        raise StudentError(f"The encoder {backbone!r} has {available} layers, asked for {layers}.")
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and max_length > positions:
        raise StudentError(
            f"The encoder {backbone!r} takes {positions} tokens, teacher.max_length is "
            f"{max_length}. Give a shorter max_length."
        )

"""Where a teacher starts: an untuned encoder's cosine and the match features, fitted to levels.

The cross-encoder adds to these logits, and nothing before its first step. So a few thousand
judgments go into what the baselines do not know, not into what they do.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from pintower.artifacts import read_json, write_json
from pintower.errors import StudentError
from pintower.models.adoption.evidence import similarities
from pintower.models.adoption.heads import DOUBT, fit_ordinal, soft_targets
from pintower.models.adoption.signals import Signals
from pintower.models.baselines import Embed, untuned_encoder
from pintower.models.optimization import autocast, training_device
from pintower.models.pairs import Pairs, pair_match_features
from pintower.models.pretrained import pretrained_folder
from pintower.models.prompts import stated_prefixes
from pintower.text.match_features import FEATURES, MatchStatistics
from pintower.text.rendering import Rendering

__all__ = ["START", "TeacherStart", "signals_of", "start_embedding", "start_rendering"]

START = "start"
"""Its folder in a teacher's."""
_MATCH_STATISTICS = "match_stats"


@dataclass(frozen=True)
class TeacherStart:
    """An ordinal model of the levels over cosine and match features.

    Attributes:
        encoder: name or folder of the untuned encoder.
        rendering: of queries and pins, for that encoder.
        statistics: of the match features.
        weight: FP64 [5, 1 + F], for signals as they are.
        bias: FP64 [5].
    """

    encoder: str
    rendering: Rendering
    statistics: MatchStatistics
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        encoder: str,
        rendering: Rendering,
        statistics: MatchStatistics,
        signals: NDArray[np.float64],
        levels: NDArray[np.int64],
    ) -> "TeacherStart":
        """Return the start under which levels are likeliest.

        Args:
            encoder: of the cosine.
            rendering: of the texts it embeds.
            statistics: of the match features.
            signals: FP64 [N, 1 + F], see :func:`signals_of`.
            levels: INT64 [N].
        """
        given = Signals(signals)
        weight, bias = fit_ordinal(given, soft_targets(levels, DOUBT))
        plain = (weight * given.varying * given.scale).numpy()
        return cls(encoder, rendering, statistics, plain, bias.numpy() - plain @ given.mean.numpy())

    def signals(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return cosine and match features FP64 [N, 1 + F] of N pairs."""
        return signals_of(pairs, start_embedding(self.encoder, self.rendering), self.statistics)

    def logits(self, signals: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return logits FP32 [N, 5] of signals FP64 [N, 1 + F]."""
        logits: NDArray[np.float32] = (signals @ self.weight.T + self.bias).astype(np.float32)
        return logits

    def save(self, teacher: Path) -> None:
        """Write it into a teacher folder."""
        folder = teacher / START
        folder.mkdir(exist_ok=True)
        save_file({"weight": self.weight, "bias": self.bias}, folder / "start.safetensors")
        write_json(folder / "start.json", {"encoder": self.encoder, "match_features": FEATURES})
        self.rendering.save(folder / "text.json")
        self.statistics.save(folder / _MATCH_STATISTICS)

    @classmethod
    def load(cls, teacher: Path) -> "TeacherStart | None":
        """Read what :meth:`save` wrote; None where a teacher starts from nothing.

        Raises:
            StudentError: if the folder is incomplete or of other match features.
        """
        folder = teacher / START
        if not folder.is_dir():
            return None
        try:
            told = read_json(folder / "start.json")
            arrays = load_file(folder / "start.safetensors")
            rendering = Rendering.load(folder / "text.json")
            statistics = MatchStatistics.load(folder / _MATCH_STATISTICS)
            weight, bias, encoder = arrays["weight"], arrays["bias"], told["encoder"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StudentError(f"{folder} is not the start of a teacher: {error}") from error
        return cls(encoder, rendering, statistics, weight, bias)


def start_embedding(encoder: str, rendering: Rendering) -> Embed:
    """Return the embedding by the untuned encoder, in bfloat16 where the device has it."""
    embed = untuned_encoder(encoder, rendering)

    def embed_fast(pairs: Pairs) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with autocast(training_device(), bf16=True):
            return embed(pairs)

    return embed_fast


def signals_of(pairs: Pairs, embed: Embed, statistics: MatchStatistics) -> NDArray[np.float64]:
    """Return the untuned cosine and the match features of N pairs, FP64 [N, 1 + F].

    Raises:
        StudentError: if the encoder cannot be found or loaded.
    """
    queries, pins = embed(pairs)
    cosine = similarities(queries[pairs.query], pins[pairs.pin])
    return np.column_stack([cosine, pair_match_features(pairs, statistics)]).astype(np.float64)


def start_rendering(encoder: str, pin_sources: tuple[str, ...], max_length: int) -> Rendering:
    """Return the rendering of texts for the untuned encoder: its own prompts, the teacher's cut."""
    query, pin = stated_prefixes(pretrained_folder(encoder))
    return Rendering(
        query_prefix=query,
        pin_prefix=pin,
        query_max_tokens=max_length,
        pin_max_tokens=max_length,
        pin_sources=pin_sources,
    )

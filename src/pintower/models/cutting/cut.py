"""From a student folder to one whose query encoder has fewer layers, or a smaller vocabulary."""

import copy
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from pintower.artifacts import write_json
from pintower.errors import StudentError
from pintower.models.cutting.distil import cut_layers, distil, kept_layers
from pintower.models.cutting.texts import QueryTexts, read_texts
from pintower.models.cutting.vocabulary import cut_embeddings, shrink_vocabulary
from pintower.models.embedding import embed_texts
from pintower.models.encoders import layer_stack, save_encoder
from pintower.models.first_module import transformer_of
from pintower.models.freezing import freeze_calibration
from pintower.models.layout import StudentLayout
from pintower.models.student import Student, load_student
from pintower.models.tokenization import load_tokenizer
from pintower.text.rendering import render_query

__all__ = ["Cut", "cut_student"]

_DRAWN = 1_024
_NO_LIMIT = 1 << 20
_WORST = 5


@dataclass(frozen=True)
class Cut:
    """How a query encoder was cut (``cut.json`` in the student folder).

    Attributes:
        source: the student it was cut from.
        layers: kept, of ``depth``.
        depth: of the full query encoder.
        kept: the layers it started from, counted from 0.
        pieces: of its vocabulary.
        all_pieces: of the full query encoder's.
        steps: of the optimizer.
        seed: for the texts.
        queries: distinct queries learned from; none of the test split.
        held_out_queries: that these figures are measured on.
        mean_cosine: of held-out queries with the full query encoder.
        min_cosine: the worst of them.
        start_mean_cosine: the mean before training.
        worst: held-out queries that moved most, the worst first.
    """

    source: str
    layers: int
    depth: int
    kept: tuple[int, ...]
    pieces: int
    all_pieces: int
    steps: int
    seed: int
    queries: int
    held_out_queries: int
    mean_cosine: float
    min_cosine: float
    start_mean_cosine: float
    worst: tuple[str, ...]


def cut_student(
    source: Path,
    data: Path,
    folder: Path,
    *,
    layers: int | None,
    vocabulary: bool = False,
    steps: int,
    seed: int,
    bf16: bool,
) -> Cut:
    """Write a student folder whose query encoder is smaller and gives the same embeddings.

    Pin encoder, scoring heads, rendering, match statistics and what the graphs are calibrated on
    are the source's, so its pins stay valid as they are. A source that has nothing to calibrate on
    is given it, out of the data.

    Args:
        source: a student folder.
        data: a data stage's folder.
        folder: empty; what is written there is a student.
        layers: to keep; None keeps all, and nothing is trained.
        vocabulary: keep only the pieces that queries, titles and boards need.
        steps: of the optimizer, 256 texts each.
        seed: for the texts.
        bf16: train under bfloat16 autocast.

    Raises:
        StudentError: if the student cannot be loaded, has no more layers than asked for, or its
            vocabulary cannot be cut.
        DatasetError: if there are no queries to learn from.
    """
    student = load_student(source)
    if student.query_columns:
        raise StudentError(
            f"{source}: its query encoder takes feature vectors, and a cut learns from texts alone."
        )
    depth = len(layer_stack(transformer_of(student.query_encoder)))
    kept = list(range(depth)) if layers is None else kept_layers(depth, layers)
    texts = read_texts(data, seed)
    full = load_tokenizer(student.layout.query_encoder, student.rendering.query_max_tokens)
    cut, start = copy.deepcopy(student.query_encoder), 1.0
    if layers is not None:
        torch.manual_seed(seed)
        cut = cut_layers(student.query_encoder, kept)
        start = float(_cosines(student, cut, full, texts).mean())
        drawn = _drawn(student, texts, seed)
        distil(student.query_encoder, cut, full, drawn, steps=steps, bf16=bf16)
    if vocabulary:
        needed = [*texts.queries, *texts.titles, *texts.boards]
        whole = load_tokenizer(student.layout.query_encoder, _NO_LIMIT)
        rendered = [render_query(text, student.rendering) for text in needed]
        cut_embeddings(cut, shrink_vocabulary(whole, rendered))
    _write(student.layout, cut, StudentLayout(folder))
    if student.layout.calibration.is_dir():
        shutil.copytree(student.layout.calibration, StudentLayout(folder).calibration)
    else:
        freeze_calibration(replace(student, layout=StudentLayout(folder)), data)
    own = load_tokenizer(StudentLayout(folder).query_encoder, student.rendering.query_max_tokens)
    after = _cosines(student, cut, own, texts)
    made = Cut(
        source=str(source),
        layers=len(kept),
        depth=depth,
        kept=tuple(kept),
        pieces=own.get_vocab_size(),
        all_pieces=full.get_vocab_size(),
        steps=steps if layers is not None else 0,
        seed=seed,
        queries=len(texts.queries),
        held_out_queries=len(texts.held_out),
        mean_cosine=float(after.mean()),
        min_cosine=float(after.min()),
        start_mean_cosine=start,
        worst=tuple(texts.held_out[row] for row in np.argsort(after)[:_WORST]),
    )
    write_json(folder / "cut.json", asdict(made))
    return made


def _drawn(student: Student, texts: QueryTexts, seed: int) -> Iterator[list[str]]:
    random = np.random.default_rng(seed)
    while True:
        yield [render_query(text, student.rendering) for text in texts.draw(_DRAWN, random)]


def _cosines(
    student: Student, cut: SentenceTransformer, own: Tokenizer, texts: QueryTexts
) -> NDArray[np.float32]:
    """Return the cosines of held-out queries; ``own`` is the cut encoder's tokenizer."""
    full = load_tokenizer(student.layout.query_encoder, student.rendering.query_max_tokens)
    rendered = [render_query(query, student.rendering) for query in texts.held_out]
    wanted = embed_texts(student.query_encoder, full, rendered)
    given = embed_texts(cut, own, rendered)
    norms = np.linalg.norm(wanted, axis=1) * np.linalg.norm(given, axis=1)
    cosines: NDArray[np.float32] = (wanted * given).sum(axis=1) / np.maximum(norms, 1e-12)
    return cosines


def _write(source: StudentLayout, cut: SentenceTransformer, target: StudentLayout) -> None:
    for name in ("pin_encoder", "scoring_head", "match_stats"):
        shutil.copytree(getattr(source, name), getattr(target, name))
    if source.narrower_heads.is_dir():
        shutil.copytree(source.narrower_heads, target.narrower_heads)
    shutil.copyfile(source.text, target.text)
    if source.training.is_file():
        shutil.copyfile(source.training, target.training)
    save_encoder(cut, target.query_encoder)

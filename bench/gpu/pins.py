"""Pins embedded offline: texts a second, from texts and from batches made beforehand.

From texts to embeddings, tokenizer included: what `pintower embed` runs on a GPU beside
sentence-transformers' `encode`, with what each costs in nDCG. From batches of similar length by a
budget of tokens: the runtimes by themselves.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from bench.judged import Judged, unit
from pintower.contracts import Contract
from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.export.half.convert import write_half
from pintower.models.embedding import TorchEncoder
from pintower.models.layout import StudentLayout
from pintower.models.pin_inputs import feature_matrix, length_batches, pin_texts
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer, token_batch

from .runtimes import load_module, open_session, prepare_libraries
from .section import Budget, Emit, Settings, told

__all__ = ["batches_of", "measure"]

Batch = tuple[NDArray[Any], ...]
"""Token ids and mask INT64 [B, L] and, where the encoder takes them, vectors FP32 [B, V]."""
Embed = Callable[[Sequence[Batch]], NDArray[np.float32]]

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
OURS = "pintower embed"
REFERENCE = "sentence-transformers fp32, batch 32"
BUDGETS = {"cuda": (2_048, 16_384, 65_536), "cpu": (2_048,)}
ROUNDS = 3


def measure(settings: Settings, emit: Emit) -> None:
    """Tell texts a second of every way to embed, in interleaved rounds for each budget."""
    prepare_libraries(settings, emit)
    budget = Budget(settings.seconds)
    build = settings.carry / ("gpu-fp32" if settings.device == "cuda" else "cpu-fp32")
    layout = StudentLayout(settings.carry / "student")
    rendering = layout.load_rendering()
    pins = read_table(build / "data", PINS).head(500 if settings.quick else 20_000)
    columns = layout.pin_columns()
    texts, vectors = pin_texts(pins, rendering), feature_matrix(pins, columns)
    tokenizer = load_tokenizer(layout.pin_encoder, rendering.pin_max_tokens)
    if not columns:  # sentence-transformers' encode takes texts alone
        judged = Judged.of(load_student(layout.root), pins, read_table(build / "data", JUDGMENTS))
        _from_texts(_encoders(settings, layout.pin_encoder, rendering.pin_max_tokens), texts,
                    judged, settings, budget, emit)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="pintower-half-") as temporary:
        ways: dict[str, Embed] = {}
        for name, open_way in _ways(settings, build, layout.pin_encoder, Path(temporary)):
            with told(emit, {"contender": name}):
                budget.require()
                ways[name] = open_way()
        for tokens in BUDGETS[settings.device]:
            begin = time.perf_counter()
            batches = batches_of(texts, vectors, tokenizer, tokens)
            facts = {
                "batch_tokens": tokens,
                "texts": len(texts),
                "batches": len(batches),
                "tokenizer_seconds": round(time.perf_counter() - begin, 3),
            }
            _rounds(ways, batches, facts, settings, budget, emit)


def batches_of(
    texts: Sequence[str],
    vectors: NDArray[np.float32] | None,
    tokenizer: Tokenizer,
    budget: int,
) -> list[Batch]:
    """Return texts as batches of at most ``budget`` tokens, padding included, longest first."""
    lengths = [len(encoding) for encoding in tokenizer.encode_batch_fast(list(texts))]
    batches: list[Batch] = []
    for rows in length_batches(lengths, budget):
        extra = () if vectors is None else (vectors[rows],)
        batches.append((*token_batch(tokenizer, [texts[row] for row in rows]), *extra))
    return batches


def _from_texts(
    encoders: Mapping[str, Callable[[], Encode]],
    texts: Sequence[str],
    judged: Judged,
    settings: Settings,
    budget: Budget,
    emit: Emit,
) -> None:
    """Tell texts a second, tokenizer included, and the nDCG that is lost, in interleaved rounds."""
    found: dict[str, NDArray[np.float32]] = {}
    opened: dict[str, Encode] = {}
    for name, open_encoder in encoders.items():
        with told(emit, {"contender": name}):
            budget.require()
            opened[name] = open_encoder()
            found[name] = opened[name](texts)  # warms every shape up
    seconds = _timed({name: partial(opened[name], texts) for name in found}, {}, settings, emit)
    wanted = judged.per_query(found[REFERENCE]) if REFERENCE in seconds else None
    for name, taken in seconds.items():
        row = {
            "contender": name,
            "from": "texts",
            "texts": len(texts),
            "seconds": [round(one, 4) for one in taken],
        }
        row["texts_per_second"] = round(len(texts) / float(np.median(taken)), 1)
        if wanted is not None:
            against = zip(seconds[REFERENCE], taken, strict=True)
            row["ratio"] = round(float(np.median([theirs / own for theirs, own in against])), 3)
            loss, error = judged.loss(found[name], wanted)
            row["ndcg_loss_rel"], row["standard_error"] = round(loss, 5), round(error, 5)
            cosines = np.einsum("nd,nd->n", unit(found[name]), unit(found[REFERENCE]))
            row["min_cosine"] = round(float(cosines.min()), 6)
        emit(row)


def _timed(
    runs: Mapping[str, Callable[[], object]],
    facts: Mapping[str, Any],
    settings: Settings,
    emit: Emit,
) -> dict[str, list[float]]:
    """Return everybody's seconds in interleaved rounds; who fails is told and left out."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(1 if settings.quick else ROUNDS):
        for name in list(seconds):
            try:
                begin = time.perf_counter()
                runs[name]()
                seconds[name].append(time.perf_counter() - begin)
            except Exception as error:
                del seconds[name]
                emit({"contender": name, **facts, "reason": f"{type(error).__name__}: {error}"})
    return seconds


def _encoders(settings: Settings, folder: Path, max_tokens: int) -> dict[str, Callable[[], Encode]]:
    """Return every way from texts to embeddings by its name."""
    encoders: dict[str, Callable[[], Encode]] = {}
    names = {"fp32": torch.float32, "bf16": torch.bfloat16}
    encoders[OURS] = lambda: TorchEncoder.open(folder, max_tokens).embed
    if settings.device == "cuda":
        names["fp16"] = torch.float16
    for precision, dtype in names.items():
        for batch in (32, 512):
            name = f"sentence-transformers {precision}, batch {batch}"
            encoders[name] = partial(_theirs, settings.device, folder, max_tokens, dtype, batch)
    return encoders


def _theirs(device: str, folder: Path, max_tokens: int, dtype: torch.dtype, batch: int) -> Encode:
    model = SentenceTransformer(str(folder), device=device).to(dtype)
    model.max_seq_length = max_tokens

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        found = model.encode(list(texts), batch_size=batch, convert_to_numpy=True)
        return found.astype(np.float32)

    return encode


def _rounds(
    ways: dict[str, Embed],
    batches: Sequence[Batch],
    facts: dict[str, Any],
    settings: Settings,
    budget: Budget,
    emit: Emit,
) -> None:
    cosines: dict[str, float] = {}
    reference: NDArray[np.float32] | None = None
    for name, embed in ways.items():
        with told(emit, {"contender": name, **facts}):
            budget.require()
            embeddings = embed(batches[: 4 if settings.quick else None])  # warms every shape up
            reference = embeddings if reference is None else reference
            cosines[name] = float((embeddings * reference).sum(axis=1).min())
    seconds = _timed(
        {name: partial(ways[name], batches) for name in cosines}, facts, settings, emit
    )
    for name, taken in seconds.items():
        middle = float(np.median(taken))
        alone = facts["texts"] / middle
        both = facts["texts"] / (middle + facts["tokenizer_seconds"])
        emit(
            {
                "contender": name,
                "from": "batches",
                **facts,
                "seconds": round(middle, 3),
                "texts_per_second": round(alone, 1),
                "texts_per_second_with_tokenizer": round(both, 1),
                "min_cosine": round(cosines[name], 6),
            }
        )


def _ways(
    settings: Settings, build: Path, encoder: Path, temporary: Path
) -> Iterator[tuple[str, Callable[[], Embed]]]:
    """Yield every way to embed by its name; the first is the reference."""
    gpu = settings.device == "cuda"
    yield "torch fp32", lambda: _in_torch(encoder, settings.device, torch.float32)
    if gpu:
        yield "torch fp16", lambda: _in_torch(encoder, settings.device, torch.float16)
        yield "ONNX Runtime CUDA fp16", lambda: _in_onnx(build, temporary)
    else:
        yield "ONNX Runtime CPU fp32", lambda: _in_onnx(build, None)
    yield "torch bf16", lambda: _in_torch(encoder, settings.device, torch.bfloat16)


def _in_torch(folder: Path, device: str, dtype: torch.dtype) -> Embed:
    module = load_module(folder, device, dtype)

    def embed(batches: Sequence[Batch]) -> NDArray[np.float32]:
        found = []
        with torch.inference_mode():
            for ids, mask, *vectors in batches:
                inputs = [torch.from_numpy(part).to(device) for part in (ids, mask)]
                inputs += [torch.from_numpy(part).to(device, dtype) for part in vectors]
                found.append(module(*inputs)["EMBEDDING"])
            # Copied once: the host is ahead of the device until here.
            embeddings: NDArray[np.float32] = torch.cat(found).float().cpu().numpy()
        return embeddings

    return embed


def _in_onnx(build: Path, temporary: Path | None) -> Embed:
    """Return the exported pin encoder on the CPU or, put in fp16 in a temporary folder, on CUDA."""
    built = Contract.load(build / "export" / "contract.json").graphs["pin_encoder"]
    path = build / "export" / built.file
    providers: list[tuple[str, dict[str, str]]] = [("CPUExecutionProvider", {})]
    if temporary is not None:
        half = temporary / built.file
        write_half(path, half, built)
        path, providers = half, [("CUDAExecutionProvider", {"use_tf32": "0"}), *providers]
    session = open_session(path, providers)
    names = [tensor.name for tensor in built.inputs]

    def embed(batches: Sequence[Batch]) -> NDArray[np.float32]:
        found = [
            session.run(["EMBEDDING"], dict(zip(names, batch, strict=True)))[0] for batch in batches
        ]
        return np.concatenate(found)

    return embed

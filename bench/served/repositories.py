"""Model repositories of what would be served instead: the same weights, head, pins and features."""

import shutil
from pathlib import Path

import torch
from peers.older import older_encoder
from torch import Tensor, nn

from pintower.contracts import Contract
from pintower.models.student import Student, load_student
from pintower.repository.build import copy_package
from pintower.repository.configs import model_configs
from pintower.repository.layout import RepositoryLayout
from pintower.repository.parts import current_snapshot
from pintower.repository.pbtxt import format_config, parse_config
from pintower.repository.release_file import Release
from pintower.text.rendering import Rendering

__all__ = ["write_bls", "write_naive", "write_plain"]

_MODELS = Path(__file__).parent / "models"
_VERSION = "1"

_NAIVE = """
backend: "python" max_batch_size: 0
input { name: "QUERY" data_type: TYPE_STRING dims: [1, 1] }
input { name: "PIN_IDS" data_type: TYPE_STRING dims: [-1] }
output { name: "PROBABILITIES" data_type: TYPE_FP32 dims: [-1, 5] }
output { name: "SCORE" data_type: TYPE_FP32 dims: [-1] }
output { name: "VALID" data_type: TYPE_BOOL dims: [-1] }
instance_group { count: 1 kind: KIND_CPU }
"""
_TOKENIZER = """
name: "tokenizer" backend: "python" max_batch_size: 8
input { name: "QUERY" data_type: TYPE_STRING dims: [1] }
output { name: "input_ids" data_type: TYPE_INT64 dims: [-1] }
output { name: "attention_mask" data_type: TYPE_INT64 dims: [-1] }
output { name: "TEXT" data_type: TYPE_STRING dims: [1] }
instance_group { count: 1 kind: KIND_CPU }
"""
_ENCODER = """
name: "query_encoder" backend: "onnxruntime" default_model_filename: "model.onnx" max_batch_size: 8
input { name: "input_ids" data_type: TYPE_INT64 dims: [-1] }
input { name: "attention_mask" data_type: TYPE_INT64 dims: [-1] }
output { name: "EMBEDDING" data_type: TYPE_FP32 dims: [%d] }
instance_group { count: 1 kind: KIND_CPU }
"""
_SCORER = """
name: "scorer" backend: "onnxruntime" default_model_filename: "model.onnx" max_batch_size: 0
input { name: "QUERY_EMBEDDING" data_type: TYPE_FP32 dims: [1, %(width)d] }
input { name: "PIN_EMBEDDINGS" data_type: TYPE_FP32 dims: [-1, %(width)d] }
input { name: "MATCH_FEATURES" data_type: TYPE_FP32 dims: [-1, %(features)d] }
output { name: "PROBABILITIES" data_type: TYPE_FP32 dims: [-1, 5] }
output { name: "SCORE" data_type: TYPE_FP32 dims: [-1] }
output { name: "VALID" data_type: TYPE_BOOL dims: [-1] }
instance_group { count: 1 kind: KIND_CPU }
"""
_CACHE = "response_cache { enable: true }\n"


class _Encoder(nn.Module):
    """A sentence-transformers encoder as a function of tensors."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        found: Tensor = self.encoder({"input_ids": ids, "attention_mask": mask})[
            "sentence_embedding"
        ]
        return found


class _Scorer(nn.Module):
    """A scoring head that answers every pin, those without an embedding as not valid."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, query: Tensor, pins: Tensor, matches: Tensor) -> tuple[Tensor, ...]:
        valid = ((pins == pins) & (pins.abs() < 1e30)).all(dim=1)
        known = torch.where(valid[:, None], pins, torch.zeros_like(pins))
        features = torch.where(matches == matches, matches, torch.zeros_like(matches))
        logits = self.head(query.expand(known.shape[0], -1), known, features)
        probabilities = torch.softmax(logits, dim=1)
        score = probabilities @ torch.arange(1.0, 6.0)
        return probabilities, score, valid


def write_naive(workdir: Path, root: Path, packages: Path) -> None:
    """Write a repository of one python model that does everything in torch.

    Args:
        workdir: of a finished run.
        root: becomes the repository.
        packages: where torch and sentence-transformers lie.
    """
    folder = _python_model("naive_torch", root / "relevance", _NAIVE, packages)
    student = load_student(workdir / "student")
    _copy_text(workdir, folder)
    copy_package("snapshot", folder)
    (folder / "snapshot").symlink_to(current_snapshot(workdir / "pins").resolve())
    with torch.inference_mode():
        traced = torch.jit.trace(student.head, _head_inputs(student))
    traced.save(str(folder / "head.pt"))


def write_plain(workdir: Path, root: Path, packages: Path, *, cached: bool) -> None:
    """Write an ensemble of a tokenizer, the encoder and the head exported in fp32, as they are.

    Args:
        workdir: of a finished run.
        root: becomes the repository.
        packages: where transformers lies.
        cached: give the encoder Triton's response cache.
    """
    student = load_student(workdir / "student")
    release = RepositoryLayout((workdir / "models").resolve())
    version = Release.load(release.release).models["pin_features"]
    contract = Contract.load(release.contract)
    width, features = contract.symbols["D"], contract.symbols["F"]

    _copy_text(workdir, _python_model("plain_tokenizer", root / "tokenizer", _TOKENIZER, packages))
    (root / "pin_features").symlink_to(release.config("pin_features").parent)
    encoder = root / "query_encoder" / _VERSION
    scorer = root / "scorer" / _VERSION
    for folder, text in (
        (encoder, _ENCODER % width + (_CACHE if cached else "")),
        (scorer, _SCORER % {"width": width, "features": features}),
    ):
        folder.mkdir(parents=True)
        (folder.parent / "config.pbtxt").write_text(text, "utf-8")
    with torch.inference_mode():
        ids = torch.ones(1, 8, dtype=torch.int64)
        _export(
            _Encoder(student.query_encoder), (ids, ids), encoder / "model.onnx",
            ["input_ids", "attention_mask"], ["EMBEDDING"],
            {name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask")},
        )  # fmt: skip
        _, pins, matches = _head_inputs(student)
        _export(
            _Scorer(student.head), (pins[:1], pins, matches), scorer / "model.onnx",
            ["QUERY_EMBEDDING", "PIN_EMBEDDINGS", "MATCH_FEATURES"],
            ["PROBABILITIES", "SCORE", "VALID"],
            {name: {0: "pins"} for name in ("PIN_EMBEDDINGS", "MATCH_FEATURES", "SCORE",
                                            "PROBABILITIES", "VALID")},
        )  # fmt: skip

    config = model_configs(contract, version)["relevance"]
    for step in config.ensemble_scheduling.step:
        step.model_version = version if step.model_name == "pin_features" else int(_VERSION)
    first, second, *_ = config.ensemble_scheduling.step
    for step, key in ((first, "output_map"), (second, "input_map")):
        names = getattr(step, key)
        del names["INPUT_IDS"]
        names.update({name: name for name in ("input_ids", "attention_mask")})
    second.model_name = "query_encoder"
    config.version_policy.specific.versions[:] = [int(_VERSION)]
    (root / "relevance" / _VERSION).mkdir(parents=True)
    (root / "relevance" / "config.pbtxt").write_text(format_config(config), "utf-8")


def write_bls(workdir: Path, root: Path) -> None:
    """Write the release with a python model in the place of its ensemble.

    Args:
        workdir: of a finished run.
        root: becomes the repository.
    """
    release = RepositoryLayout((workdir / "models").resolve())
    contract = Contract.load(release.contract)
    versions = Release.load(release.release).models
    for name in versions:
        if name not in ("relevance", "relevance_from_embeddings", "query_embedding"):
            (root / name).symlink_to(release.config(name).parent)
    text = _NAIVE
    for key, value in (
        ("steps_version", str(versions["query_encoder"])),
        ("encoder", contract.target.cached_model),
    ):
        text += f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}\n'
    _python_model("relevance_bls", root / "relevance", text, None)


def _python_model(name: str, folder: Path, config: str, packages: Path | None) -> Path:
    """Write a python model and its configuration; return its version folder."""
    version = folder / _VERSION
    version.mkdir(parents=True)
    shutil.copyfile(_MODELS / name / "model.py", version / "model.py")
    if packages is not None:
        config += f'parameters {{ key: "packages" value: {{ string_value: "{packages}" }} }}\n'
    parse_config(config, folder / "config.pbtxt")
    (folder / "config.pbtxt").write_text(config, "utf-8")
    return version


def _copy_text(workdir: Path, folder: Path) -> None:
    """Put the query encoder, the text rendering and its code beside a python model."""
    text = workdir / "student" / "text.json"
    longest = Rendering.load(text).query_max_tokens
    older_encoder(workdir / "student" / "query_encoder", folder / "encoder", longest)
    shutil.copyfile(text, folder / "text.json")
    copy_package("text", folder)


def _head_inputs(student: Student) -> tuple[Tensor, Tensor, Tensor]:
    pins = torch.rand(7, student.head.width)
    return pins, pins, torch.rand(7, len(student.head.match_features))


def _export(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    names: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    axes = {**axes, **({"EMBEDDING": {0: "batch"}} if outputs == ["EMBEDDING"] else {})}
    torch.onnx.export(
        module.eval(),
        inputs,
        str(path),
        input_names=names,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )

"""Who competes: what a user would run instead, and the exported query encoders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pintower.text import rendering

from .environments import SERVER, PeerEnvironment
from .exports import Export
from .preparation import Preparation

__all__ = ["REFERENCE", "RUNTIMES", "Competitor", "Group", "list_competitors", "served_name"]

REFERENCE = "torch eager"

RUNTIMES = ("sentence", SERVER)
"""Environments whose ONNX Runtime runs graphs directly: the newest release and the target's."""

Group = Literal["peer", "ours", "cut"]


@dataclass(frozen=True)
class Competitor:
    """One process to measure.

    Attributes:
        name: as the results show it.
        group: a peer, a full query encoder of ours, or one with fewer layers.
        precision: of its weights.
        environment: a key of ``ENVIRONMENTS``.
        loader: module of ``workers``.
        spec: the loader's arguments.
        needs: prepared files it reads.
    """

    name: str
    group: Group
    precision: str
    environment: str
    loader: str
    spec: Mapping[str, Any]
    needs: tuple[str, ...] = ()


def list_competitors(
    files: Preparation,
    ours: Sequence[Export],
    cuts: Sequence[Export],
    runtimes: Mapping[str, PeerEnvironment],
) -> list[Competitor]:
    """Return every competitor in the order of a round.

    Args:
        files: the peers' prepared files.
        ours: exports of the full query encoder.
        cuts: exports of query encoders with fewer layers.
        runtimes: environments whose ONNX Runtime runs graphs directly, by key.
    """
    head = {
        "head": str(files.folder("transformer") / "head.npz"),
        "tokenizer": str(files.folder("transformer") / "tokenizer.json"),
        "max_tokens": files.max_tokens,
    }
    return [
        *_torch(files, head),
        *_sentence_transformers(files),
        *_other_libraries(files, head, width=ours[0].width),
        *(
            competitor
            for key, environment in runtimes.items()
            for competitor in _direct(files, head, key, environment.versions["onnxruntime"])
        ),
        *(
            _exported(export, "cut" if export in cuts else "ours", key, environment)
            for export in (*ours, *cuts)
            for key, environment in runtimes.items()
        ),
    ]


def served_name(name: str, runtime: str) -> str:
    """Return what an export is called under one ONNX Runtime."""
    return f"{name}, onnxruntime {runtime}"


def _torch(files: Preparation, head: Mapping[str, Any]) -> Iterator[Competitor]:
    for name, compiled in ((REFERENCE, False), ("torch.compile", True)):
        spec = {**head, "folder": str(files.folder("transformer")), "compile": compiled}
        yield Competitor(
            name, "peer", "fp32", "sentence", "transformer", spec, ("transformer",)
        )  # fmt: skip


def _sentence_transformers(files: Preparation) -> Iterator[Competitor]:
    plans = (
        ("torch", "fp32", "torch", "", ()),
        ("onnx", "fp32", "onnx", "model.onnx", ("sentence_onnx",)),
        ("onnx int8", "int8", "onnx", "model_qint8_avx512_vnni.onnx", ("sentence_onnx",)),
        ("openvino int8", "int8", "openvino", "openvino_model_qint8_quantized.xml",
         ("sentence_openvino",)),
    )  # fmt: skip
    for name, precision, backend, file, needs in plans:
        folder: Path = files.folder(needs[0]) if needs else files.encoder.resolve()
        spec = {
            "folder": str(folder), "backend": backend, "file": file,
            "max_tokens": files.max_tokens,
        }  # fmt: skip
        title = f"sentence-transformers {name}"
        yield Competitor(title, "peer", precision, "sentence", "sentence", spec, needs)


def _other_libraries(
    files: Preparation, head: Mapping[str, Any], *, width: int
) -> Iterator[Competitor]:
    for title, precision, file in (
        ("O3", "fp32", "model_o3"),
        ("O3 int8", "int8", "model_o3_int8"),
    ):
        folder = str(files.folder("onnx"))
        spec = {**head, "folder": folder, "file": f"{file}.onnx", "width": width}
        needs = ("transformer", "onnx")
        yield Competitor(
            f"fastembed {title}", "peer", precision, "fastembed", "fast", spec, needs
        )  # fmt: skip
    for precision, compute in (("fp32", "float32"), ("int8", "int8")):
        made = f"ctranslate2_{precision}"
        spec = {**head, "folder": str(files.folder(made)), "compute": compute}
        needs = ("transformer", made)
        yield Competitor(
            f"CTranslate2 {precision}", "peer", precision, "sentence", "translate", spec, needs
        )  # fmt: skip


def _direct(
    files: Preparation, head: Mapping[str, Any], key: str, version: str
) -> Iterator[Competitor]:
    plans = (("O3", "fp32", "model_o3"), ("O3 int8", "int8", "model_o3_int8"),
             ("int8", "int8", "model_int8"))  # fmt: skip
    for title, precision, file in plans:
        spec = {**head, "graph": str(files.folder("onnx") / f"{file}.onnx")}
        needs = ("transformer", "onnx")
        yield Competitor(
            f"onnxruntime {version} {title}", "peer", precision, key, "session", spec, needs
        )  # fmt: skip


def _exported(export: Export, group: Group, key: str, environment: PeerEnvironment) -> Competitor:
    spec = {
        "graph": str(export.graph),
        "tokenizer": str(export.tokenizer),
        "max_tokens": export.rendering().query_max_tokens,
        "text": str(export.text),
        "rules": str(Path(rendering.__file__).parent),
    }
    name = served_name(export.name, environment.versions["onnxruntime"])
    return Competitor(name, group, export.precision, key, "session", spec)

"""Makes one of the files that competitors run, in the environment that has the tools for it.

    cd bench && python -m peers.workers.prepare WHAT SPEC

WHAT is a key of ``MAKERS``. SPEC is JSON: ``out`` (a folder), ``encoder`` (the full encoder's
folder), ``transformer`` (where that step's files lie), ``calibration`` (queries), ``max_tokens``.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .head import ACTIVATIONS, POOLINGS, Head


def transformer(out: Path, spec: dict[str, Any]) -> None:
    """Write the bare transformer with its tokenizer, and the head that follows it."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(spec["encoder"], device="cpu", local_files_only=True)
    model.transformers_model.save_pretrained(out)
    model.tokenizer.model_max_length = spec["max_tokens"]
    model.tokenizer.save_pretrained(out)
    pooling, layers, normalize = "", [], False
    for module in list(model)[1:]:
        kind = type(module).__name__
        if kind == "Pooling" and module.pooling_mode in POOLINGS:
            pooling = module.pooling_mode
        elif kind == "Dense" and type(module.activation_function).__name__ in ACTIVATIONS:
            weight = module.linear.weight.detach().numpy()
            bias = module.linear.bias
            bias = weight[:, 0] * 0 if bias is None else bias.detach().numpy()
            layers.append((weight.T.copy(), bias, type(module.activation_function).__name__))
        elif kind == "Normalize":
            normalize = True
        else:
            raise ValueError(
                f"{module} cannot follow a bare transformer here; pooling may be "
                f"{' or '.join(POOLINGS)}, projections {' or '.join(ACTIVATIONS)}, then Normalize."
            )
    Head(pooling, tuple(layers), normalize).save(out / "head.npz")


def onnx(out: Path, spec: dict[str, Any]) -> None:
    """Write optimum's graph: as exported, O3, and both in dynamic int8 with a scale a column."""
    import onnx as format
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from optimum.onnxruntime import ORTModelForFeatureExtraction, ORTOptimizer
    from optimum.onnxruntime.configuration import AutoOptimizationConfig

    model = ORTModelForFeatureExtraction.from_pretrained(spec["transformer"], export=True)
    model.save_pretrained(out)
    ORTOptimizer.from_pretrained(model).optimize(
        AutoOptimizationConfig.O3(for_gpu=False), save_dir=out, file_suffix="o3"
    )
    for name in ("model", "model_o3"):
        # optimum's ORTQuantizer gives up on the fused operators, whose types shape inference does
        # not know; ONNX Runtime's own quantizer can be told.
        quantize_dynamic(
            out / f"{name}.onnx",
            out / f"{name}_int8.onnx",
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": format.TensorProto.FLOAT},
        )
    for file in Path(spec["transformer"]).glob("*token*.json"):
        shutil.copyfile(file, out / file.name)


def sentence_onnx(out: Path, spec: dict[str, Any]) -> None:
    """Write a sentence-transformers folder with its own ONNX graph and its dynamic int8 form."""
    from sentence_transformers import SentenceTransformer, export_dynamic_quantized_onnx_model

    model = SentenceTransformer(
        spec["encoder"],
        device="cpu",
        backend="onnx",
        local_files_only=True,
        model_kwargs={"provider": "CPUExecutionProvider", "export": True},
    )
    model.save_pretrained(str(out))
    export_dynamic_quantized_onnx_model(model, "avx512_vnni", str(out))


def sentence_openvino(out: Path, spec: dict[str, Any]) -> None:
    """Write a sentence-transformers folder with a static int8 OpenVINO graph.

    ``export_static_quantized_openvino_model`` takes its calibration texts from a dataset library;
    this is what it calls, with optimum-intel's defaults and the texts given.
    """
    import nncf
    from optimum.intel.openvino import OVConfig, OVQuantizationConfig, OVQuantizer
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        spec["encoder"],
        device="cpu",
        backend="openvino",
        local_files_only=True,
        model_kwargs={"export": True},
    )
    model.save_pretrained(str(out))
    texts, longest = spec["calibration"], spec["max_tokens"]
    tokenized = [
        dict(model.tokenizer(text, truncation=True, max_length=longest, return_tensors="np"))
        for text in texts
    ]
    OVQuantizer.from_pretrained(model.transformers_model).quantize(
        nncf.Dataset(tokenized),
        save_directory=out / "quantized",
        ov_config=OVConfig(quantization_config=OVQuantizationConfig(num_samples=len(texts))),
    )
    for suffix in (".xml", ".bin"):
        made = out / "quantized" / "openvino" / f"openvino_model{suffix}"
        made.rename(out / "openvino" / f"openvino_model_qint8_quantized{suffix}")
    shutil.rmtree(out / "quantized")


def ctranslate2_fp32(out: Path, spec: dict[str, Any]) -> None:
    """Write CTranslate2's form in fp32."""
    _translate(out, spec, "float32")


def ctranslate2_int8(out: Path, spec: dict[str, Any]) -> None:
    """Write CTranslate2's form in int8."""
    _translate(out, spec, "int8")


def _translate(out: Path, spec: dict[str, Any], quantization: str) -> None:
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(spec["transformer"]).convert(
        str(out), quantization=quantization, force=True
    )


MAKERS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    maker.__name__: maker
    for maker in (
        transformer, onnx, sentence_onnx, sentence_openvino, ctranslate2_fp32, ctranslate2_int8,
    )
}  # fmt: skip


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    MAKERS[sys.argv[1]](Path(given["out"]), given)

"""What tests of the pin encoder in bf16 need of a machine, and an export that says it is in it."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from pintower.artifacts import read_json, write_json
from pintower.serving.machine import cpu_flags

INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)
needs_bf16 = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None or cpu_flags().isdisjoint(INSTRUCTIONS),
    reason="OpenVINO is not installed, or this CPU has no products in bf16",
)


def declare_bf16(export: Path) -> None:
    """Make an export in fp32 one in bf16: the pin encoder's file is the same."""
    contract: dict[str, Any] = read_json(export / "contract.json")
    contract["graphs"]["pin_encoder"] |= {"precision": "bf16", "artifact_id": "b" * 64}
    write_json(export / "contract.json", contract)

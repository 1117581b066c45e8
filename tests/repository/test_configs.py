"""The generated configurations, against golden files.

``PINTOWER_WRITE_GOLDEN=1 pytest tests/repository/test_configs.py`` writes them anew.
"""

import os
from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig

from pintower.contracts import GRAPHS, BuiltGraph, Contract, load_graph_contract, load_target
from pintower.repository.configs import model_configs
from pintower.repository.interfaces import ENSEMBLES
from pintower.repository.pbtxt import format_config, parse_config

GOLDEN = Path(__file__).parent / "golden"
SYMBOLS = {"D": 128, "F": 11, "V": 0}


def contract_for(target: str) -> Contract:
    graphs = {}
    for name in GRAPHS:
        resolved = load_graph_contract(name).resolve(SYMBOLS)
        graphs[name] = BuiltGraph(
            **resolved.model_dump(),
            file=f"{name}.onnx",
            precision="fp32",
            sha256="0" * 64,
            artifact_id="1" * 64,
        )
    return Contract(
        space_id="2" * 64,
        target=load_target(target),
        symbols=SYMBOLS,
        match_features=tuple(f"f{number}" for number in range(11)),
        feature_columns=(),
        graphs=graphs,
    )


@pytest.mark.parametrize("target", ["cpu-fp32", "cpu-int8"])
def test_configs_are_the_golden_ones(target: str) -> None:
    configs = model_configs(contract_for(target), version=3)
    if os.environ.get("PINTOWER_WRITE_GOLDEN"):
        (GOLDEN / target).mkdir(parents=True, exist_ok=True)
        for name, config in configs.items():
            (GOLDEN / target / f"{name}.pbtxt").write_text(format_config(config), "utf-8")
    golden = {path.stem: path.read_text("utf-8") for path in (GOLDEN / target).glob("*.pbtxt")}
    assert {name: format_config(config) for name, config in configs.items()} == golden


@pytest.mark.parametrize("target", ["cpu-fp32", "cpu-int8"])
def test_written_configs_parse_back_with_max_batch_size_always_said(target: str) -> None:
    for config in model_configs(contract_for(target), version=1).values():
        text = format_config(config)
        assert parse_config(text, Path("config.pbtxt")) == config
        assert text.count("max_batch_size:") == 1


def test_queries_are_merged_only_where_the_target_allows_it() -> None:
    def merges(target: str) -> bool:
        return model_configs(contract_for(target), 1)["query_encoder"].HasField("dynamic_batching")

    assert merges("cpu-fp32")
    assert not merges("cpu-int8")


def test_ensembles_pin_every_step_and_share_the_cached_steps_outputs() -> None:
    configs = model_configs(contract_for("cpu-fp32"), version=5)
    outputs: dict[str, set[tuple[str, ...]]] = {}
    for name in ENSEMBLES:
        for step in configs[name].ensemble_scheduling.step:
            assert step.model_version == 5
            outputs.setdefault(step.model_name, set()).add(tuple(sorted(step.output_map)))
    cached = {name for name, config in configs.items() if config.response_cache.enable}
    assert cached == {"tokenizer", "query_encoder"}
    assert all(len(outputs[name]) == 1 for name in cached)


def test_an_empty_config_still_says_its_max_batch_size() -> None:
    assert "max_batch_size: 0" in format_config(ModelConfig(name="m"))

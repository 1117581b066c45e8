"""``check``: a good repository has no findings, a changed one says what was changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from google.protobuf import text_format

from pintower.errors import RepositoryError
from pintower.repository.check import check
from pintower.repository.pbtxt import parse_config


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def edit_json(path: Path, edit: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text("utf-8"))
    edit(value)
    path.unlink()  # a hard link must not carry the change elsewhere
    path.write_text(json.dumps(value), "utf-8")


def test_a_built_repository_has_no_findings(built: Path) -> None:
    assert check(built) == []


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="does not exist"):
        check(tmp_path / "nothing")


def test_a_folder_that_is_no_repository_says_so(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="not a model repository of pintower"):
        check(tmp_path)


@pytest.mark.parametrize(
    ("model", "old", "new", "reason"),
    [
        (
            "query_encoder",
            'name: "INPUT_IDS"',
            'name: "IDS"',
            "query_encoder: input INPUT_IDS is missing; found IDS",
        ),
        (
            "query_encoder",
            "TYPE_INT64",
            "TYPE_INT32",
            "query_encoder: input INPUT_IDS is TYPE_INT32, the contract says TYPE_INT64",
        ),
        (
            "relevance",
            'key: "snapshot"\n  value {\n    string_value: "',
            'key: "snapshot"\n  value {\n    string_value: "0',
            "relevance: parameter snapshot is 0",
        ),
        (
            "scorer",
            "dims: 16",
            "dims: 17",
            "scorer: input QUERY_EMBEDDING has dims [1, 17], the contract says [1, 16]",
        ),
        (
            "relevance",
            "max_batch_size: 0\n",
            "",
            "relevance: max_batch_size is not written; Triton would choose one itself",
        ),
        (
            "tokenizer",
            "max_batch_size: 64",
            "max_batch_size: 8",
            "tokenizer: max_batch_size is 8, expected 64",
        ),
        (
            "scorer",
            'backend: "onnxruntime"',
            'backend: "python"',
            "scorer: backend is 'python', expected 'onnxruntime'",
        ),
        (
            "scorer",
            "versions: 1",
            "versions: 2",
            "scorer: version 1 is not among the served versions [2]",
        ),
        (
            "pin_features",
            'string_value: "',
            'string_value: "x',
            "pin_features: parameter space_id is x",
        ),
        (
            "scorer",
            "KIND_CPU",
            "KIND_GPU",
            "scorer: its instances are ['KIND_GPU'], expected ['KIND_CPU']",
        ),
        (
            "scorer",
            "default_model_filename",
            "response_cache { enable: true }\ndefault_model_filename",
            "scorer: response_cache is on, expected off",
        ),
        (
            "query_encoder",
            "default_model_filename",
            'optimization { execution_accelerators { gpu_execution_accelerator { name: "cuda" } } }'
            "\ndefault_model_filename",
            "query_encoder: its accelerators are {'cuda': {}}, expected {}",
        ),
        ("scorer", "max_batch_size", "max_batch", "is not a model configuration"),
        ("scorer", 'name: "scorer"', 'name: "score"', "config.pbtxt names the model 'score'"),
    ],
)
def test_a_changed_config_is_found_by_cause_and_by_checksum(
    repository: Path, model: str, old: str, new: str, reason: str
) -> None:
    replace(repository / model / "config.pbtxt", old, new)
    findings = check(repository)
    assert any(reason in finding for finding in findings), findings
    assert any(finding.startswith(f"{model}/config.pbtxt: SHA-256") for finding in findings)


@pytest.mark.parametrize(
    ("model", "old", "new", "reason"),
    [
        (
            "tokenizer",
            "TYPE_INT64",
            "TYPE_INT32",
            "relevance: tokenizer's output INPUT_IDS is TYPE_INT32, query_encoder's input "
            "INPUT_IDS is TYPE_INT64",
        ),
        (
            "query_encoder",
            "dims: 16",
            "dims: 17",
            "relevance: query_encoder's output EMBEDDING has shape [-1, 17], scorer's input "
            "QUERY_EMBEDDING has [1, 16]",
        ),
        (
            "relevance",
            "model_version: 1",
            "model_version: 4",
            "relevance: step tokenizer is pinned to version 4, tokenizer serves [1]",
        ),
        ("relevance", "model_version: 1", "", "relevance: step tokenizer pins no version"),
        (
            "relevance",
            'key: "QUERY_EMBEDDING"',
            'key: "QUERY_VECTOR"',
            "relevance: step scorer feeds input QUERY_VECTOR, scorer takes QUERY_EMBEDDING",
        ),
        (
            "relevance",
            'value: "EMBEDDING"',
            'value: "VECTOR"',
            "relevance: step scorer takes EMBEDDING, which no earlier step makes",
        ),
        (
            "relevance",
            'key: "VALID"',
            'key: "OKAY"',
            "relevance: step scorer maps output OKAY, scorer makes PROBABILITIES",
        ),
        (
            "relevance",
            'value: "VALID"',
            'value: "SCORE"',
            "relevance: SCORE is made twice, the second time by scorer",
        ),
        ("relevance", 'value: "VALID"', 'value: "OKAY"', "output VALID is made by no step"),
        (
            "relevance",
            'model_name: "scorer"',
            'model_name: "ranker"',
            "relevance: step ranker is no model of this repository",
        ),
        (
            "relevance",
            'key: "TEXT"\n      value: "TEXT"\n    }\n    output_map {\n      key: "MATCH',
            'key: "TEXT"\n      value: "QUERY"\n    }\n    output_map {\n      key: "MATCH',
            "relevance: QUERY enters tokenizer and pin_features",
        ),
    ],
)
def test_a_broken_edge_of_an_ensemble_is_found(
    repository: Path, model: str, old: str, new: str, reason: str
) -> None:
    replace(repository / model / "config.pbtxt", old, new)
    findings = check(repository)
    assert any(reason in finding for finding in findings), findings


@pytest.mark.parametrize("value", [str(2**31), "9" * 5000, "٣", "-1", "two", ""])
@pytest.mark.parametrize("key", ["intra_op_thread_count", "execution_mode"])
def test_a_number_that_would_end_the_server_is_found(
    repository: Path, key: str, value: str
) -> None:
    """In a parameter that the contract asks for, and in one that was added by hand."""
    path = repository / "scorer" / "config.pbtxt"
    config = parse_config(path.read_text("utf-8"), path)
    config.parameters[key].string_value = value
    path.write_text(text_format.MessageToString(config), "utf-8")
    expected = (
        f"scorer: parameter {key} is {value!r}; allowed is a whole number from 0 to {2**31 - 1}"
    )
    assert any(finding.startswith(expected) for finding in check(repository))


def test_a_cached_tokenizer_is_found_and_what_ensembles_ask_of_it(repository: Path) -> None:
    """A client's malformed text fails in it, and Triton would cache the error."""
    path = repository / "tokenizer" / "config.pbtxt"
    path.write_text(path.read_text("utf-8") + "response_cache {\n  enable: true\n}\n", "utf-8")
    findings = check(repository)
    assert "tokenizer: response_cache is on, expected off" in findings
    asked = "tokenizer: ensembles ask this cached step for different outputs"
    assert any(finding.startswith(asked) for finding in findings), findings


def test_missing_changed_and_extra_files_are_found(repository: Path) -> None:
    (repository / "scorer" / "1" / "model.onnx").unlink()
    with (repository / "tokenizer" / "1" / "model.py").open("a") as file:
        file.write("# a change\n")
    (repository / "tokenizer" / "1" / "notes.txt").write_text("extra")
    findings = check(repository)
    assert "scorer/1/model.onnx: missing, release.json lists it" in findings
    assert "tokenizer/1/notes.txt: not listed in release.json" in findings
    assert any(finding.startswith("tokenizer/1/model.py: SHA-256") for finding in findings)


def test_what_python_caches_is_not_part_of_a_release(repository: Path) -> None:
    cache = repository / "tokenizer" / "1" / "__pycache__"
    cache.mkdir()
    (cache / "model.cpython-311.pyc").write_bytes(b"")
    assert check(repository) == []


def test_a_renamed_tensor_inside_the_graph_is_found(repository: Path) -> None:
    path = repository / "query_encoder" / "1" / "model.onnx"
    model = onnx.load(path)
    output = model.graph.output[0]
    for node in model.graph.node:
        node.output[:] = ["VECTOR" if name == output.name else name for name in node.output]
    output.name = "VECTOR"
    onnx.save(model, path)
    assert "query_encoder: output EMBEDDING is missing from the graph" in check(repository)


def test_a_graph_newer_than_the_target_is_found(repository: Path) -> None:
    path = repository / "scorer" / "1" / "model.onnx"
    model = onnx.load(path)
    model.ir_version = 11
    onnx.save(model, path)
    expected = "scorer: the graph has ir_version 11, Triton 24.10 loads up to 10"
    assert expected in check(repository)


def test_a_snapshot_of_another_space_is_found(repository: Path) -> None:
    info = repository / "pin_features" / "1" / "snapshot" / "snapshot.json"
    edit_json(info, lambda value: value.update(space_id="elsewhere"))
    findings = check(repository)
    reason = "pin_features: the snapshot has space_id elsewhere, expected"
    assert any(finding.startswith(reason) for finding in findings)


def test_a_changed_text_package_is_found(repository: Path) -> None:
    path = repository / "pin_features" / "1" / "pintower" / "text" / "terms.py"
    replace(path, "def ", "def _")
    findings = check(repository)
    assert any(line.startswith("pin_features: its text package has") for line in findings)
    assert not any(line.startswith("tokenizer: its text package") for line in findings)


@pytest.mark.parametrize("key", ["space_id", "models", "golden", "files", "snapshot"])
def test_an_incomplete_release_names_what_it_lacks(repository: Path, key: str) -> None:
    edit_json(repository / "release.json", lambda value: value.pop(key))
    (finding,) = check(repository)
    assert "is not a complete release" in finding
    assert key in finding


def test_a_release_that_disagrees_with_its_contract_is_found(repository: Path) -> None:
    def edit(value: Any) -> None:
        value["artifacts"]["scorer"] = "other"
        value["target"] = "gpu-fp16"
        value["triton_release"] = "26.11"
        del value["models"]["scorer"]
        value["models"]["ranker"] = 1

    edit_json(repository / "release.json", edit)
    findings = "\n".join(check(repository))
    assert "scorer has artifact id other" in findings
    assert "target gpu-fp16, contract.json says cpu-fp32" in findings
    assert "Triton 26.11, contract.json says 24.10" in findings
    assert "model scorer has no version" in findings
    assert "model ranker is not one of this release" in findings


def test_a_failed_gate_is_found(repository: Path) -> None:
    from pintower.gates import gate, write_gates

    write_gates(repository / "gates.json", [gate("served_equals_offline", 0.5, 1e-4)], {})
    assert check(repository) == [
        "gates.json: served_equals_offline: measured 0.5, allowed <= 0.0001"
    ]

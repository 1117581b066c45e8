"""The hand-written python models, outside a server, as they lie in a built repository."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pintower.models.probes import PROBES
from pintower.repository.pbtxt import read_config
from pintower.text.rendering import Rendering, normalize_query
from tests.repository.conftest import flip_last_byte


class ModelError(Exception):
    """Stands for Triton's own."""


class FakeRequest(dict[str, np.ndarray]):
    """Inputs by name; asks for every output."""

    def requested_output_names(self) -> list[str]:
        """As Triton's."""
        return ["INPUT_IDS", "TEXT", "PIN_EMBEDDINGS", "MATCH_FEATURES"]


class FakeTensor:
    """A named array."""

    def __init__(self, name: str, array: np.ndarray) -> None:
        self.name = name
        self.array = array

    def as_numpy(self) -> np.ndarray:
        """As Triton's."""
        return self.array


def fake_backend() -> ModuleType:
    module = ModuleType("triton_python_backend_utils")
    module.Tensor = FakeTensor  # type: ignore[attr-defined]
    module.TritonModelException = ModelError  # type: ignore[attr-defined]
    module.InferenceResponse = lambda tensors: tensors  # type: ignore[attr-defined]
    module.get_input_tensor_by_name = lambda request, name: FakeTensor(  # type: ignore[attr-defined]
        name, request[name]
    )
    return module


def load(repository: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Initialize a model of a repository with its own configuration."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", fake_backend())
    path = repository / model / "1" / "model.py"
    spec = importlib.util.spec_from_file_location(f"served_{model}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = read_config(repository / model / "config.pbtxt")
    as_json = {
        "parameters": {
            key: {"string_value": value.string_value} for key, value in config.parameters.items()
        },
        "output": [
            {"name": output.name, "dims": [str(dim) for dim in output.dims]}
            for output in config.output
        ],
    }
    instance = module.TritonPythonModel()
    instance.initialize({"model_config": json.dumps(as_json)})
    return instance


def ask(instance: Any, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    (tensors,) = instance.execute([FakeRequest(inputs)])
    return {tensor.name: tensor.array for tensor in tensors}


def texts(*items: bytes) -> np.ndarray:
    array = np.empty((len(items), 1), dtype=object)
    array[:, 0] = items
    return array


@pytest.fixture
def tokenizer(built: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return load(built, "tokenizer", monkeypatch)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    raw=st.binary(max_size=400) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))
)
def test_any_bytes_give_ids_within_the_limit(tokenizer: Any, raw: bytes) -> None:
    answer = ask(tokenizer, QUERY=texts(raw))
    (ids,) = answer["INPUT_IDS"]
    assert ids.dtype == np.int64 and ids.shape == (17,)
    tokens = int((ids >= 0).sum())
    assert (ids[:tokens] >= 0).all() and len(set(ids[tokens:])) == 1
    assert answer["TEXT"].shape == (1, 1)
    told = answer["TEXT"][0, 0].decode()
    assert told == normalize_query(raw.decode("utf-8", "replace"), Rendering())


def test_ten_megabytes_are_a_query(tokenizer: Any) -> None:
    long = ask(tokenizer, QUERY=texts(b"red shoes " * 1_000_000))
    assert (long["INPUT_IDS"] >= 0).sum() == 16


def test_a_query_has_the_same_ids_alone_and_among_others(tokenizer: Any) -> None:
    together = ask(tokenizer, QUERY=texts(*PROBES.values()))
    for row, raw in enumerate(PROBES.values()):
        alone = ask(tokenizer, QUERY=texts(raw))["INPUT_IDS"][0]
        assert together["INPUT_IDS"][row].tolist() == alone.tolist()


def test_unknown_ids_give_nan_rows_and_repeats_the_same_rows(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(built, "pin_features", monkeypatch)
    ids = np.array([b"pin-001", b"\xff", b"pin-001", b""], dtype=object)
    answer = ask(model, TEXT=texts(b"red shoes"), PIN_IDS=ids)
    assert answer["PIN_EMBEDDINGS"].shape == (4, 16)
    for array in answer.values():
        assert array.dtype == np.float32
        assert np.isnan(array[[1, 3]]).all()
        assert np.isfinite(array[[0, 2]]).all()
        assert (array[0] == array[2]).all()


def test_match_features_see_the_normal_form_of_the_query(
    built: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(built, "pin_features", monkeypatch)
    ids = np.array([b"pin-000"], dtype=object)
    plain, odd = (
        ask(model, TEXT=ask(tokenizer, QUERY=texts(query))["TEXT"], PIN_IDS=ids)["MATCH_FEATURES"]
        for query in (b"red shoes", "  ＲＥＤ\tShoes\n".encode())
    )
    assert (plain == odd).all()
    assert plain.any()


def test_a_snapshot_of_another_space_is_refused_naming_both(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = repository / "pin_features" / "1" / "snapshot" / "snapshot.json"
    info = json.loads(path.read_text())
    wanted = info["space_id"]
    path.write_text(json.dumps({**info, "space_id": "elsewhere"}))
    with pytest.raises(ModelError, match=f"{wanted}.*elsewhere"):
        load(repository, "pin_features", monkeypatch)


def test_a_flipped_byte_of_the_snapshot_is_refused_on_loading(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip_last_byte(repository / "pin_features" / "1" / "snapshot" / "terms.counts.npy")
    with pytest.raises(ModelError, match=r"terms\.counts\.npy is not the file that was published"):
        load(repository, "pin_features", monkeypatch)


def test_a_snapshot_of_another_width_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = repository / "pin_features" / "config.pbtxt"
    config.write_text(config.read_text().replace("dims: 16", "dims: 17"))
    with pytest.raises(ModelError, match=r"\[-1, 17\].*\[-1, 16\]"):
        load(repository, "pin_features", monkeypatch)


def test_an_incomplete_snapshot_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "pin_features" / "1" / "snapshot" / "manifest.json").unlink()
    with pytest.raises(ModelError, match="not a complete snapshot"):
        load(repository, "pin_features", monkeypatch)

import shutil
from pathlib import Path

import onnx
import pytest

from pintower.contracts import Contract, Tensor
from pintower.errors import RepositoryError
from pintower.export.structure_gates import structure_gates
from pintower.gates import failed
from pintower.models.onnx_session import open_built_graph, open_graph
from pintower.models.onnx_structure import read_graph


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    shutil.copytree(exported, tmp_path / "export")
    return tmp_path / "export"


def test_graph_that_does_otherwise_than_its_contract_fails_its_gate(folder: Path) -> None:
    contract = Contract.load(folder / "contract.json")
    wrong = contract.graphs["scorer"].model_copy(
        update={"outputs": (Tensor(name="SCORE", dtype="FP16", shape=("pins", 2)),)}
    )
    graphs = {**contract.graphs, "scorer": wrong}
    stopped = failed(
        [
            gate
            for built in graphs.values()
            for gate in structure_gates(built, contract.target, folder)
        ]
    )
    assert [item.name for item in stopped] == ["scorer.contract"]
    text = "\n".join(stopped[0].detail["mismatches"])
    assert "output VALID is not in the contract" in text
    assert "SCORE is FP32, the contract says FP16" in text
    assert "SCORE has shape ['pins'], the contract says ['pins', 2]" in text


def test_graph_read_back_is_its_contract(folder: Path) -> None:
    contract = Contract.load(folder / "contract.json")
    for name, built in contract.graphs.items():
        actual = read_graph(folder / built.file)
        assert actual.name == name
        assert (actual.inputs, actual.outputs) == (built.inputs, built.outputs)
        assert (actual.opset, actual.ir_version) == (built.opset, built.ir_version)


def test_changed_file_is_refused(folder: Path) -> None:
    contract = Contract.load(folder / "contract.json")
    model = onnx.load(folder / "scorer.onnx")
    model.doc_string = "touched"
    onnx.save(model, folder / "scorer.onnx")
    with pytest.raises(RepositoryError, match="not the file that passed the gates"):
        open_built_graph(folder, contract, "scorer")
    (folder / "scorer.onnx").unlink()
    with pytest.raises(RepositoryError, match=r"has no scorer\.onnx"):
        open_built_graph(folder, contract, "scorer")


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_file_that_is_no_graph_is_named(content: bytes, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(RepositoryError, match=r"broken\.onnx"):
        read_graph(path)
    contract = Contract.load(folder / "contract.json")
    with pytest.raises(RepositoryError, match=r"broken\.onnx"):
        open_graph(path, contract.graphs["scorer"])

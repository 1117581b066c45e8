"""How the look-up's ids reach it."""

from pathlib import Path

import pytest

from pintower.client import Client
from pintower.repository.layout import RepositoryLayout
from pintower.repository.release_file import Release
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.server import TritonServer

pytestmark = pytest.mark.triton

NOTE = """

class TritonPythonModel(TritonPythonModel):
    def execute(self, requests):
        for request in requests:
            ids = pb_utils.get_input_tensor_by_name(request, "PIN_IDS").as_numpy()
            Path({path!r}).write_text(ids.dtype.kind)
        return super().execute(requests)
"""


def test_ids_of_one_length_reach_the_look_up_without_a_loop(
    repository: Path, tmp_path: Path
) -> None:
    layout = RepositoryLayout(repository)
    release = Release.load(layout.release)
    model = layout.version("pin_features", release.models["pin_features"]) / "model.py"
    note = tmp_path / "kind"
    model.write_text(model.read_text("utf-8") + NOTE.format(path=str(note)), "utf-8")
    golden = release.golden[0]
    addresses = free_addresses()
    with (
        TritonServer(ensure_environment(), repository, addresses=addresses),
        Client(addresses.grpc_url) as client,
    ):
        answer = client.rank(golden.query, golden.pin_ids)
        assert note.read_text() == "S"
        assert answer.score.tolist() == pytest.approx(golden.scores, abs=1e-6)
        mixed = client.rank(golden.query, [*golden.pin_ids, "of another length"])
        assert note.read_text() == "O"
        assert mixed.score[:-1].tolist() == answer.score.tolist()
        assert not mixed.valid[-1]

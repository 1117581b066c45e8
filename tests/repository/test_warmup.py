from pathlib import Path

import numpy as np
import pytest
from tritonclient.utils import deserialize_bytes_tensor

from pintower.client import Client
from pintower.errors import RepositoryError
from pintower.repository.layout import RepositoryLayout
from pintower.repository.offline import OfflineRelease
from pintower.repository.pbtxt import format_config, read_config
from pintower.repository.warmup import make_warmups
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.metrics import scrape_metrics
from pintower.serving.server import TritonServer

QUERIES = ["red shoes", "lemon cake recipe", "garden", "blue sofa", ""]


def test_every_length_is_warmed_once_with_a_real_query(offline: OfflineRelease) -> None:
    found = make_warmups(offline, QUERIES, batched=False)["query_encoder"]
    ids = [[number for number in item.tensors["INPUT_IDS"] if number >= 0] for item in found]
    lengths = [len(row) for row in ids]
    wanted = {len(offline.token_ids(query.encode())) for query in QUERIES}
    assert lengths == sorted(set(lengths))
    assert wanted <= set(lengths)
    assert max(lengths) > max(wanted)  # all of them together
    assert next(row for row in ids if len(row) == max(wanted)) == offline.token_ids(
        b"lemon cake recipe"
    )


def test_batches_are_warmed_where_several_queries_may_come(offline: OfflineRelease) -> None:
    alone, batched = (
        make_warmups(offline, QUERIES, batched=batched)["query_encoder"]
        for batched in (False, True)
    )
    assert {warmup.requests for warmup in alone} == {1}
    assert {warmup.requests for warmup in batched} == {1, 2, 4, 8}
    assert len(batched) == 4 * len(alone)


def test_configurations_name_the_data_that_lie_there(built: Path) -> None:
    layout = RepositoryLayout(built)
    for model in ("tokenizer", "query_encoder", "pin_features", "scorer"):
        config = read_config(layout.config(model))
        assert len({entry.name for entry in config.model_warmup}) == len(config.model_warmup) > 0
        dtypes = {tensor.name: tensor.data_type for tensor in config.input}
        folder = layout.config(model).parent / "warmup"
        named = set()
        for entry in config.model_warmup:
            assert entry.inputs.keys() == dtypes.keys()
            for name, given in entry.inputs.items():
                assert given.data_type == dtypes[name]
                named.add(given.input_data_file)
        assert named == {path.name for path in folder.iterdir()}


def test_texts_are_written_as_triton_reads_them(built: Path) -> None:
    folder = RepositoryLayout(built).config("pin_features").parent
    for entry in read_config(folder / "config.pbtxt").model_warmup:
        given = entry.inputs["PIN_IDS"]
        raw = (folder / "warmup" / given.input_data_file).read_bytes()
        assert deserialize_bytes_tensor(raw).shape == tuple(given.dims)


def test_rows_of_the_scorer_are_finite(built: Path) -> None:
    folder = RepositoryLayout(built).config("scorer").parent
    for path in (folder / "warmup").iterdir():
        values = np.frombuffer(path.read_bytes(), np.float32)
        assert len(values) and np.isfinite(values).all()


@pytest.mark.triton
def test_server_warms_up_and_its_cache_stays_empty(repository: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    query, pin_ids = "red shoes", ["pin-001", "pin-002"]
    with (
        TritonServer(
            ensure_environment(), repository, addresses=free_addresses(), cache_bytes=1 << 22,
            log_file=log,
        ) as server,
        Client(server.addresses.grpc_url) as client,
    ):  # fmt: skip
        before = scrape_metrics(server.addresses.metrics_url)
        scores = client.rank(query, pin_ids)
        after = scrape_metrics(server.addresses.metrics_url)
    assert scores.valid.any()
    encoder = next(key for key in after if key[0] == "query_encoder")
    assert encoder not in before or before[encoder].cache_misses == 0
    assert after[encoder].cache_hits == 0 and after[encoder].cache_misses == 1


@pytest.mark.triton
def test_model_whose_warm_up_data_are_gone_does_not_become_ready(repository: Path) -> None:
    layout = RepositoryLayout(repository)
    config = read_config(layout.config("scorer"))
    config.model_warmup[0].inputs["PIN_EMBEDDINGS"].input_data_file = "gone"
    layout.config("scorer").write_text(format_config(config), "utf-8")
    server = TritonServer(
        ensure_environment(), repository, addresses=free_addresses(), cache_bytes=0
    )
    with pytest.raises(RepositoryError, match="scorer"), server:
        pass

"""Embedding on Ray: two nodes on this machine, one of them killed in the middle."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from pintower.config import PinsConfig
from pintower.data.catalogue import open_catalogue
from pintower.errors import RepositoryError, SetupError
from pintower.pins.cluster import embed_on_cluster
from pintower.pins.embedder import PinEmbedder
from pintower.pins.store import PinStore
from pintower.pins.update import update_store

ray = pytest.importorskip("ray")

CONFIG = PinsConfig(batch_tokens=100, threads=1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def rows(folder: Path, embedder: PinEmbedder) -> pa.Table:
    store = PinStore.open(folder / "store", embedder.origin).finished()
    return store.dataset.to_table().sort_by("pin_id").combine_chunks()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_node_killed_in_the_middle_changes_nothing(
    stage_inputs: dict[str, Path], tmp_path: Path, cluster: object
) -> None:
    student, export = stage_inputs["student"], stage_inputs["export"]
    embedder = PinEmbedder.load(CONFIG, student, export)
    pins = pl.read_parquet(stage_inputs["data"] / "pins.parquet")
    many = pl.concat(pins.with_columns(pin_id=pl.col("pin_id") + f"-{copy}") for copy in range(40))
    many.write_parquet(tmp_path / "pins.parquet")
    catalogue = open_catalogue(str(tmp_path / "pins.parquet"), ["graph_vector"])
    alone, together = tmp_path / "alone", tmp_path / "together"
    update_store(
        catalogue, PinStore.open(alone / "store", embedder.origin, create=True), embedder, chunk=60
    )
    second = cluster.add_node(num_cpus=1)  # type: ignore[attr-defined]
    store = PinStore.open(together / "store", embedder.origin, create=True)
    killed = threading.Event()

    def kill() -> None:
        while store.dataset.count_rows() < 300:
            time.sleep(0.02)
        cluster.remove_node(second, allow_graceful=False)  # type: ignore[attr-defined]
        killed.set()

    thread = threading.Thread(target=kill)
    thread.start()
    address = cluster.address  # type: ignore[attr-defined]
    update = update_store(
        catalogue,
        store,
        embedder,
        chunk=60,
        embed=lambda chunks: embed_on_cluster(chunks, CONFIG, student, export, address),
    )
    thread.join()
    assert killed.is_set()
    assert len(update.difference.new) == len(many)
    assert rows(together, embedder).equals(rows(alone, embedder))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_a_node_cannot_run_is_told_as_it_would_be_here(
    stage_inputs: dict[str, Path], tmp_path: Path, cluster: object
) -> None:
    student = stage_inputs["student"]
    export = shutil.copytree(stage_inputs["export"], tmp_path / "export")
    with (export / "pin_encoder.onnx").open("ab") as file:
        file.write(b"\x00")
    pins = pl.read_parquet(stage_inputs["data"] / "pins.parquet")
    address = cluster.address  # type: ignore[attr-defined]
    with pytest.raises(RepositoryError, match="not the file that passed the gates") as raised:
        list(embed_on_cluster([pins], CONFIG, student, export, address))
    assert "Traceback" not in str(raised.value)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_does_not_answer_is_told(stage_inputs: dict[str, Path]) -> None:
    student, export = stage_inputs["student"], stage_inputs["export"]
    with pytest.raises(SetupError, match=r"127\.0\.0\.1:1 does not answer"):
        list(embed_on_cluster([], CONFIG, student, export, "127.0.0.1:1"))

"""A catalogue and a store in an object store: S3's protocol, served on this machine."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import lance
import polars as pl
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from pintower.data.catalogue import open_catalogue
from pintower.errors import DatasetError, RepositoryError
from pintower.models.layout import StudentLayout
from pintower.pins.embedder import PinEmbedder
from pintower.pins.snapshots import make_snapshot
from pintower.pins.store import PinStore
from pintower.pins.update import Update, update_store


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An empty bucket; who reads or writes it is told where by the environment, as for any S3."""
    served = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    _, port = served.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ALLOW_HTTP", "true")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        reached = {"endpoint_override": f"127.0.0.1:{port}", "scheme": "http"}
        fs.S3FileSystem(allow_bucket_creation=True, **reached).create_dir("pins")
        try:
            yield "s3://pins"
        finally:
            served.stop()


@pytest.fixture
def folder(bucket: str) -> str:
    """The address of a folder of its own."""
    return f"{bucket}/{uuid4().hex}"


def put(address: str, name: str, content: bytes) -> None:
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    reached = f"{address}?endpoint_override={endpoint}&scheme=http"
    filesystem, path = fs.FileSystem.from_uri(reached)
    with filesystem.open_output_stream(f"{path}/{name}", compression=None) as file:
        file.write(content)


def put_parquet(address: str, name: str, pins: pl.DataFrame, tmp_path: Path) -> None:
    pins.write_parquet(tmp_path / "part.parquet")
    put(address, name, (tmp_path / "part.parquet").read_bytes())


def update(catalogue: str, store: str, embedder: PinEmbedder) -> Update:
    opened = open_catalogue(catalogue, ["graph_vector"])
    held = PinStore.open(store, embedder.origin, create=True)
    return update_store(opened, held, embedder, chunk=10, processes=0)


def test_a_store_there_is_as_one_on_a_disk(
    folder: str,
    pins: pl.DataFrame,
    embedder: PinEmbedder,
    stage_inputs: dict[str, Path],
    tmp_path: Path,
) -> None:
    catalogue, store = f"{folder}/catalogue", f"{folder}/store"
    put_parquet(catalogue, "part-0.parquet", pins[:20], tmp_path)
    put_parquet(catalogue, "part-1.parquet", pins[20:], tmp_path)
    assert len(update(catalogue, store, embedder).difference.new) == len(pins)
    again = update(catalogue, store, embedder).difference
    assert (len(again.embedded), len(again.deleted)) == (0, 0)

    fewer = pins[20:-1].with_columns(title=pl.lit("another title"))
    put_parquet(catalogue, "part-1.parquet", fewer, tmp_path)
    found = update(catalogue, store, embedder).difference
    assert (len(found.changed), len(found.deleted)) == (len(fewer), 1)

    pl.concat([pins[:20], fewer]).write_parquet(tmp_path / "pins.parquet")
    update(str(tmp_path / "pins.parquet"), str(tmp_path / "store"), embedder)
    there, here = (
        PinStore.open(place, embedder.origin).finished() for place in (store, tmp_path / "store")
    )
    kept = [
        held.dataset.to_table(filter="NOT deleted").sort_by("pin_id").combine_chunks()
        for held in (there, here)
    ]
    assert kept[0].equals(kept[1])
    statistics = StudentLayout(stage_inputs["student"]).load_statistics()
    made = [
        make_snapshot(tmp_path / name, held, statistics)
        for name, held in (("there", there), ("here", here))
    ]
    assert made[0].id == made[1].id
    assert made[0].pins == 20 + len(fewer)


@pytest.mark.parametrize("kind", ["jsonl.gz", "lance"])
def test_every_kind_of_catalogue_is_read_from_there(
    folder: str, pins: pl.DataFrame, embedder: PinEmbedder, kind: str
) -> None:
    if kind == "lance":
        lance.write_dataset(pins.to_arrow(), f"{folder}/pins.lance")
    else:
        put(folder, f"pins.{kind}", gzip.compress(pins.write_ndjson().encode()))
    for place in (folder, f"{folder}/pins.{kind}"):
        found = open_catalogue(place, ["graph_vector"])
        assert pl.concat(found.batches())["pin_id"].to_list() == pins["pin_id"].to_list()
    assert len(update(folder, f"{folder}/store", embedder).difference.new) == len(pins)


def test_what_is_not_there_is_told_by_its_address(bucket: str, embedder: PinEmbedder) -> None:
    with pytest.raises(DatasetError, match=f"{bucket}/nothing"):
        open_catalogue(f"{bucket}/nothing")
    with pytest.raises(DatasetError, match="s3://no-such-bucket"):
        open_catalogue("s3://no-such-bucket/pins.parquet")
    with pytest.raises(RepositoryError, match="s3://no-such-bucket"):
        PinStore.open("s3://no-such-bucket/store", embedder.origin, create=True)

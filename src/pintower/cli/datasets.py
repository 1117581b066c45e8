"""A dataset as commands take it: the user's folder, or what a run has read of it already."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pintower.artifacts import read_manifest
from pintower.config import DataConfig

__all__ = ["data_folder"]


@contextmanager
def data_folder(dataset: Path) -> Iterator[Path]:
    """Give a data stage's folder: the one named, with its split, or one made of a dataset.

    Raises:
        DatasetError: if the dataset cannot be read.
    """
    manifest = read_manifest(dataset)
    if manifest is not None and manifest.stage == "data":
        yield dataset
        return
    from pintower.data import prepare

    with tempfile.TemporaryDirectory(prefix="pintower-") as temporary:
        prepare.run(DataConfig(path=dataset, judgments_required=False), {}, Path(temporary))
        yield Path(temporary)

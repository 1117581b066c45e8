"""Embedding on a Ray cluster: the same chunks in the same order, by whichever node is alive.

A chunk is a Ray task. Ray starts it again where its node died, and makes a result again that was
lost with a node; the process that commits takes results in the order of the chunks, so the store
becomes the one that a single machine makes.
"""

import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from pintower.config import PinsConfig
from pintower.errors import PintowerError, SetupError
from pintower.pins.embedder import PinEmbedder

__all__ = ["embed_on_cluster"]

_AHEAD = 2
"""Chunks a core has waiting."""

_SECONDS = 10.0
_EXPORTED = ("contract.json", "pin_encoder.onnx")
_OF_STUDENT = ("text.json", "pin_encoder/**/*.json")
_WEIGHTS = ("pin_encoder/**/*.safetensors", "pin_encoder/**/*.bin")


def embed_on_cluster(
    chunks: Iterable[pl.DataFrame], config: PinsConfig, student: Path, export: Path, address: str
) -> Iterator[pa.Table]:
    """Yield the store's rows of each chunk, in the order of the chunks.

    Args:
        chunks: rows of the pins table; read only a little ahead of the embedding.
        config: how to embed; each task takes one core.
        student: its folder, on this machine.
        export: the export folder, on this machine; nodes get what they need through Ray.
        address: of the cluster, as ``ray.init`` takes it; ``local`` starts one here.

    Raises:
        SetupError: if Ray is not installed or the cluster does not answer; if the pin encoder is in
            bf16, and a node cannot run it.
    """
    try:
        import ray
    except ImportError:
        raise SetupError(
            "--cluster needs Ray: pip install 'pintower[cluster]', on every node."
        ) from None
    started = not ray.is_initialized()
    try:
        _require_answer(address)
        if started:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise SetupError(f"The Ray cluster {address} does not answer: {error}") from error
    try:
        encoder = ray.put(_pack(config, student, export))
        settings = config.model_copy(update={"threads": 1}).model_dump_json()
        embed: Any = ray.remote(_embed).options(max_retries=-1, num_cpus=1)
        yield from _in_order(
            chunks,
            lambda pins: embed.remote(encoder, settings, pins.to_arrow()),
            _take,
            ahead=lambda: _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1))),
        )
    finally:
        if started:
            ray.shutdown()


def _require_answer(address: str) -> None:
    """Find out whether somebody listens at ``[ray://]host:port``, sooner than Ray's two minutes.

    Raises:
        OSError: if nobody does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_SECONDS).close()


def _take(promise: Any) -> pa.Table:
    """Wait for a chunk; what is wrong with a node or an export is told as it would be here."""
    import ray

    try:
        return ray.get(promise)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, PintowerError):
            raise error.cause from None
        raise


def _in_order(
    chunks: Iterable[pl.DataFrame],
    submit: Callable[[pl.DataFrame], Any],
    take: Callable[[Any], pa.Table],
    ahead: Callable[[], int],
) -> Iterator[pa.Table]:
    waiting: deque[Any] = deque()
    for pins in chunks:
        waiting.append(submit(pins))
        if len(waiting) >= ahead():
            yield take(waiting.popleft())
    while waiting:
        yield take(waiting.popleft())


def _pack(config: PinsConfig, student: Path, export: Path) -> dict[str, bytes]:
    """Return the files that embedding pins takes, by their names."""
    files = {f"export/{name}": (export / name).read_bytes() for name in _EXPORTED}
    for pattern in (*_OF_STUDENT, *(_WEIGHTS if config.runtime == "torch" else ())):
        for path in student.glob(pattern):
            files[f"student/{path.relative_to(student).as_posix()}"] = path.read_bytes()
    return files


_opened: dict[tuple[bytes, str], PinEmbedder] = {}
"""The encoder this worker process has loaded."""


def _embed(files: dict[str, bytes], settings: str, pins: pa.Table) -> pa.Table:
    """Embed a chunk, on a node."""
    key = files["export/contract.json"], settings
    if key not in _opened:
        _opened.clear()
        _opened[key] = _unpacked(files, settings)
    return _opened[key].rows(pl.DataFrame(pl.from_arrow(pins)))


def _unpacked(files: dict[str, bytes], settings: str) -> PinEmbedder:
    with tempfile.TemporaryDirectory(prefix="pintower-encoder-") as name:
        for path, content in files.items():
            place = Path(name) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        config = PinsConfig.model_validate_json(settings)
        return PinEmbedder.open(config, Path(name) / "student", Path(name) / "export")

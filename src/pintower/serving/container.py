"""The command that serves a repository in NVIDIA's container, with a cache of its own or Redis.

A local cache belongs to one replica. Several can share a Redis: its keys are made of the model's
name and version and of the request's bytes, and the ids that reach the query encoder carry its
artifact id, so releases that share a name and version do not share answers. Triton's defaults wait
for Redis for ever; here a slow one is a miss.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from pintower.assets import asset
from pintower.errors import InputError
from pintower.serving.server import release_flags
from pintower.triton_releases import TritonRelease, known_faults, triton_releases

__all__ = ["container_command"]

_IMAGE = "nvcr.io/nvidia/tritonserver:{release}-py3"
_REDIS = {"connect_timeout": 250, "socket_timeout": 20, "wait_timeout": 20, "pool_size": 8}
"""Milliseconds, and connections."""

_NOTES = (
    "Listens on every interface, ports 8000 (HTTP), 8001 (gRPC), 8002 (metrics): no strangers.",
    "Installs the python steps' packages from PyPI at each start; an image with them is faster.",
)
_REDIS_NOTES = (
    f"Redis has {_REDIS['connect_timeout']} ms to connect and {_REDIS['socket_timeout']} ms to "
    "answer; later is a miss. It has to be there when the server starts.",
    "Nothing expires by itself: give it maxmemory and maxmemory-policy allkeys-lru.",
)

_SHARED_MEMORY = "1g"
"""Python steps hand their tensors over in /dev/shm, of which a container has 64 MB."""


def container_command(
    repository: Path, triton: TritonRelease, *, cache_bytes: int, redis: str | None, gpu: bool
) -> str:
    """Return a shell command, what to know of it in comments before it.

    Args:
        repository: the model repository.
        triton: the release that the target names.
        cache_bytes: of the local response cache, 0 for none; not used with Redis.
        redis: ``host:port`` of a Redis to share, None for the local cache.
        gpu: give the container every GPU.

    Raises:
        InputError: if ``redis`` is no ``host:port``, or docker could not mount the repository.
    """
    if ":" in str(repository.resolve()):
        raise InputError(
            f"{repository.resolve()} has a colon in it, which docker reads as its own."
        )
    server = [
        "tritonserver",
        "--model-repository=/models",
        *release_flags(("*",)),
        *(f"--cache-config={option}" for option in _cache(cache_bytes, redis)),
    ]
    lines = asset("triton_models", "requirements.txt").read_text("utf-8").splitlines()
    packages = [f"numpy{triton.numpy}"]
    packages += [line for line in lines if line and not line.startswith("#")]
    inside = f"pip install --quiet {shlex.join(packages)} && exec {shlex.join(server)}"
    run = [
        "docker run --rm --network=host",
        *(["--gpus=all"] if gpu else []),
        f"--shm-size={_SHARED_MEMORY}",
        f"-v {shlex.quote(str(repository.resolve()))}:/models:ro",
        _IMAGE.format(release=triton.name),
        f"sh -c {shlex.quote(inside)}",
    ]
    notes = [*_NOTES, *_release_notes(triton), *(() if redis is None else _REDIS_NOTES)]
    return "".join(f"# {note}\n" for note in notes) + " \\\n  ".join(run)


def _release_notes(triton: TritonRelease) -> Iterator[str]:
    """Yield what to know of a release."""
    mended = [fault for fault in known_faults(triton.name) if fault.fixed is not None]
    if mended:
        newest = triton_releases()[-1].name
        yield (
            f"Triton {triton.name} has {len(mended)} known faults that later releases mended "
            f"(`pintower doctor` lists them): in production run {newest}, built with --triton "
            f"{newest}."
        )


def _cache(size: int, redis: str | None) -> list[str]:
    if redis is None:
        return [f"local,size={size}"] if size else []
    match = re.fullmatch(r"([\w.-]+):(\d{1,5})", redis)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise InputError(f"--redis is {redis!r}; wanted is host:port, like cache.internal:6379.")
    place = {"host": match[1], "port": match[2]}
    return [f"redis,{key}={value}" for key, value in {**place, **_REDIS}.items()]

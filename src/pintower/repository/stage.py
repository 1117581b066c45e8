"""The repository stage: build the Triton model repository, describe it, measure it served."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pintower.config import RepositoryConfig
from pintower.contracts import Contract
from pintower.errors import RepositoryError, SetupError
from pintower.gates import raise_if_failed, require_gate_names
from pintower.repository.build import build_models
from pintower.repository.check import check
from pintower.repository.configs import model_configs
from pintower.repository.interfaces import SERVED_GRAPHS
from pintower.repository.layout import RepositoryLayout, release_files, text_checksum
from pintower.repository.measure import measure
from pintower.repository.offline import OfflineRelease, open_offline, open_reference
from pintower.repository.parts import Parts, current_snapshot
from pintower.repository.release_file import GoldenQuery, Release, SnapshotRecord
from pintower.repository.sample import Sample, draw_queries, sample_requests
from pintower.repository.warmup import make_warmups
from pintower.serving.environment import ensure_environment
from pintower.serving.machine import cuda_devices
from pintower.targets import Target

__all__ = ["run"]

_TOLD = ("served_equals_offline", "runtimes_min_cosine")
"""Gates whose figures are worth a place in the manifest."""

_WARMUP_QUERIES = 2_000
"""Queries of the log among which one of every length is looked for."""

_RELEASE = 1
"""Number of a repository built from nothing, and the version of each of its models."""


def run(config: RepositoryConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Write the model repository with ``release.json`` and, measured, ``gates.json``.

    Args:
        config: sizes of the gates' samples.
        inputs: folders ``export``, ``pins`` and, for real queries, ``data``.
        folder: where to write; it becomes the repository.

    Returns:
        Release number, size and the gates' figures.

    Raises:
        InputError: if the serving settings do not fit the target.
        RepositoryError: if graphs and snapshot do not belong together.
        SetupError: if the local server cannot be installed or started, or the target's GPU is
            not there.
        GateFailed: if a served gate failed; ``gates.json`` is written all the same.
    """
    require_gate_names(config.allow)
    export = inputs["export"]
    contract = Contract.load(export / "contract.json")
    target = contract.target.served_as(config.serving)
    parts = Parts(
        contract=contract.model_copy(update={"target": target}),
        graphs=export,
        tokenizer=export / "tokenizer.json",
        rendering=export / "text.json",
        snapshot=current_snapshot(inputs["pins"]),
    )
    if config.served_gates:
        _require_device(parts.contract.target)
    offline = open_offline(parts, inputs.get("data"))
    count = max(-(-config.pairs // config.candidates), config.golden_queries)
    samples = sample_requests(
        inputs, offline.snapshot, queries=count, candidates=config.candidates, seed=config.seed
    )
    golden = samples[: config.golden_queries]
    environment = ensure_environment(target.triton) if config.served_gates else None
    drawn = draw_queries(inputs, _WARMUP_QUERIES, np.random.default_rng(config.seed))
    warmups = make_warmups(offline, drawn, batched=parts.contract.target.max_batch_size > 1)
    build_models(parts, folder, _RELEASE, warmups)
    if environment is None:
        return _finish(_describe(parts, offline, golden, folder), folder)
    with open_reference(offline, parts, environment.python) as reference:
        info = _finish(_describe(parts, reference, golden, folder), folder)
        gates = measure(config, parts.contract, environment, offline, reference, samples, folder)
    raise_if_failed(gates, f"The served release for target {parts.contract.target.name}")
    told = {item.name: item.measured for item in gates if item.name in _TOLD}
    return {**info, "gates": len(gates), **told}


def _require_device(target: Target) -> None:
    """Refuse to measure served gates of a GPU target on a machine without a GPU."""
    if target.device == "gpu" and not cuda_devices():
        raise SetupError(
            f"Target {target.name} is served on a GPU, and NVIDIA's driver shows none on this "
            "machine, so its served gates cannot be measured here. Run this stage on a machine "
            "with a GPU, or set repository.served_gates to false (pintower build: "
            "--no-served-gates); the release then stays without served gates."
        )


def _finish(release: Release, folder: Path) -> dict[str, Any]:
    """Write ``release.json`` and check the whole repository; return figures for the manifest."""
    release.save(RepositoryLayout(folder).release)
    if findings := check(folder):
        lines = "\n".join(f"  {finding}" for finding in findings)
        raise RepositoryError(f"The built repository does not keep its contract:\n{lines}")
    return {
        "release": release.release,
        "pins": release.snapshot.pins,
        "mebibytes": round(_size(folder) / 2**20, 2),
    }


def _describe(
    parts: Parts, offline: OfflineRelease, golden: Sequence[Sample], folder: Path
) -> Release:
    contract = parts.contract
    return Release(
        release=_RELEASE,
        target=contract.target.name,
        triton_release=contract.target.triton.name,
        space_id=contract.space_id,
        artifacts={name: contract.graphs[name].artifact_id for name in SERVED_GRAPHS},
        snapshot=SnapshotRecord(
            id=parts.snapshot_id,
            artifact_id=offline.snapshot.info["artifact_id"],
            pins=len(offline.snapshot.ids),
        ),
        text_package=text_checksum(RepositoryLayout(folder).version("tokenizer", _RELEASE)),
        models=dict.fromkeys(model_configs(contract, _RELEASE), _RELEASE),
        golden=tuple(_golden(offline, sample) for sample in golden),
        golden_runtime=offline.runtime,
        files=release_files(folder),
    )


def _golden(offline: OfflineRelease, sample: Sample) -> GoldenQuery:
    pin_ids = [pin_id.encode() for pin_id in sample.pin_ids]
    query = sample.query.encode("utf-8", "replace")
    vector = offline.query_features(query)
    return GoldenQuery(
        query=sample.query,
        features=() if vector is None else tuple(vector[0].tolist()),
        pin_ids=sample.pin_ids,
        scores=tuple(offline.score(query, pin_ids).score.tolist()),
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

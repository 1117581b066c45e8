"""Serving a built repository and measuring every gate on it."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pintower.config import RepositoryConfig
from pintower.contracts import Contract
from pintower.gates import Gate, describe_environment, explain, overrule, write_gates
from pintower.repository.behaviour import behaviour_gates
from pintower.repository.interfaces import SERVED_GRAPHS
from pintower.repository.layout import RepositoryLayout
from pintower.repository.offline import OfflineRelease
from pintower.repository.parity import embedding_gate, parity_gates, tokenizer_gate
from pintower.repository.runtimes import runtime_gates
from pintower.repository.sample import Sample
from pintower.repository.wire import Wire
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment, describe_backend
from pintower.serving.layout import read_layout
from pintower.serving.server import TritonServer
from pintower.triton_releases import LOCAL

__all__ = ["measure"]

logger = logging.getLogger(__name__)


def measure(
    config: RepositoryConfig,
    contract: Contract,
    environment: ServerEnvironment,
    offline: OfflineRelease,
    reference: OfflineRelease,
    samples: Sequence[Sample],
    folder: Path,
) -> list[Gate]:
    """Start the local server on a repository and write ``gates.json``.

    Args:
        config: size of the cache.
        contract: of the release; its target's limit decides.
        environment: the server's.
        offline: the release in this process, as the export stage's gates measured it.
        reference: the release in the server environment's ONNX Runtime.
        samples: real queries and candidates.
        folder: the repository.

    Returns:
        Every gate, passed or not.

    Raises:
        SetupError: if the server cannot be started.
        RepositoryError: if it cannot load a model.
    """
    allowed = contract.target.limits.served_max_abs
    quantized = any(contract.graphs[name].precision != "fp32" for name in SERVED_GRAPHS)
    server = TritonServer(
        environment, folder, addresses=free_addresses(), cache_bytes=config.cache_bytes
    )
    gates = runtime_gates(
        reference,
        offline,
        samples,
        allowed=None if quantized else allowed,
        min_cosine=contract.target.limits.runtimes_min_cosine,
    )
    with server, Wire(server.addresses.grpc_url) as wire:
        gates.append(tokenizer_gate(wire, offline))
        gates += parity_gates(wire, reference, samples, allowed=allowed)
        gates.append(embedding_gate(wire, reference, samples, allowed=allowed))
        gates += behaviour_gates(wire, reference, samples[0], allowed=allowed)
    for cache in sorted(folder.rglob("__pycache__")):
        shutil.rmtree(cache)
    gates = overrule(gates, config.allow)
    write_gates(RepositoryLayout(folder).gates, gates, _where(environment, contract, reference))
    for item in gates:
        logger.info("%s", explain(item))
    return gates


def _where(
    environment: ServerEnvironment, contract: Contract, reference: OfflineRelease
) -> dict[str, Any]:
    """Return what served and what was compared with."""
    layout = read_layout(environment.folder)
    return describe_environment("tritonclient", "tokenizers", "onnxruntime") | {
        "backend": describe_backend(environment),
        "triton_release": contract.target.triton.name,
        "triton_release_served": LOCAL,
        "onnxruntime_target": contract.target.triton.onnxruntime,
        "onnxruntime_served": reference.runtime,
        "tokenizers_served": layout.package_version("tokenizers"),
    }

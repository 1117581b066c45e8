"""The query encoder's entrance: one input for every query, and an answer to whatever is in it.

Triton caches errors like answers, so a cached model must have none, and anybody may ask the query
encoder directly. An exported encoder has two inputs that can contradict each other, and ids that no
table holds end in an error. Behind this entrance each token id is one the encoder knows, at most as
many as it takes, and the mask is made in the graph.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from pintower.contracts import GraphContract, Tensor
from pintower.export.int8.network import Network
from pintower.export.tracing import conform

__all__ = ["add_entrance", "without_entrance"]

_IDS, _MASK = "INPUT_IDS", "ATTENTION_MASK"


def without_entrance(contract: GraphContract) -> GraphContract:
    """Return what the encoder takes behind its entrance: ids and mask INT64 [batch, length]."""
    inner = (
        Tensor(name=_IDS, dtype="INT64", shape=("batch", "length")),
        Tensor(name=_MASK, dtype="INT64", shape=("batch", "length")),
    )
    others = tuple(tensor for tensor in contract.inputs if tensor.name != _IDS)
    return contract.model_copy(update={"inputs": (*inner, *others)})


def add_entrance(path: Path, contract: GraphContract, *, vocabulary: int, cut: bool) -> None:
    """Put the entrance before an encoder, in place.

    A negative id is no token. Larger ones than the vocabulary has become its last. The last place
    of a row is never read: it is padding for the longest query too.

    Args:
        path: of the file, with ids and mask as its inputs.
        contract: with the entrance.
        vocabulary: token ids the encoder knows.
        cut: compute the batch's longest query only. What is left out is masked either way; on a GPU
            finding the length would stop the stream to ask for it.
    """
    (width,) = (int(tensor.shape[1]) for tensor in contract.inputs if tensor.name == _IDS)
    network = Network.load(path)
    _rename_inputs(network)
    zero, one = (network.weight(f"entrance.{n}", np.array([n], np.int64)) for n in (0, 1))
    given = network.add(
        "Slice",
        [_IDS, zero, network.weight("entrance.longest", np.array([width - 1], np.int64)), one],
    )
    is_token = network.add(
        "Greater", [given, network.weight("entrance.none", np.array(-1, np.int64))]
    )
    if cut:
        places = np.arange(1, width, dtype=np.int64)
        ends = network.add("Where", [is_token, network.weight("entrance.places", places), one])
        end = network.add("ReduceMax", [ends], axes=[0, 1], keepdims=0)
        length = network.add("Unsqueeze", [end, zero])
        given, is_token = (
            network.add("Slice", [tensor, zero, length, one]) for tensor in (given, is_token)
        )
    limits = [network.weight("entrance.id", np.array(n, np.int64)) for n in (0, vocabulary - 1)]
    network.add("Clip", [given, *limits], "entrance.ids")
    network.add("Cast", [is_token], "entrance.mask", to=TensorProto.INT64)
    network.save(path)
    conform(path, contract)


def _rename_inputs(network: Network) -> None:
    """Let the encoder read what the entrance makes, and drop the mask from what is given."""
    renamed = {_IDS: "entrance.ids", _MASK: "entrance.mask"}
    for node in network.nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    inputs: list[onnx.ValueInfoProto] = list(network.model.graph.input)
    del network.model.graph.input[:]
    network.model.graph.input.extend(item for item in inputs if item.name != _MASK)

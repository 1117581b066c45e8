"""Embeddings that hang on a text's length alone: positions, and the one token type there is.

BERT looks both up in tables by ids that it makes of the input's shape, a dozen small nodes for
every query. The rows are known beforehand: what is left is to cut them at the text's length.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from pintower.export.int8.network import Network

__all__ = ["fold_positions"]

_REPEATING = ("Expand", "GatherElements", "Slice")
"""Operators that give elements of their first input, in any number and order."""


def fold_positions(network: Network) -> None:
    """Look positions and token types up beforehand, where their ids are fixed."""
    for node in [node for node in network.nodes if node.op_type == "Gather"]:
        table = network.weights.get(node.input[0])
        if table is None or table.ndim != 2 or table.dtype != np.float32:
            continue
        _fold_type(network, node)
        cut = network.maker(node.input[1])
        if cut is not None and cut.op_type == "Slice":
            ids = _constant(network, cut.input[0])
            if ids is not None and len(set(ids.flat)) > 1:
                network.remove(node)
                rows = network.weight("positions", table[ids])
                network.add("Slice", [rows, *cut.input[1:]], node.output[0])


def _fold_type(network: Network, node: NodeProto) -> None:
    """Replace a look-up of one and the same id by its row, where it is only added."""
    tensor = node.input[1]
    while (ids := _constant(network, tensor)) is None:
        maker = network.maker(tensor)
        if maker is None or maker.op_type not in _REPEATING:
            return
        tensor = maker.input[0]
    readers = network.readers(node.output[0])
    if len(set(ids.flat)) > 1 or any(item.op_type != "Add" for item in readers):
        return
    row = network.weight("token_type", network.weights[node.input[0]][ids.flat[0]])
    network.remove(node)
    for reader in readers:
        reader.input[:] = [row if name == node.output[0] else name for name in reader.input]


def _constant(network: Network, tensor: str) -> NDArray[np.int64] | None:
    """Return ids that are fixed, as a weight or by a Constant node."""
    value = network.weights.get(tensor)
    node = network.maker(tensor)
    if value is None and node is not None and node.op_type == "Constant":
        value = numpy_helper.to_array(helper.get_node_attr_value(node, "value"))
    return value if value is not None and value.dtype == np.int64 else None

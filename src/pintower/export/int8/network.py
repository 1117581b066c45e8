"""An ONNX graph while it is rewritten: who makes a tensor, who reads it, what the weights are."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

__all__ = ["CONTRIB", "Network"]

CONTRIB = "com.microsoft"
"""Domain of ONNX Runtime's own operators; part of every build of it, Triton's included."""


class Network:
    """A graph in memory. Nodes are added anywhere and put in order when it is saved.

    Args:
        model: taken over, not copied.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.weights: dict[str, NDArray[Any]] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self.nodes: list[onnx.NodeProto] = list(model.graph.node)
        self._names = 0

    @classmethod
    def load(cls, path: Path) -> "Network":
        """Read a file."""
        return cls(onnx.load(path))

    def maker(self, tensor: str) -> onnx.NodeProto | None:
        """Return the node that makes a tensor; None for inputs and weights."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def readers(self, tensor: str) -> list[onnx.NodeProto]:
        """Return the nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.input]

    def descends(self, tensor: str, ancestors: Collection[str]) -> bool:
        """Return whether a tensor is one of others or is computed from one."""
        makers = {name: node for node in self.nodes for name in node.output}
        stack, seen = [tensor], set()
        while stack:
            name = stack.pop()
            if name in ancestors:
                return True
            if name not in seen and name in makers:
                seen.add(name)
                stack += makers[name].input
        return False

    def reads_tokens(self, node: onnx.NodeProto) -> bool:
        """Return whether a node's first input hangs on the token ids, the graph's first input."""
        return self.descends(node.input[0], {self.model.graph.input[0].name})

    def name(self, stem: str) -> str:
        """Return a tensor name that is not taken; the same for the same sequence of calls."""
        self._names += 1
        return f"{stem}.{self._names}"

    def weight(self, stem: str, value: NDArray[Any]) -> str:
        """Add a weight; return its name."""
        name = self.name(stem)
        self.weights[name] = np.ascontiguousarray(value)
        return name

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str | None = None,
        *,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Add a node with one output; return the output's name."""
        made = output or self.name(operator.lower())
        self.nodes.append(
            helper.make_node(operator, inputs, [made], name=made, domain=domain, **attributes)
        )
        return made

    def remove(self, node: onnx.NodeProto) -> None:
        """Take a node out; whoever read its outputs has to be given others."""
        self.nodes = [other for other in self.nodes if other is not node]

    def save(self, path: Path) -> None:
        """Write the graph without what nothing reads, its nodes in order."""
        graph = self.model.graph
        ordered = self._ordered()
        read = {name for node in ordered for name in node.input}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(ordered)
        graph.initializer.extend(
            numpy_helper.from_array(value, name)
            for name, value in self.weights.items()
            if name in read
        )
        if any(node.domain == CONTRIB for node in ordered) and not any(
            item.domain == CONTRIB for item in self.model.opset_import
        ):
            self.model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
        onnx.save(self.model, path)

    def _ordered(self) -> list[onnx.NodeProto]:
        """Return the nodes that the outputs need, each after what it reads."""
        makers = {name: node for node in self.nodes for name in node.output}
        ordered: list[onnx.NodeProto] = []
        entered: set[int] = set()
        stack = [(makers[out.name], False) for out in reversed(self.model.graph.output)]
        while stack:
            node, done = stack.pop()
            if done:
                ordered.append(node)
                continue
            if id(node) in entered:
                continue
            entered.add(id(node))
            stack.append((node, True))
            stack += [(makers[name], False) for name in reversed(node.input) if name in makers]
        return ordered

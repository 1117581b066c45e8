"""A strict ``onnxruntime`` backend in Python, for a Triton server without the genuine one.

It lets an unmodified repository (``backend: "onnxruntime"``, ``<version>/model.onnx``) run on the
local server, dynamic batching, ensembles and response cache included. What the genuine backend
refuses at load is refused here too (see ``strict_config``), parameters are honoured (see
``session_options``) and so are devices and accelerators (see ``providers``). One process an
instance, each with a session of its own.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils
from onnxruntime.capi import onnxruntime_pybind11_state as state
from providers import make_providers, require_device
from session_options import LOAD_ERRORS, make_run_options, make_session_options
from strict_config import ConfigError, check_tensors, tensor_spec

RUN_ERRORS = (*LOAD_ERRORS, state.EPFail, ValueError, TypeError, RuntimeError)


class TritonPythonModel:
    """One instance of an ONNX model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the graph and compare it with the configuration.

        Args:
            args: what Triton says of the instance: the configuration as JSON, the model's folder
                and version, the instance's kind and device.

        Raises:
            ConfigError: if the graph cannot be opened or does not fit the configuration.
        """
        config = json.loads(args["model_config"])
        for key in ("sequence_batching", "batch_input", "batch_output"):
            if config.get(key):
                raise ConfigError(
                    f"model '{config['name']}': the local onnxruntime backend does not support "
                    f"'{key}'."
                )
        self._run_options = make_run_options(config)
        self._session = open_session(config, args)
        check_tensors(
            config,
            [tensor_spec(node.name, node.type, node.shape) for node in self._session.get_inputs()],
            [tensor_spec(node.name, node.type, node.shape) for node in self._session.get_outputs()],
            [
                tensor_spec(node.name, node.type, node.shape)
                for node in self._session.get_overridable_initializers()
            ],
        )
        self._batched = config["max_batch_size"] > 0
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"]]

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer requests; those the dynamic batcher put together run as one batch.

        A request that fails is answered with an error of its own and harms no other.
        """
        if len(requests) == 1 or not self._batched:
            return [self._answer(request) for request in requests]
        feeds = [self._feeds(request) for request in requests]
        responses: list[Any] = [None] * len(requests)
        for members in group_by_shape(feeds):
            for index, response in zip(members, self._merge(requests, feeds, members), strict=True):
                responses[index] = response
        return responses

    def finalize(self) -> None:
        """Let go of the session."""
        del self._session

    def _feeds(self, request: Any) -> dict[str, np.ndarray]:
        """Return the request's inputs; optional ones that it leaves out are absent."""
        feeds = {}
        for name in self._inputs:
            tensor = pb_utils.get_input_tensor_by_name(request, name)
            if tensor is not None:
                feeds[name] = tensor.as_numpy()
        return feeds

    def _answer(self, request: Any) -> Any:
        names = list(request.requested_output_names())
        try:
            arrays = self._session.run(names, self._feeds(request), self._run_options)
        except RUN_ERRORS as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
        return respond(names, arrays)

    def _merge(
        self,
        requests: Sequence[Any],
        feeds: Sequence[dict[str, np.ndarray]],
        members: Sequence[int],
    ) -> list[Any]:
        """Run requests of equal shapes as one batch and split the outputs again."""
        if len(members) == 1:
            return [self._answer(requests[members[0]])]
        wanted = [set(requests[index].requested_output_names()) for index in members]
        names = [name for name in self._outputs if any(name in one for one in wanted)]
        sizes = [len(next(iter(feeds[index].values()))) for index in members]
        whole = {
            name: np.concatenate([feeds[index][name] for index in members])
            for name in feeds[members[0]]
        }
        try:
            arrays = self._session.run(names, whole, self._run_options)
        except RUN_ERRORS:
            return [self._answer(requests[index]) for index in members]
        if any(len(array) != sum(sizes) for array in arrays):
            text = f"an output's first dimension is not the batch of {sum(sizes)} rows"
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(text)) for _ in members]
        responses = []
        start = 0
        for size, one in zip(sizes, wanted, strict=True):
            pairs = [
                (name, array) for name, array in zip(names, arrays, strict=True) if name in one
            ]
            rows = slice(start, start + size)
            responses.append(respond([n for n, _ in pairs], [array[rows] for _, array in pairs]))
            start += size
        return responses


def open_session(config: dict[str, Any], args: dict[str, str]) -> onnxruntime.InferenceSession:
    """Open the graph of one model version on the instance's device.

    Raises:
        ConfigError: if the file is missing, ONNX Runtime cannot load it, or the device is not
            there.
    """
    name = config.get("default_model_filename") or "model.onnx"
    path = os.path.join(args["model_repository"], args["model_version"], name)
    if not os.path.exists(path):
        raise ConfigError(f"model '{config['name']}': unable to find {path}.")
    providers = make_providers(
        config,
        args["model_instance_kind"],
        int(args["model_instance_device_id"]),
        onnxruntime.get_available_providers(),
    )
    try:
        session = onnxruntime.InferenceSession(
            path, make_session_options(config), providers=providers
        )
    except LOAD_ERRORS as error:
        raise ConfigError(
            f"model '{config['name']}': ONNX Runtime {onnxruntime.__version__} cannot load {path}: "
            f"{error}"
        ) from None
    require_device(config, providers, session.get_providers())
    return session


def group_by_shape(feeds: Sequence[dict[str, np.ndarray]]) -> list[list[int]]:
    """Return the indices of requests, grouped by which inputs they have and their row shapes."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, feed in enumerate(feeds):
        key = tuple((name, array.shape[1:]) for name, array in feed.items())
        groups.setdefault(key, []).append(index)
    return list(groups.values())


def respond(names: Sequence[str], arrays: Sequence[np.ndarray]) -> Any:
    """Return a response with the named outputs."""
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor(name, array) for name, array in zip(names, arrays, strict=True)]
    )

"""Following every edge of every ensemble: names, dtypes, shapes, versions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tritonclient.grpc.model_config_pb2 import TYPE_STRING, ModelConfig

from pintower.repository.check_configs import shape_text, type_name
from pintower.repository.layout import RepositoryLayout

__all__ = ["ensemble_findings"]


@dataclass(frozen=True)
class _Tensor:
    """One end of an edge.

    Attributes:
        owner: model or ensemble and its tensor, for messages.
        data_type: Triton's number.
        shape: whole, the batch included; -1 where it varies.
    """

    owner: str
    data_type: int
    shape: tuple[int, ...]


def ensemble_findings(
    configs: Mapping[str, ModelConfig], layout: RepositoryLayout
) -> Iterator[str]:
    """Yield what is wrong with the ensembles among some configurations.

    Args:
        configs: every model's, by name, as parsed.
        layout: of the repository, for the version folders.
    """
    ensembles = {name: item for name, item in configs.items() if item.ensemble_scheduling.step}
    for name, config in ensembles.items():
        flowing = _tensors(config, "input")
        for step in config.ensemble_scheduling.step:
            composing = configs.get(step.model_name)
            if composing is None:
                yield f"{name}: step {step.model_name} is no model of this repository"
                continue
            yield from _version_findings(name, step, composing, layout)
            yield from _inputs(name, step, composing, flowing)
            yield from _outputs(name, step, composing, flowing)
        for tensor, wanted in _tensors(config, "output").items():
            if tensor not in flowing:
                yield f"{name}: output {tensor} is made by no step"
            else:
                yield from _edge(name, flowing[tensor], wanted)
        yield from _client_texts(name, config)
    yield from _shared_steps(ensembles, configs)


def _version_findings(
    ensemble: str, step: Any, composing: ModelConfig, layout: RepositoryLayout
) -> Iterator[str]:
    version = step.model_version
    served = list(composing.version_policy.specific.versions)
    if version < 1:
        yield f"{ensemble}: step {step.model_name} pins no version"
    elif version not in served:
        yield (
            f"{ensemble}: step {step.model_name} is pinned to version {version}, "
            f"{step.model_name} serves {served}"
        )
    elif not layout.version(step.model_name, version).is_dir():
        yield f"{ensemble}: step {step.model_name} version {version} has no folder"


def _inputs(
    ensemble: str, step: Any, composing: ModelConfig, flowing: Mapping[str, _Tensor]
) -> Iterator[str]:
    """Check that every input of a step is fed, by a tensor that fits."""
    known = _tensors(composing, "input")
    model = step.model_name
    for name, source in sorted(step.input_map.items()):
        if name not in known:
            yield (f"{ensemble}: step {model} feeds input {name}, {model} takes {', '.join(known)}")
        elif source not in flowing:
            yield f"{ensemble}: step {model} takes {source}, which no earlier step makes"
        else:
            yield from _edge(ensemble, flowing[source], known[name])
    for name in known.keys() - step.input_map.keys():
        yield f"{ensemble}: step {model} leaves input {name} unfed"


def _outputs(
    ensemble: str, step: Any, composing: ModelConfig, flowing: dict[str, _Tensor]
) -> Iterator[str]:
    """Check a step's outputs and add them to what flows."""
    known = _tensors(composing, "output")
    for name, place in sorted(step.output_map.items()):
        if name not in known:
            yield (
                f"{ensemble}: step {step.model_name} maps output {name}, {step.model_name} makes "
                f"{', '.join(known)}"
            )
        elif place in flowing:
            yield f"{ensemble}: {place} is made twice, the second time by {step.model_name}"
        else:
            flowing[place] = known[name]


def _edge(ensemble: str, source: _Tensor, sink: _Tensor) -> Iterator[str]:
    """Compare the two ends of an edge; an axis that varies fits any size."""
    if source.data_type != sink.data_type:
        yield (
            f"{ensemble}: {source.owner} is {type_name(source.data_type)}, {sink.owner} is "
            f"{type_name(sink.data_type)}"
        )
    fits = len(source.shape) == len(sink.shape) and all(
        a == b or -1 in (a, b) for a, b in zip(source.shape, sink.shape, strict=True)
    )
    if not fits:
        yield (
            f"{ensemble}: {source.owner} has shape {shape_text(source.shape)}, {sink.owner} has "
            f"{shape_text(sink.shape)}"
        )


def _client_texts(ensemble: str, config: ModelConfig) -> Iterator[str]:
    """Check that a client's text enters at one step.

    Malformed text (a length beyond the end) fails where it enters. Two steps that fail at once
    leave Triton 24.10 answering nothing any more.
    """
    for tensor in config.input:
        steps = [
            step.model_name
            for step in config.ensemble_scheduling.step
            if tensor.name in step.input_map.values()
        ]
        if tensor.data_type == TYPE_STRING and len(steps) > 1:
            yield (
                f"{ensemble}: {tensor.name} enters {' and '.join(steps)}; a malformed one would "
                "fail in both at once and hang the server"
            )


def _shared_steps(
    ensembles: Mapping[str, ModelConfig], configs: Mapping[str, ModelConfig]
) -> Iterator[str]:
    """Check that ensembles ask a cached step for the same outputs.

    Triton's cache key leaves the requested outputs out, so the first ensemble's choice would be
    what the second is answered with.
    """
    asked: dict[str, dict[tuple[str, ...], str]] = {}
    for ensemble, config in ensembles.items():
        for step in config.ensemble_scheduling.step:
            model = configs.get(step.model_name)
            if model is not None and model.response_cache.enable:
                outputs = tuple(sorted(step.output_map))
                asked.setdefault(step.model_name, {}).setdefault(outputs, ensemble)
    for model, choices in asked.items():
        if len(choices) > 1:
            which = "; ".join(f"{by} {', '.join(outputs)}" for outputs, by in choices.items())
            yield f"{model}: ensembles ask this cached step for different outputs: {which}"


def _tensors(config: ModelConfig, side: str) -> dict[str, _Tensor]:
    batch = (-1,) if config.max_batch_size > 0 else ()
    return {
        tensor.name: _Tensor(
            f"{config.name}'s {side} {tensor.name}", tensor.data_type, (*batch, *tensor.dims)
        )
        for tensor in getattr(config, side)
    }

"""Targets: where a release will run, and what its graphs have to keep there.

``export/targets/*.toml`` is the hand-written form; everything in it is checked when it is read.
"""

import tomllib
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from pintower.accelerators import Accelerator, TensorRTAccelerator
from pintower.assets import asset
from pintower.errors import InputError
from pintower.triton_releases import TritonRelease, load_triton_release, release_name
from pintower.whole_numbers import INT_MAX, SIZE_MAX

__all__ = [
    "GRAPHS",
    "Calibration",
    "Device",
    "Limits",
    "Precision",
    "Serving",
    "Target",
    "Threads",
    "load_target",
]

GRAPHS = ("query_encoder", "pin_encoder", "scorer")
"""The graphs of a student."""

_SERVED = ("query_encoder", "scorer")
"""Graphs that become Triton models; the pin encoder runs offline."""

_INSTANCES = ("tokenizer", "query_encoder", "pin_features", "scorer")
"""Triton models that run by themselves; ensembles have no instances."""

Device = Literal["cpu", "gpu"]

_Count = Annotated[int, Field(ge=1, le=INT_MAX)]
_Delay = Annotated[int, Field(ge=0, le=SIZE_MAX)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Precision = Literal["fp32", "fp16", "bf16", "int8-dynamic", "int8-static", "int8-mixed"]
"""How a graph's weights are stored and its products computed.

``bf16`` is stored in fp32 and multiplied in bfloat16, by OpenVINO: the pin encoder alone has it.
``int8-dynamic`` takes the range of activations from each batch as it comes; ``int8-static`` fixes
it beforehand, on real texts; ``int8-mixed`` is static with the most sensitive products in fp32.
"""


class Calibration(_Model):
    """What static int8 fixes its activation ranges on.

    Attributes:
        method: ``minmax``, ``percentile`` or ``entropy``.
        texts: how many of the 1,024 queries and pins that are frozen with a student.
        max_error: of a product's result, relative to its size (root mean square): the cheapest way
            to quantize a product within it is taken, the most exact one where none is.
    """

    method: Literal["minmax", "percentile", "entropy"] = "minmax"
    texts: int = Field(default=512, gt=0, le=1_024)
    max_error: float = Field(default=0.03, ge=0)


class Threads(_Model):
    """ONNX Runtime's threads for one model."""

    intra_op: _Count = 1
    inter_op: _Count = 1


class Serving(_Model):
    """How a release is served, where that is not as its target says: what a load was tuned to.

    Attributes:
        instances: of served models.
        threads: inside one operator, of served graphs.
        merge_queries: let the dynamic batcher put waiting queries together.
        queue_delay_us: microseconds that a query may wait for others to be merged with.
    """

    instances: dict[str, _Count] = {}
    threads: dict[str, _Count] = {}
    merge_queries: bool | None = None
    queue_delay_us: _Delay | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        for key, allowed in (("instances", _INSTANCES), ("threads", _SERVED)):
            if unknown := set(getattr(self, key)) - {*allowed}:
                names = ", ".join(sorted(unknown))
                raise ValueError(f"{key} is given for {names}; allowed: {', '.join(allowed)}")
        return self


class Limits(_Model):
    """What the gates allow.

    Attributes:
        encoder_max_abs: of an fp32 encoder against torch, any element of the unit vector.
        encoder_min_cosine: of a quantized encoder against torch, the worst text.
        batch_max_change: of a cosine of a text with a pin, when the text is embedded alone, in a
            batch or padded. Only where a server may batch.
        batch_max_flips: share of the pairs of pins in a text's top 8 that the same may swap.
        threads_max_change: of the same cosine, between thread counts.
        ndcg_max_loss: of nDCG@20 against the student in torch, as a share of it.
        language_ndcg_max_loss: the same of the language that loses most; None (contracts of earlier
            versions) sets no limit.
        top8_max_flips: share of the pairs of pins in a query's top 8 that may be swapped against
            the student in torch.
        scorer_max_abs: of the scorer's relevance score against torch.
        served_max_abs: of the served relevance score against the offline one, same graphs in the
            same ONNX Runtime.
        runtimes_min_cosine: of a query's embedding in the serving ONNX Runtime against the one the
            graph gates were measured in, the worst query.
    """

    encoder_max_abs: float
    encoder_min_cosine: float
    batch_max_change: float
    batch_max_flips: float
    threads_max_change: float
    ndcg_max_loss: float
    language_ndcg_max_loss: float | None = None
    top8_max_flips: float
    scorer_max_abs: float
    served_max_abs: float
    runtimes_min_cosine: float


class Target(_Model):
    """Where a release will run (``export/targets/*.toml``).

    Attributes:
        name: of the file.
        description: a line for people.
        device: what the query encoder runs on; the tokenizer and the look-up of pins never leave
            the CPU.
        accelerator: how ONNX Runtime uses the GPU, and for which models; of GPU targets alone.
        instruction_set: what the CPU should have, by the flags of ``/proc/cpuinfo``.
        triton: the Triton release that serves; a target's file names it.
        precision: of each graph. Several are tried in order; the first that passes its gates is
            taken.
        calibration: of static int8.
        threads: of each served model.
        instances: of each served model.
        max_batch_size: of tokenizer and query encoder.
        merge_queries: let the dynamic batcher put waiting queries together.
        queue_delay_us: microseconds that a query may wait for others to be merged with.
        limits: what the gates allow.
    """

    name: str
    description: str
    device: Device = "cpu"
    accelerator: Accelerator | None = None
    instruction_set: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], ...] = ()
    triton: TritonRelease
    precision: dict[str, tuple[Precision, ...]]
    calibration: Calibration = Calibration()
    threads: dict[str, Threads]
    instances: dict[str, _Count]
    max_batch_size: _Count
    merge_queries: bool
    queue_delay_us: _Delay = 0
    limits: Limits

    @field_validator("triton", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        """Take a release by its name."""
        name = release_name(value)
        return load_triton_release(name) if isinstance(name, str) else value

    @field_validator("precision", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """Take one precision as a list of one."""
        if not isinstance(value, dict):
            return value
        return {key: (item,) if isinstance(item, str) else item for key, item in value.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problem := next(self._problems(), None):
            raise ValueError(problem)
        return self

    def served_as(self, serving: Serving) -> "Target":
        """Return this target with some of its serving settings replaced.

        Raises:
            InputError: if they contradict the target.
        """
        threads = {
            name: Threads(intra_op=serving.threads.get(name, own.intra_op), inter_op=own.inter_op)
            for name, own in self.threads.items()
        }
        changes: dict[str, Any] = {
            "instances": {**self.instances, **serving.instances},
            "threads": threads,
        }
        for key in ("merge_queries", "queue_delay_us"):
            if (value := getattr(serving, key)) is not None:
                changes[key] = value
        changed = self.model_copy(update=changes)
        if problem := next(changed._problems(), None):
            raise InputError(
                f"These serving settings do not fit target {self.name}: {problem}. Change "
                "repository.serving, or tune again."
            )
        return changed

    def with_pins_in(self, precisions: tuple[Precision, ...]) -> "Target":
        """Return this target with another list of precisions for the pin encoder, not empty."""
        return self.model_copy(update={"precision": {**self.precision, "pin_encoder": precisions}})

    def device_of(self, model: str) -> Device:
        """Return what a served model runs on."""
        on_gpu = self.accelerator is not None and model in self.accelerator.models
        return "gpu" if on_gpu else "cpu"

    @property
    def cached_model(self) -> str:
        """The Triton model that has a response cache.

        The cache takes tensors in CPU memory only, so on a GPU it is not the query encoder but an
        ensemble around it that ends on the CPU.
        """
        on_cpu = self.device_of("query_encoder") == "cpu"
        return "query_encoder" if on_cpu else "cached_query_encoder"

    def _problems(self) -> Iterator[str]:
        """Yield what one part of a target says against another."""
        sections = (("precision", GRAPHS), ("threads", _SERVED), ("instances", _INSTANCES))
        for key, wanted in sections:
            if set(given := getattr(self, key)) != set(wanted):
                yield f"{key} is given for {', '.join(given)}; wanted: {', '.join(wanted)}"
        for name in ("query_encoder", "pin_encoder"):
            if not self.precision[name]:
                yield f"precision.{name} is empty; name at least one"
        if (given := self.precision["scorer"]) != ("fp32",):
            yield f"precision.scorer is {list(given)}; allowed is 'fp32'"
        if self.merge_queries and self.max_batch_size == 1:
            yield "merge_queries is true, and max_batch_size 1 lets nothing be merged"
        if self.queue_delay_us and not self.merge_queries:
            yield f"queue_delay_us is {self.queue_delay_us}, and merge_queries is false"
        if (self.device == "gpu") != (self.accelerator is not None):
            what = "needs" if self.accelerator is None else "takes no"
            yield f"device {self.device!r} {what} [accelerator]"
        if self.accelerator is None:
            return
        for name in self.accelerator.models:
            if name not in _SERVED:
                yield f"accelerator.models has {name!r}; allowed: {', '.join(_SERVED)}"
        if isinstance(self.accelerator, TensorRTAccelerator):
            largest = self.accelerator.profile.max
            if largest < self.max_batch_size:
                yield (
                    f"accelerator.profile.max is {largest}, below max_batch_size "
                    f"{self.max_batch_size}; a larger batch would have the engine built again"
                )


def load_target(name: str, triton: str | None = None) -> Target:
    """Read ``export/targets/<name>.toml``.

    Args:
        name: of the target.
        triton: the Triton release to build for; None takes the one that the target names.

    Raises:
        InputError: if there is no such target or release, or it says what cannot be.
    """
    folder = asset("export", "targets")
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise InputError(f"Unknown target {name!r}; allowed: {known}.")
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        return Target.model_validate(values if triton is None else {**values, "triton": triton})
    except ValidationError as error:
        lines = "\n".join(
            f"  {'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors()
        )
        raise InputError(f"{path} is not a target:\n{lines}") from None

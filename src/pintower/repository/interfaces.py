"""What every Triton model of a release takes and gives, derived from the contract.

    tokenizer ─▶ query_encoder ─▶ scorer      relevance, relevance_from_embeddings
        └──────▶ pin_features ──────┘          relevance
    tokenizer ─▶ query_encoder                 query_embedding

On a GPU an ensemble of two stands in the query encoder's place, for the response cache's sake:

    query_encoder ─▶ embedding_to_cpu          cached_query_encoder

A client's query enters at one step alone. Where two steps of an ensemble take it and it is
malformed, both fail at once, and Triton 24.10 answers no request of any model from then on.

The graphs' tensors are the contract's own; what python steps and ensembles take and give is either
one of those or one of the two texts that enter from outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pintower.contracts import Contract, Dim, Tensor

__all__ = [
    "PYTHON_MODELS",
    "SERVED_GRAPHS",
    "TEXT_MODELS",
    "Interface",
    "Step",
    "ensembles",
    "interfaces",
]

TEXT_MODELS = ("tokenizer", "pin_features")
"""Python models that carry the library's text package."""

PYTHON_MODELS = (*TEXT_MODELS, "embedding_to_cpu")
SERVED_GRAPHS = ("query_encoder", "scorer")

QUERY = Tensor(name="QUERY", dtype="BYTES", shape=("batch", 1))
TEXT = Tensor(name="TEXT", dtype="BYTES", shape=("batch", 1))
"""The query in its normal form."""
PIN_IDS = Tensor(name="PIN_IDS", dtype="BYTES", shape=("pins",))


@dataclass(frozen=True)
class Interface:
    """A model's tensors, at their whole shapes.

    Attributes:
        inputs: in order.
        outputs: in order.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def batched(self) -> bool:
        """Whether queries are the first axis of every tensor (``max_batch_size`` above 0)."""
        return all(tensor.shape[0] == "batch" for tensor in (*self.inputs, *self.outputs))


@dataclass(frozen=True)
class Step:
    """One step of an ensemble.

    Attributes:
        model: the composing model's name.
        inputs: its inputs' names to the ensemble's tensors.
        outputs: its outputs' names to the ensemble's tensors.
    """

    model: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


# Ensembles that share a cached step map the same outputs of it: Triton's cache key leaves the
# requested outputs out, so a step must be asked for the same ones everywhere.
_TOKENIZE = Step(
    "tokenizer",
    {"QUERY": "QUERY"},
    {"INPUT_IDS": "INPUT_IDS"},
)
_TOKENIZE_AND_TELL = Step("tokenizer", _TOKENIZE.inputs, {**_TOKENIZE.outputs, "TEXT": "TEXT"})
_ENCODE = Step(
    "query_encoder",
    {"INPUT_IDS": "INPUT_IDS"},
    {"EMBEDDING": "EMBEDDING"},
)
_LOOK_UP = Step(
    "pin_features",
    {"TEXT": "TEXT", "PIN_IDS": "PIN_IDS"},
    {"PIN_EMBEDDINGS": "PIN_EMBEDDINGS", "MATCH_FEATURES": "MATCH_FEATURES"},
)
_SCORE = Step(
    "scorer",
    {
        "QUERY_EMBEDDING": "EMBEDDING",
        "PIN_EMBEDDINGS": "PIN_EMBEDDINGS",
        "MATCH_FEATURES": "MATCH_FEATURES",
    },
    {"PROBABILITIES": "PROBABILITIES", "SCORE": "SCORE", "VALID": "VALID"},
)

_ENCODE_ON_GPU = Step(
    "query_encoder", {"INPUT_IDS": "INPUT_IDS"}, {"EMBEDDING": "EMBEDDING_ON_GPU"}
)
_TO_CPU = Step(
    "embedding_to_cpu", {"EMBEDDING_ON_GPU": "EMBEDDING_ON_GPU"}, {"EMBEDDING": "EMBEDDING"}
)


def ensembles(contract: Contract) -> dict[str, tuple[Step, ...]]:
    """Return each ensemble's steps, in order; ensembles that are steps of others come first."""
    cached = contract.target.cached_model
    encode, on_gpu = replace(_ENCODE, model=cached), _ENCODE_ON_GPU
    if contract.symbols["Q"]:
        encode = replace(encode, inputs={**encode.inputs, "FEATURES": "QUERY_FEATURES"})
        on_gpu = replace(on_gpu, inputs={**on_gpu.inputs, "FEATURES": "FEATURES"})
    return {
        **({cached: (on_gpu, _TO_CPU)} if cached != "query_encoder" else {}),
        "relevance": (_TOKENIZE_AND_TELL, encode, _LOOK_UP, _SCORE),
        "relevance_from_embeddings": (_TOKENIZE, encode, _SCORE),
        "query_embedding": (_TOKENIZE, encode),
    }


def interfaces(contract: Contract) -> dict[str, Interface]:
    """Return every model's interface, composing models before the ensembles."""
    encoder, scorer = (contract.graphs[name] for name in SERVED_GRAPHS)
    of_scorer = {tensor.name: tensor for tensor in (*scorer.inputs, *scorer.outputs)}
    pins = (of_scorer["PIN_EMBEDDINGS"], of_scorer["MATCH_FEATURES"])
    queries = (QUERY, *_query_features(contract))
    query = tuple(_at(tensor, {"batch": 1}) for tensor in queries)
    (embedding,) = encoder.outputs
    on_gpu = embedding.model_copy(update={"name": "EMBEDDING_ON_GPU"})
    around = {
        "embedding_to_cpu": Interface((on_gpu,), encoder.outputs),
        contract.target.cached_model: Interface(encoder.inputs, encoder.outputs),
    }
    return {
        "tokenizer": Interface((QUERY,), (*encoder.inputs, TEXT)),
        "query_encoder": Interface(encoder.inputs, encoder.outputs),
        **(around if contract.target.cached_model != "query_encoder" else {}),
        "pin_features": Interface((_at(TEXT, {"batch": 1}), PIN_IDS), pins),
        "scorer": Interface(scorer.inputs, scorer.outputs),
        "relevance": Interface((*query, PIN_IDS), scorer.outputs),
        "relevance_from_embeddings": Interface((*query, *pins), scorer.outputs),
        "query_embedding": Interface(queries, encoder.outputs),
    }


def _query_features(contract: Contract) -> tuple[Tensor, ...]:
    """Return what a client brings of a query beside its text, if the query encoder takes any."""
    width = contract.symbols["Q"]
    if not width:
        return ()
    return (Tensor(name="QUERY_FEATURES", dtype="FP32", shape=("batch", width)),)


def _at(tensor: Tensor, sizes: Mapping[str, int]) -> Tensor:
    """Return a tensor with some of its varying axes fixed."""
    shape: tuple[Dim, ...] = tuple(sizes.get(str(dim), dim) for dim in tensor.shape)
    return tensor.model_copy(update={"shape": shape})

"""What a recipe may say: a section a stage, and a stage reads nothing but its own.

Unknown keys are refused, so a misspelt key can't be ignored in silence.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pintower.targets import Precision, Serving
from pintower.triton_releases import ReleaseName

__all__ = [
    "AUTO",
    "ENCODERS",
    "BenchConfig",
    "ChangeRule",
    "DataConfig",
    "EvaluationConfig",
    "ExportConfig",
    "LabelsConfig",
    "PinsConfig",
    "Recipe",
    "ReportConfig",
    "RepositoryConfig",
    "StudentConfig",
    "SyntheticConfig",
    "TeacherConfig",
]

AUTO = "auto"
"""Stands for an encoder that knows the languages of the dataset."""
ENCODERS = {
    "teacher": ("encoder", "similarity_encoder"),
    "student": ("query_encoder", "pin_encoder"),
}
"""The keys that name an encoder, by section."""

PinSource = Literal["title", "description", "caption", "board_titles", "engaged_queries"]
PinSources = Annotated[tuple[PinSource, ...], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Rate = Annotated[float, Field(gt=0)]
Depth = Literal["projections", "query", "last", "all"]
LossName = Literal["cross_entropy", "pairwise", "margin_mse"]
Losses = Annotated[dict[LossName, Rate], Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SyntheticConfig(_Section):
    """The built-in catalogue's size."""

    pins: Annotated[int, Field(ge=50)] = 20_000
    queries: Annotated[int, Field(ge=10)] = 2_000
    judged_queries: Annotated[int, Field(ge=5)] = 400
    judgments_per_query: Positive = 20
    impressions_per_judgment: Positive = 50
    log_requests: Positive = 50_000


class DataConfig(_Section):
    """Where the data comes from and how it is split.

    Attributes:
        path: a dataset folder of the user's; without it the built-in catalogue is generated.
        requires_path: refuse to run on the built-in catalogue; set where a recipe is about one
            dataset.
        name: shown in reports; without it the dataset folder's name.
        seed: for the generator and the split.
        feature_columns: columns of precomputed vectors; None takes every list-of-floats column.
        validation_share: share of the judged queries for validation.
        test_share: share of the judged queries held out for the evaluation.
        judgments_required: False lets a dataset folder hold pins alone, to build a repository.
        synthetic: size of the built-in catalogue.
    """

    path: Path | None = None
    requires_path: bool = False
    name: str | None = None
    seed: Seed = 7
    feature_columns: tuple[str, ...] | None = None
    validation_share: Share = 0.1
    test_share: Share = 0.2
    judgments_required: bool = True
    synthetic: SyntheticConfig = SyntheticConfig()


class TeacherConfig(_Section):
    """The cross-encoder and its fine-tuning on human levels.

    Attributes:
        encoder: any Hugging Face backbone: folder, hub name or installed package.
        layers: keep only the first layers; None keeps all.
        similarity_encoder: an encoder as it is, whose cosine and the match features the teacher
            starts from, fitted to the judgments; the network only adds to that.
        max_length: tokens of query and pin together.
        pin_sources: the pin's text sources it reads, in order; what is cut off is cut at the end.
        pairs: at most this many training judgments, drawn at random; None takes all.
        dropout: while training; None keeps the backbone's own. 0 suits one or two epochs.
        losses: as the student's.
        epochs: passes over the training judgments.
        checks: how often, evenly over the steps, nDCG@20 on held-out queries is measured; the
            weights that did best are kept.
        patience: checks in turn without a better one, after which training stops.
        batch_size: pairs a step.
        learning_rate: peak of the linear schedule, of the backbone.
        head_learning_rate: of the classification layer, which starts from nothing.
        layer_decay: each layer of the backbone learns so many times as fast as the next one; 1
            gives one rate to all.
        warmup_share: share of the steps spent warming up.
        seed: for initialization and order.
        bf16: train and score under bfloat16 autocast, where the device has it.
    """

    encoder: str = "all-MiniLM-L6-v2"
    layers: Positive | None = None
    similarity_encoder: str = "all-MiniLM-L6-v2"
    max_length: Positive = 64
    pin_sources: PinSources = get_args(PinSource)
    pairs: Positive | None = None
    dropout: Share | None = None
    losses: Losses = {"cross_entropy": 1.0, "pairwise": 1.0}
    epochs: Positive = 2
    checks: Positive = 6
    patience: Positive = 3
    batch_size: Positive = 16
    learning_rate: Rate = 5e-5
    head_learning_rate: Rate = 1e-3
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    warmup_share: Share = 0.1
    seed: Seed = 7
    bf16: bool = True


class LabelsConfig(_Section):
    """How many impressions the teacher labels.

    Attributes:
        pairs: sampled query-pin pairs (fewer when the log has fewer).
        max_per_query: at most this many pairs a query, so that head queries don't fill the sample.
        batch_size: pairs scored at once.
        shard_size: pairs a shard; a killed run loses at most one shard.
        force: label with a teacher that beats no baseline on its held-out queries too.
        seed: for the sample.
    """

    pairs: Positive = 100_000
    max_per_query: Positive = 64
    batch_size: Positive = 128
    shard_size: Positive = 4_096
    force: bool = False
    seed: Seed = 7


class StudentConfig(_Section):
    """Both towers, the scoring head and their training.

    Attributes:
        method: ``distil`` starts from the encoder and the match features, fitted to what judgments
            there are, and trains away from there on judgments and the teacher's labels, as far as
            held-out queries say that it pays; ``encoder`` stays at that start and needs no teacher.
            Layers, width and the training's keys then count for nothing.
        query_encoder: backbone of the query encoder; with ``encoder`` that of both towers.
        query_layers: keep only its first layers; None keeps all.
        pin_encoder: backbone of the pin encoder.
        pin_layers: as ``query_layers``.
        width: of the embeddings both towers share; None takes the encoder's own.
        widths: narrower widths that are trained at once with it: the first so many numbers of an
            embedding are one of their own, with a scoring head of their own.
        hidden: widths of the hidden layers of a scoring head over both whole embeddings, which is
            tried where there are very many judgments.
        pooling: of the tokens; None takes the encoder's own, or the mean where it states none.
        query_prefix: put before every query; None takes what the encoder's own files state.
        pin_prefix: put before every pin text; None as for ``query_prefix``.
        pin_sources: the pin's text sources, in order; what is cut off is cut at the end.
        query_max_tokens: longer queries are cut, special tokens included; with ``encoder`` the
            prefix's tokens come on top. None, with ``encoder`` where nothing is said, takes 128.
        pin_max_tokens: longer pin texts are cut, likewise; None takes what the encoder's own files
            state as its longest input, prefix included.
        source_max_chars: each text source of a pin is cut to so many characters; None takes 16 for
            each of the pin's tokens.
        trained_pin_tokens: of a pin text that training reads, at most, where it trains the pin
            encoder, 16 or more; None reads ``pin_max_tokens``. What is held out is always read as
            it is served.
        depths: what may be trained: ``projections`` of both towers; all of the ``query`` encoder;
            the ``last`` third of both encoders' layers; ``all``. Each is tried, in this order, the
            scoring head with it, and the best is taken; the first with soft labels and without,
            the others as did better there.
        trials: further ones, at learning rates that Optuna draws.
        losses: weight of each: ``cross_entropy`` to the levels' probabilities, the ``pairwise``
            order of a query's pins, ``margin_mse`` between their expected levels.
        temperature: of the soft labels; above 1 flattens them.
        pairs: an epoch, at most; where there are more, each epoch draws its own queries.
        epochs: passes over the pairs.
        batch_size: pairs a step.
        learning_rate: of the encoders.
        head_learning_rate: of projections and scoring head.
        human_share: of the pairs of an epoch that human levels make up beside soft labels.
        seed: for folds, search and order.
        bf16: train under bfloat16 autocast, where the device has it.
    """

    method: Literal["distil", "encoder"] = "distil"
    query_encoder: str = "all-MiniLM-L6-v2"
    query_layers: Positive | None = None
    pin_encoder: str = "all-MiniLM-L6-v2"
    pin_layers: Positive | None = None
    width: Positive | None = None
    widths: tuple[Positive, ...] = ()
    hidden: tuple[Positive, ...] = (128, 64)
    pooling: Literal["mean", "cls", "lasttoken"] | None = None
    query_prefix: str | None = None
    pin_prefix: str | None = None
    pin_sources: PinSources = get_args(PinSource)
    query_max_tokens: Positive | None = 32
    pin_max_tokens: Positive | None = 64
    source_max_chars: Positive | None = 256
    trained_pin_tokens: Annotated[int, Field(ge=16)] | None = None
    depths: Annotated[tuple[Depth, ...], Field(min_length=1)] = ("projections", "all")
    trials: Annotated[int, Field(ge=0)] = 0
    losses: Losses = {"cross_entropy": 1.0, "pairwise": 1.0}
    temperature: Rate = 1.0
    pairs: Positive = 40_000
    epochs: Positive = 2
    batch_size: Positive = 32
    learning_rate: Rate = 2e-5
    head_learning_rate: Rate = 1e-4
    human_share: Share = 0.2
    seed: Seed = 7
    bf16: bool = True

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """Fill in what follows from taking an encoder as it is."""
        if isinstance(values, dict) and values.get("method") == "encoder":
            given = {"query_encoder": cls.model_fields["query_encoder"].default, **values}
            stated = dict.fromkeys(("query_max_tokens", "pin_max_tokens", "source_max_chars"))
            return {"pin_encoder": given["query_encoder"], **stated, **given}
        return values

    @model_validator(mode="after")
    def _stated_lengths(self) -> Self:
        lengths = (self.query_max_tokens, self.pin_max_tokens, self.source_max_chars)
        if self.method == "distil" and None in lengths:
            raise ValueError(
                "method 'distil' takes query_max_tokens, pin_max_tokens and source_max_chars as "
                "numbers; what the encoder's own files state is for method 'encoder'"
            )
        return self

    @model_validator(mode="after")
    def _narrower_widths(self) -> Self:
        given = list(self.widths)
        if len(set(given)) < len(given):
            raise ValueError(f"widths {given} names a width twice; give each once")
        if self.width is not None and (wide := [w for w in given if w >= self.width]):
            raise ValueError(
                f"widths {given} holds {max(wide)}, and width is {self.width}; give widths from 1 "
                f"to {self.width - 1}, or leave widths out"
            )
        return self

    @model_validator(mode="after")
    def _one_encoder(self) -> Self:
        if self.method == "encoder" and self.pin_encoder != self.query_encoder:
            raise ValueError(
                f"method 'encoder' takes one encoder for both towers, but query_encoder is "
                f"{self.query_encoder!r} and pin_encoder {self.pin_encoder!r}; leave pin_encoder "
                "out"
            )
        return self


class EvaluationConfig(_Section):
    """The evaluation on held-out queries.

    Attributes:
        bootstrap: resamples of the queries for the confidence intervals.
        confidence: of the intervals.
        seed: for the resampling.
    """

    bootstrap: Positive = 1_000
    confidence: Share = 0.95
    seed: Seed = 7


class ExportConfig(_Section):
    """The graphs to build.

    Attributes:
        target: a file of ``export/targets``, without its ending.
        triton: the Triton release to build for, a file of ``export/triton``; None takes the one
            that the target names.
        pin_precision: of the pin encoder, tried in order; None takes the target's list. ``bf16``
            needs OpenVINO and a CPU with products in bfloat16.
        parity_texts: real texts on which graph and torch are compared.
        ranking_queries: judged queries, at most, on which their rankings are; a language that has
            fewer than 20 among them is measured on its first 20 beside.
        allow: names of gates that may fail; they are marked as overruled.
        target_runtime: load each graph in the ONNX Runtime of the target's Triton release, in a
            server environment that is installed when it is missing; without it that is left
            unmeasured.
        seed: for the sample of texts.
    """

    target: str = "cpu-int8-static"
    triton: ReleaseName | None = None
    pin_precision: Annotated[tuple[Precision, ...], Field(min_length=1)] | None = None
    parity_texts: Positive = 200
    ranking_queries: Positive = 300
    allow: tuple[str, ...] = ()
    target_runtime: bool = True
    seed: Seed = 7


class ChangeRule(_Section):
    """Which changes of a pin are meaningful: it is embedded again after such a one only.

    A pin whose text, as the pin encoder sees it, and whose feature vectors are the same is never
    embedded again, whatever the rule.

    Attributes:
        ignored_sources: text sources whose changes alone do not count.
        fold_text: changes of case, punctuation and blanks do not count.
        vector_tolerance: distance between a pin's feature vectors and those that its embedding was
            made from, as a share of the latter's length, up to which they count as the same.
    """

    ignored_sources: tuple[PinSource, ...] = ()
    fold_text: bool = False
    vector_tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class PinsConfig(_Section):
    """The offline embedding of the catalogue.

    Attributes:
        batch_tokens: token budget of a batch, padding included; None takes 512, for a
            pin encoder in bf16 and with ``torch`` 2,048, on a GPU 65,536.
        chunk: pins that are embedded and committed together; a killed run loses at most one chunk.
        runtime: ``onnx`` runs the exported graph, whose gates were measured, on the CPU; ``torch``
            the student's own encoder, in bfloat16 where that is at hand, on a GPU if there is one.
        threads: batches that are embedded side by side, a thread each; 0 takes every core.
        changes: which changes count.
        precision: of the snapshot's embeddings; the first that moves no score by more than
            ``max_score_error`` is taken.
        max_score_error: in levels, against embeddings in fp32.
        max_deleted: share of the store's pins that an update may delete; a catalogue that lacks
            more is taken for an incomplete one.
        store: folder or address of the pin store; without it ``pin_store`` in the work folder.
    """

    batch_tokens: Positive | None = None
    runtime: Literal["onnx", "torch"] = "onnx"
    chunk: Positive = 8_192
    threads: Annotated[int, Field(ge=0)] = 0
    changes: ChangeRule = ChangeRule()
    precision: Annotated[tuple[Literal["fp32", "fp16", "int8"], ...], Field(min_length=1)] = (
        "fp32",
    )
    max_score_error: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05
    max_deleted: Annotated[float, Field(ge=0, le=1)] = 0.1
    store: str | None = None


class RepositoryConfig(_Section):
    """The Triton model repository and its served gates.

    Attributes:
        pairs: query-pin pairs scored through the server and offline for the parity gate.
        golden_queries: queries whose scores ``release.json`` keeps.
        cache_bytes: Triton's local response cache.
        candidates: pins a gate request carries.
        seed: for the sample of pairs.
        served_gates: start the local server and measure; without it the release stays ungated.
        allow: names of served gates that may fail; they are marked as overruled.
        serving: instances, threads and merging, where they are not the target's; `pintower tune`
            finds them for a load.
    """

    pairs: Positive = 1_000
    golden_queries: Positive = 20
    cache_bytes: Positive = 64 * 1024 * 1024
    candidates: Positive = 20
    seed: Seed = 7
    served_gates: bool = True
    allow: tuple[str, ...] = ()
    serving: Serving = Serving()


class BenchConfig(_Section):
    """The load sent to the served ensemble.

    Attributes:
        requests: requests of the log replayed, in arrival order, once.
        candidates: pins a request carries.
        concurrency: requests in flight, one measurement each.
        warmup: requests before the first measurement, none of them measured again.
        rounds: how often all is measured; from three on two results can be compared.
    """

    requests: Positive = 2_000
    candidates: Positive = 100
    concurrency: tuple[Positive, ...] = (1, 4)
    warmup: Positive = 100
    rounds: Positive = 1


class ReportConfig(_Section):
    """The page.

    Attributes:
        examples: queries shown with their rankings.
        plan: what ``pintower plan`` was given as ``--out``; its plot is shown then.
    """

    examples: Positive = 8
    plan: Path | None = None


class Recipe(_Section):
    """One run: a section a stage.

    Attributes:
        name: of the run.
        encoder: of the teacher, its start and both towers, where their sections name none;
            ``auto``, there or here, takes one that knows the dataset's languages
            (:mod:`pintower.encoder_choice`).
        until: the last stage.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    encoder: str = "all-MiniLM-L6-v2"
    until: Literal[
        "data", "teacher", "labels", "student", "evaluation", "export", "pins", "repository",
        "bench", "report",
    ] = "report"  # fmt: skip
    data: DataConfig = DataConfig()
    teacher: TeacherConfig = TeacherConfig()
    labels: LabelsConfig = LabelsConfig()
    student: StudentConfig = StudentConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    export: ExportConfig = ExportConfig()
    pins: PinsConfig = PinsConfig()
    repository: RepositoryConfig = RepositoryConfig()
    bench: BenchConfig = BenchConfig()
    report: ReportConfig = ReportConfig()

    @model_validator(mode="before")
    @classmethod
    def _fill_in_encoder(cls, values: Any) -> Any:
        """Put the recipe's encoder where a section names none."""
        if not isinstance(values, dict) or "encoder" not in values:
            return values
        filled = dict(values)
        for section, keys in ENCODERS.items():
            given = values.get(section, {})
            if isinstance(given, dict):
                # Of an encoder taken as it is, the pins' is the queries'.
                open_keys = keys[:1] if given.get("method") == "encoder" else keys
                filled[section] = {**dict.fromkeys(open_keys, values["encoder"]), **given}
        return filled

    def open_encoders(self) -> dict[str, list[str]]:
        """Return the keys that leave an encoder to the data, by section; none where none is open.

        A section that has no such key is left out.
        """
        found = {
            section: [key for key in keys if getattr(getattr(self, section), key) == AUTO]
            for section, keys in ENCODERS.items()
        }
        return {section: keys for section, keys in found.items() if keys}

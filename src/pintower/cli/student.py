"""``pintower student``: student folders without a training run."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from pintower.artifacts import hash_json, read_json, write_folder
from pintower.cli.datasets import data_folder
from pintower.cli.narrow import narrow
from pintower.cli.output import print_json, stderr, stdout
from pintower.cli.students import Replace, require_free
from pintower.config import DataConfig, StudentConfig, SyntheticConfig
from pintower.errors import InputError
from pintower.pipeline import require_own

__all__ = ["student"]

student = typer.Typer(no_args_is_help=True, help="Make student folders without a training run.")

_STUDENTS = Path("artifacts") / "students"

_FAR = 0.98
"""Mean cosine of held-out queries below which a cut is warned of."""

_BUILT_IN = SyntheticConfig(
    pins=2_000, queries=200, judged_queries=50, judgments_per_query=10,
    impressions_per_judgment=40, log_requests=1_000,
)  # fmt: skip
"""The catalogue whose texts stand in where no dataset is given."""


student.command("narrow")(narrow)


@student.callback()
def _group() -> None:
    """Make student folders without a training run."""


@student.command("from-encoder")
def from_encoder(
    name: Annotated[
        str, typer.Argument(help="A Hugging Face or sentence-transformers encoder: folder or name.")
    ],
    dataset: Annotated[
        Path | None,
        typer.Option(help="Dataset folder: its judgments fit the levels, without any its texts."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Student folder; artifacts/students/<name> without it.")
    ] = None,
    pooling: Annotated[
        Literal["mean", "cls", "lasttoken"] | None,
        typer.Option(help="Pooling of the tokens; the encoder's own without it."),
    ] = None,
    query_prefix: Annotated[
        str | None, typer.Option(help="Before every query; the encoder's own prompt without it.")
    ] = None,
    pin_prefix: Annotated[
        str | None, typer.Option(help="Before every pin; the encoder's own prompt without it.")
    ] = None,
    query_max_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of a query, its prefix aside; 128 without it."),
    ] = None,
    pin_max_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="Tokens of a pin, its prefix aside; what the encoder takes without it."
        ),
    ] = None,
    source_max_chars: Annotated[
        int | None,
        typer.Option(min=1, help="Characters of each text source of a pin; 16 a token without it."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="For samples, folds and initialization.")
    ] = 7,
    replace: Replace = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a student of an encoder as it is: both towers are the encoder, nothing is trained.

    The scoring head is fitted to the dataset's judgments; without any, the cosine is calibrated to
    the five levels on the pins' own texts.
    """
    label = os.path.basename(os.path.abspath(Path(name).expanduser()))
    folder = out or _STUDENTS / label
    require_own(folder, "student")
    config = StudentConfig(
        method="encoder", query_encoder=name, pooling=pooling, query_prefix=query_prefix,
        pin_prefix=pin_prefix, query_max_tokens=query_max_tokens, pin_max_tokens=pin_max_tokens,
        source_max_chars=source_max_chars, seed=seed,
    )  # fmt: skip
    key = hash_json({"student": config.model_dump(mode="json"), "dataset": str(dataset)})
    require_free(folder, key, replace)
    made = _make(config, dataset, folder, key)
    given = ["--dataset", str(dataset or "DIR"), "--out", str(_build_folder(folder))]
    after = shlex.join(["pintower", "build", str(folder), *given])
    if as_json:
        print_json({"student": str(folder), **made, "next": after})
        return
    _print(made, folder, dataset)
    stdout.print("Export it, embed the pins and build what Triton serves:")
    stdout.print(f"  {after}", soft_wrap=True)  # one line, to be copied


def _build_folder(student: Path) -> Path:
    """Return a folder for the build of a student that no other student is suggested."""
    if student.parent == _STUDENTS:
        return _STUDENTS.parent / student.name
    return student.with_name(f"{student.name}-build")


def _make(config: StudentConfig, dataset: Path | None, folder: Path, key: str) -> dict[str, Any]:
    """Run the data stage on the side, then the student stage; return ``training.json``."""
    from pintower import student as stage
    from pintower.data import prepare
    from pintower.data.calibration import CALIBRATION
    from pintower.data.tables import JUDGMENTS, empty
    from pintower.models.pretrained import pretrained_folder

    pretrained_folder(config.query_encoder)  # an unknown one is refused before anything is read
    read = DataConfig(
        path=dataset, seed=config.seed, judgments_required=False, validation_share=0.0,
        test_share=0.0, synthetic=_BUILT_IN,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="pintower-") as temporary:
        data = Path(temporary)
        prepare.run(read, {}, data)
        if dataset is None:  # what the generator calls a judgment is no person's
            empty(JUDGMENTS).write_parquet(data / f"{JUDGMENTS}.parquet")
            shutil.rmtree(data / CALIBRATION)  # a build draws it from the user's own texts
        info: dict[str, Any] = {}
        with write_folder(folder, stage="student", key=key, info=info) as partial:
            info.update(stage.run(config, {"data": data}, partial))
    made: dict[str, Any] = read_json(folder / "training.json")
    return made


def _print(made: Mapping[str, Any], folder: Path, dataset: Path | None) -> None:
    sides = [f"{side} prefix {made[f'{side}_prefix']!r}" for side in ("query", "pin")]
    prefixed = [text for text in sides if not text.endswith("''")] or ["no prefixes"]
    told = [f"{made['width']} wide", f"{made['pooling']} pooling", made["similarity"], *prefixed]
    stdout.print(f"{folder}: both towers are {made['query_encoder']} ({', '.join(told)}).")
    _print_cuts(made, dataset)
    if made["calibrated_on"] == "judgments":
        stdout.print(
            f"Scoring head {made['head']!r}, fitted to {made['pairs']:,} judgments of "
            f"{made['queries']:,} queries; cross-validated by query:"
        )
        stdout.print(_table(made["cross_validation"], made["head"]))
        return
    source = "the dataset" if dataset else "the built-in catalogue"
    stdout.print(
        "It ranks as the encoder does. Its five levels are an approximation, read off the texts of "
        f"{made['pins']} pins of {source}."
    )
    if dataset is None:
        stdout.print("Give --dataset DIR for texts, and judgments, of your own.")


def _print_cuts(made: Mapping[str, Any], dataset: Path | None) -> None:
    """Say where texts are cut, and what that takes of the dataset's."""
    stdout.print(
        f"Queries are cut at {made['query_max_tokens']:,} tokens; pins at "
        f"{made['pin_max_tokens']:,} tokens, each text source at {made['source_max_chars']:,} "
        "characters."
    )
    for kind, cuts in made["cuts"].items() if dataset is not None else ():
        drawn = "" if cuts["looked_at"] == cuts["texts"] else f" looked at, of {cuts['texts']:,},"
        lost = (
            f", and lose {cuts['lost_of_cut']:.1%} of their text ({cuts['lost']:.1%} of all); the "
            f"longest has {cuts['longest']:,} tokens"
        )
        stdout.print(
            f"  {cuts['cut']:,} of {cuts['looked_at']:,} {kind}{drawn} are cut"
            f"{lost if cuts['cut'] else ''}. {_unknown(cuts['unknown'])}."
        )


def _unknown(found: Mapping[str, Any]) -> str:
    """Say what of the tokens is unknown, by language where several are."""
    shares = [f"{name} {share:.1%}" for name, share in found["languages"].items()]
    told = f" ({', '.join(shares)})" if len(shares) > 1 else ""
    return f"Of their tokens {found['share']:.1%} are unknown to the tokenizer{told}"


def _table(measured: Mapping[str, Any], taken: str) -> Table:
    table = Table("head", "log loss", "nDCG@20", "over the cosine", "over BM25")
    for name, row in measured["heads"].items():
        table.add_row(
            f"{name} (taken)" if name == taken else name,
            f"{row['log_loss']['value']:.3f}",
            f"{row['ndcg@20']['value']:.3f}",
            *(_gain(row["differences"][baseline]) for baseline in ("cosine", "bm25")),
        )
    for name, row in measured["baselines"].items():
        table.add_row(f"without a head: {name}", "", f"{row['ndcg@20']['value']:.3f}", "", "")
    return table


def _gain(estimate: Mapping[str, float]) -> str:
    value, low, high = (f"{estimate[key]:+.3f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


@student.command("cut")
def cut(
    source: Annotated[Path, typer.Argument(metavar="STUDENT", help="A student folder.")],
    dataset: Annotated[
        Path, typer.Option(help="Its dataset folder, or the data/ folder of the run that made it.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Student folder; named after the student without it.")
    ] = None,
    layers: Annotated[
        int | None, typer.Option(help="Layers the query encoder is to keep; all without it.")
    ] = None,
    vocabulary: Annotated[
        bool,
        typer.Option(
            "--vocabulary", help="Keep only the pieces that queries, titles and boards need."
        ),
    ] = False,
    steps: Annotated[int, typer.Option(min=1, help="Training steps, 256 texts each.")] = 600,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="For the training texts.")] = 7,
    bf16: Annotated[bool, typer.Option(help="Train under bfloat16 autocast.")] = True,
    replace: Replace = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a student whose query encoder is smaller and gives the same embeddings.

    A query's time is nearly proportional to the layers, the file's size hangs on the vocabulary.
    Pins, scoring head and rendering stay as they are; `pintower plan` tells what a cut costs in
    nDCG.
    """
    if layers is None and not vocabulary:
        raise InputError("There is nothing to cut: give --layers N, --vocabulary, or both.")
    from dataclasses import asdict

    from pintower.models.cutting import cut_student
    from pintower.models.layout import StudentLayout

    StudentLayout(source).require()
    fewer = [] if layers is None else [f"{layers}layers"]
    name = "-".join([source.name, *fewer, *(["vocabulary"] if vocabulary else [])])
    folder = out or source.with_name(name)
    require_own(folder, "student")
    settings: dict[str, Any] = {
        "layers": layers, "vocabulary": vocabulary, "steps": steps, "seed": seed, "bf16": bf16,
    }  # fmt: skip
    key = hash_json({**settings, "source": str(source), "dataset": str(dataset)})
    require_free(folder, key, replace)
    info: dict[str, Any] = {}
    with (
        data_folder(dataset) as data,
        write_folder(folder, stage="student", key=key, info=info) as partial,
    ):
        made = cut_student(source, data, partial, **settings)
        info.update(asdict(made))
    if as_json:
        print_json({"student": str(folder), **asdict(made)})
        return
    stdout.print(
        f"{folder}: {made.layers} of {made.depth} layers, {made.pieces:,} of {made.all_pieces:,} "
        f"pieces of the vocabulary; on {made.held_out_queries:,} held-out queries the cosine with "
        f"the full query encoder is {made.mean_cosine:.4f} in the mean, {made.min_cosine:.4f} at "
        f"worst.",
    )
    if made.mean_cosine < _FAR:
        stderr.print(
            f"Warning: held-out queries moved, these the most: {', '.join(made.worst)}. "
            "A vocabulary needs a log that holds the words users type; more --steps help layers.",
        )
    after = ["pintower", "plan", str(source), str(folder), "--dataset", str(dataset)]
    after += ["--out", str(folder.with_name(f"{folder.name}-plan"))]
    stdout.print("What it costs and saves:")
    stdout.print(f"  {shlex.join(after)}", soft_wrap=True)

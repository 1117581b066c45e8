"""``pintower build``: a student of one's own to a model repository, gates included."""

import shlex
from pathlib import Path
from typing import Annotated, get_args

import typer

from pintower.artifacts import read_json
from pintower.cli.output import stdout
from pintower.cli.precisions import listed_precisions
from pintower.cli.run import print_forecast, print_outcomes
from pintower.config import DataConfig, ExportConfig, PinsConfig, Recipe, RepositoryConfig
from pintower.contracts import Contract
from pintower.errors import InputError
from pintower.forecast import forecast
from pintower.gates import read_gates, require_gate_names
from pintower.models.layout import StudentLayout
from pintower.pipeline import run_stages
from pintower.recipes import load_recipe
from pintower.stages import BUILD, STAGES
from pintower.targets import Precision, Serving, load_target

__all__ = ["build"]


def build(
    student: Annotated[Path, typer.Argument(help="A student folder.")],
    dataset: Annotated[Path, typer.Option(help="The dataset folder that holds the pins.")],
    out: Annotated[Path, typer.Option(help="Folder for export/, pins/ and models/.")],
    target: Annotated[
        str, typer.Option(help="Where it will run: a file of export/targets, without its ending.")
    ] = "cpu-int8-static",
    triton: Annotated[
        str | None,
        typer.Option(help="Triton release to build for, like 26.11; the target's without it."),
    ] = None,
    pin_precision: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Of the pin encoder, instead of the target's: bf16, int8-static, fp32 and others, "
            "with commas between them; the first that passes its gates is taken.",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="GATE", help="Let this gate fail; it is marked as overruled."),
    ] = None,
    serving: Annotated[
        Path | None,
        typer.Option(help="A recipe from `pintower tune`; its serving settings are taken."),
    ] = None,
    max_deleted: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the store's pins that may be deleted at once."),
    ] = PinsConfig().max_deleted,
    served_gates: Annotated[
        bool, typer.Option(help="Serve the repository on this machine and measure it.")
    ] = True,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say which stages would run, why and how long; run none."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Export, gate, embed the pins and build the Triton model repository."""
    load_target(target, triton)
    wanted: tuple[Precision, ...] | None = None
    if pin_precision is not None:
        known: tuple[Precision, ...] = get_args(Precision)
        wanted = listed_precisions("--pin-precision", pin_precision, known, "a graph")
    require_gate_names(allow or ())
    StudentLayout(student).require()
    if out.resolve() == student.resolve():
        raise InputError(f"--out {out} is the student's own folder; give another.")
    overrides = ["data.requires_path=false"]
    tuned = Serving() if serving is None else load_recipe(serving, overrides).repository.serving
    recipe = Recipe(
        name="build",
        data=DataConfig(path=dataset, judgments_required=False),
        pins=PinsConfig(max_deleted=max_deleted),
        export=ExportConfig(
            target=target, triton=triton, pin_precision=wanted, allow=tuple(allow or ())
        ),
        repository=RepositoryConfig(
            allow=tuple(allow or ()), served_gates=served_gates, serving=tuned
        ),
    )
    stages = [stage for stage in STAGES if stage.name in BUILD]
    given = {"student": student}
    if dry_run:
        print_forecast(forecast(stages, recipe, out, given=given), out, as_json=as_json)
        return
    if not StudentLayout(student).calibration.is_dir():
        from pintower.models.freezing import ensure_calibration  # torch takes seconds to import

        run_stages(stages[:1], recipe, out)
        ensure_calibration(student, out / "data")
    outcomes = run_stages(stages, recipe, out, given=given)
    print_outcomes(outcomes, out, as_json=as_json)
    if not as_json:
        stdout.print(_told(out))
        stdout.print(f"The model repository is {out / 'models'}. Serve it, or measure its latency:")
        for command in (["serve", str(out / "models")], ["bench", "--workdir", str(out)]):
            stdout.print(f"  {shlex.join(['pintower', *command])}", soft_wrap=True)


def _told(out: Path) -> str:
    """Say how many gates decided, that none stopped the release, and what served it."""
    words = []
    for name, folder in (("graph", "export"), ("served", "models")):
        path = out / folder / "gates.json"
        gates = read_gates(path) if path.is_file() else []
        if decided := [item for item in gates if item.allowed is not None]:
            overruled = sum(item.overruled for item in decided)
            more = f" ({overruled} overruled)" if overruled else ""
            words.append(f"all {len(decided)} {name} gates{more}")
    if not words:
        return "No gate was measured."
    triton = Contract.load(out / "models" / "contract.json").target.triton
    lines = [
        f"It passed {' and '.join(words)}.",
        f"It is for Triton {triton.name}; its graphs were measured in that one's ONNX Runtime "
        f"{triton.onnxruntime}.",
    ]
    served = out / "models" / "gates.json"
    if served.is_file():
        lines.append(f"It was served by a {read_json(served)['environment']['backend']}.")
    else:
        lines.append("The served gates were not run: what it answers when served is not measured.")
    return "\n".join(lines)

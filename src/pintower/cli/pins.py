"""``pintower pins``: what else the pins' embeddings are good for."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from pintower.artifacts import read_json
from pintower.cli.output import print_json, stdout
from pintower.cli.precisions import listed_precisions
from pintower.cli.students import student_folder
from pintower.config import PinsConfig
from pintower.contracts import Contract
from pintower.errors import InputError
from pintower.gates import explain, raise_if_failed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pintower.pins.store import PinStore
    from pintower.snapshot import Precision

__all__ = ["pins"]

pins = typer.Typer(no_args_is_help=True, help="Use the pins' embeddings, and look after them.")

_GIB = 2**30

Workdir = Annotated[
    Path, typer.Option(help="Work folder of a run or a build, whose pin encoder made them.")
]
Student = Annotated[
    Path | None, typer.Option(help="The student folder; WORKDIR/student without it.")
]
Store = Annotated[
    str | None,
    typer.Option(help="Folder or address of the pin store; WORKDIR/pin_store without it."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@pins.callback()
def _group() -> None:
    """Use the pins' embeddings, and look after them."""


@pins.command()
def similar(
    workdir: Workdir,
    pin_id: Annotated[str | None, typer.Argument(metavar="ID", help="A pin's id.")] = None,
    text: Annotated[str | None, typer.Option(help="Any text, instead of a pin.")] = None,
    student: Student = None,
    store: Store = None,
    top: Annotated[int, typer.Option(min=1, help="How many pins.")] = 10,
    exact: Annotated[
        bool, typer.Option("--exact", help="Look at every pin, though there is an index.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the pins nearest to a pin, or with --text to a text as the query encoder sees it."""
    from pintower.pins.similar import embedding_of, nearest

    if (pin_id is None) == (text is None):
        raise InputError("Give either a pin's id or --text TEXT.")
    if text is not None and not text.strip():
        raise InputError("--text is empty: give some text to find pins for.")
    if text is None:
        opened = _open(workdir, store, student)
        point = embedding_of(opened, str(pin_id))
    else:
        source = student_folder(workdir, student)
        opened = _open(workdir, store, source)
        point = _embed_text(text, workdir, source)
    found = nearest(opened, point, top + (text is None), exact=exact)
    found = [item for item in found if item.pin_id != pin_id][:top]
    if as_json:
        of = {"of": pin_id if text is None else text, "pin": text is None}
        print_json({**of, "similar": [asdict(item) for item in found]})
        return
    title = f"near the pin {pin_id!r}" if text is None else f"near the text {text!r}"
    table = Table("cosine", "pin", "title", title=title, title_justify="left")
    for item in found:
        table.add_row(f"{item.cosine:.3f}", item.pin_id, item.title)
    stdout.print(table)


@pins.command("export")
def export_pins(
    out: Annotated[Path, typer.Argument(help="A file (parquet) or folder (numpy) to write.")],
    workdir: Workdir,
    student: Student = None,
    store: Store = None,
    kind: Annotated[
        Literal["parquet", "numpy"], typer.Option("--format", help="What to write.")
    ] = "parquet",
) -> None:
    """Write every pin's id, title and embedding for another surface."""
    from pintower.pins.exports import export_store

    count = export_store(_open(workdir, store, student), out, kind)
    stdout.print(f"{count:,} pins are in {out}.")


@pins.command()
def index(
    workdir: Workdir,
    student: Student = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Build an approximate index for `similar`, and hold it to exact search."""
    from pintower.pins.similar import build_index, measure_recall

    opened = _open(workdir, store, student)
    build_index(opened)
    found = measure_recall(opened)
    if as_json:
        print_json(asdict(found))
        return
    stdout.print(
        f"The index finds {found.recall:.1%} of the {found.neighbours} nearest pins of "
        f"{found.queries} pins; `pintower pins similar --exact` finds all."
    )


@pins.command()
def snapshot(
    out: Annotated[Path, typer.Argument(help="Folder for snapshots/ and current.json.")],
    workdir: Workdir,
    student: Student = None,
    store: Store = None,
    precision: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Of the embeddings: int8, fp16, fp32, with commas between them; the first that "
            "is exact enough is taken.",
        ),
    ] = "fp32",
    max_score_error: Annotated[
        float, typer.Option(min=0, help="By which no score may move, in levels.")
    ] = PinsConfig().max_score_error,
    shards: Annotated[
        int, typer.Option(min=1, help="Hosts that the pins are spread over, by their ids' hashes.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Build the snapshot that is served; with shards one a host, in folders of their own."""
    from pintower.models.layout import StudentLayout
    from pintower.pins.precision import choose_precision
    from pintower.pins.scoring import ScoredSample, draw_rows
    from pintower.pins.snapshots import make_snapshot

    source = student_folder(workdir, student)
    opened = _open(workdir, store, source)
    statistics = StudentLayout(source).load_statistics()
    _refuse_other_shards(out, shards)
    sample = ScoredSample.of(draw_rows(opened), source, workdir / "export")
    chosen, gates = choose_precision(sample, _precisions(precision), max_score_error)
    raise_if_failed(gates, f"The snapshot of {opened.place}")
    made = []
    for shard in range(shards):
        folder = out / f"shard-{shard:03d}" if shards > 1 else out
        made.append(
            make_snapshot(folder, opened, statistics, precision=chosen, shard=shard, shards=shards)
        )
        if not as_json:
            stdout.print(f"{folder}: snapshot {made[-1].id}, {made[-1].pins:,} pins")
    if as_json:
        error = gates[0].measured
        shown = [asdict(item) for item in made]
        print_json({"precision": chosen, "score_max_abs": error, "snapshots": shown})
    else:
        stdout.print(f"In {chosen}; {explain(gates[0])}")


@pins.command()
def plan(
    count: Annotated[int, typer.Argument(metavar="PINS", min=1, help="In the catalogue.")],
    width: Annotated[int | None, typer.Option(min=1, help="Of the embeddings.")] = None,
    precision: Annotated[str | None, typer.Option(help="int8, fp16 or fp32.")] = None,
    terms: Annotated[float | None, typer.Option(min=0, help="Distinct terms of a pin.")] = None,
    changed: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the pins embedded again a day.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Pins embedded a second on one core.")
    ] = None,
    price: Annotated[float | None, typer.Option(min=0, help="Of a core for an hour.")] = None,
    host_gib: Annotated[
        float | None, typer.Option(min=0.1, help="Memory a host gives to its shard.")
    ] = None,
    replicas: Annotated[int | None, typer.Option(min=1, help="Hosts a shard.")] = None,
    requests: Annotated[
        float | None, typer.Option(min=0.001, help="A second, to the look-up tier.")
    ] = None,
    candidates: Annotated[int | None, typer.Option(min=1, help="Ids a request.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a catalogue takes: bytes, hosts, hours, money, and the look-up's latency.

    What is not given is what two cores of an AMD EPYC (Zen 5) were measured at, or an example;
    --json prints all of it.
    """
    from pintower.pins.scale import Assumptions, make_plan, simulate_tier

    known = {
        "width": width,
        "precision": None if precision is None else _precisions(precision)[0],
        "terms": terms,
        "changed_a_day": changed,
        "pins_per_core_second": rate,
        "price_core_hour": price,
        "host_bytes": None if host_gib is None else round(host_gib * _GIB),
        "replicas": replicas,
        "requests": requests,
        "candidates": candidates,
    }
    chosen: dict[str, Any] = {name: item for name, item in known.items() if item is not None}
    given = replace(Assumptions(pins=count), **chosen)
    made = make_plan(given)
    tier = simulate_tier(given, made.shards)
    if as_json:
        look_up = None if tier is None else asdict(tier)
        print_json({"given": asdict(given), **asdict(made), "look_up": look_up})
        return
    table = Table(show_header=False, title=f"{count:,} pins", title_justify="left")
    parts = ", ".join(f"{name} {size:.0f}" for name, size in made.bytes_a_pin.items() if size)
    first = _time(made.first_core_hours)
    daily = f"{_time(made.daily_core_hours)}, and {_time(made.scan_core_hours)} to compare"
    table.add_row("bytes a pin", parts)
    table.add_row("snapshot", _size(made.snapshot_bytes))
    table.add_row("shards", f"{made.shards:,} on {made.hosts:,} hosts")
    table.add_row("embedding all", f"{first}; costs {made.first_cost:,.2f}")
    table.add_row("each day", f"{daily}; costs {made.daily_cost:,.2f}")
    if tier is None:
        table.add_row("look-up", "more requests than these hosts can answer; add replicas")
    else:
        times = f"p50 {tier.p50_ms:.2f} ms, p99 {tier.p99_ms:.2f} ms"
        table.add_row("look-up, simulated", f"{times}, cores {tier.load:.0%} busy")
    stdout.print(table)


def _time(core_hours: float) -> str:
    if core_hours < 1:
        return f"{60 * core_hours:,.1f} core minutes"
    return f"{core_hours:,.1f} core hours"


def _size(count: float) -> str:
    return f"{count / _GIB:,.1f} GiB" if count >= _GIB else f"{1024 * count / _GIB:,.1f} MiB"


def _precisions(given: str) -> "tuple[Precision, ...]":
    """Return the precisions of a list with commas.

    Raises:
        InputError: if one of them is none of a snapshot's.
    """
    from pintower.snapshot import PRECISIONS

    return listed_precisions("--precision", given, PRECISIONS, "a snapshot")


def _refuse_other_shards(out: Path, shards: int) -> None:
    """Refuse to put shards beside those of another number.

    Raises:
        InputError: naming the folder that holds one.
    """
    from pintower.pins.snapshots import CURRENT

    for path in (out / CURRENT, *sorted(out.glob(f"shard-*/{CURRENT}"))):
        if path.is_file() and (found := read_json(path).get("shards")) != shards:
            raise InputError(
                f"{path.parent} holds a snapshot that is one of {found}, and {shards} "
                f"{'is' if shards == 1 else 'are'} asked for: hosts would serve parts that do not "
                f"belong together. Give another folder than {out}, or remove it."
            )


def _open(workdir: Path, store: str | None, student: Path | None) -> "PinStore":
    """Return the store of a work folder, as the last finished update left it.

    Raises:
        InputError: if the work folder is none, or there is no such store.
        StudentError: if a student is given that the work folder's graphs are not of.
    """
    from pintower.models.layout import StudentLayout
    from pintower.pins.embedder import require_exported
    from pintower.pins.stage import STORE
    from pintower.pins.store import Origin, PinStore

    path = workdir / "export" / "contract.json"
    if not path.is_file():
        raise InputError(
            f"{workdir} is no work folder of a run or a build: it has no export/contract.json."
        )
    if student is not None:
        layout = StudentLayout(student)
        layout.require()
        require_exported(workdir / "export", layout)
    root, origin = store or str(workdir / STORE), Origin.of(Contract.load(path))
    for precision in ("bf16", "fp32"):  # of pins.runtime "torch"
        other = PinStore.find(root, origin.made_by("torch", precision))
        if other is not None and PinStore.find(root, origin) is None:
            return other.finished()
    return PinStore.open(root, origin).finished()


def _embed_text(text: str, workdir: Path, student: Path) -> "NDArray[np.float32]":
    """Return a text's embedding FP32 [D], by the gated query encoder of the exported student."""
    from pintower.models.layout import StudentLayout
    from pintower.models.onnx_session import GraphEncoder, open_built_graph
    from pintower.models.tokenization import load_tokenizer
    from pintower.text.rendering import render_query

    contract = Contract.load(workdir / "export" / "contract.json")
    if contract.query_feature_columns:
        raise InputError(
            "This query encoder takes feature vectors of queries beside their text, so a text "
            "alone has no embedding. Give a pin's id."
        )
    layout = StudentLayout(student)
    rendering = layout.load_rendering()
    tokenizer = load_tokenizer(layout.query_encoder, rendering.query_max_tokens)
    graph = open_built_graph(workdir / "export", contract, "query_encoder")
    embedding: NDArray[np.float32] = GraphEncoder(graph, tokenizer).embed(
        [render_query(text, rendering)]
    )[0]
    return embedding

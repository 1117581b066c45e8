"""The command line: ``pintower``.

Results go to stdout, progress and logs to stderr. Exit codes: 0 done, 1 a gate or check failed,
2 bad input or usage. A user's mistake ends in one message, never in a traceback.
"""

import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer
from typer.main import get_command

from pintower import __version__
from pintower.cli.build import build
from pintower.cli.cache import plan_cache
from pintower.cli.compare import compare
from pintower.cli.embed import embed
from pintower.cli.inspect import check, doctor
from pintower.cli.output import fail, set_up_logging, stdout, take_interrupts
from pintower.cli.pins import pins
from pintower.cli.plan import plan
from pintower.cli.run import run
from pintower.cli.serve import bench, container, query, serve
from pintower.cli.student import student
from pintower.cli.tune import tune
from pintower.disk import disk_full
from pintower.errors import PintowerError
from pintower.progress import listening

__all__ = ["app", "main"]

_INTERRUPTED = 128 + signal.SIGINT
_ENDED = {_INTERRUPTED: "interrupted", 128 + signal.SIGTERM: "terminated"}

app = typer.Typer(
    name="pintower",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        stdout.print(f"pintower {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Turns a trained search-relevance student into a Triton release that can be trusted."""


for command in (run, build, embed, plan, plan_cache, tune, serve, container, query, check, doctor):
    app.command()(command)
bench.command()(compare)
app.add_typer(bench, name="bench")
app.add_typer(student, name="student")
app.add_typer(pins, name="pins")


def main() -> NoReturn:
    """Run the command line and exit."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # bm25s imports JAX where it is installed, and that takes three quarters of a GPU's memory.
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    signal.signal(signal.SIGTERM, _terminate)
    take_interrupts()
    listener = set_up_logging()
    try:
        with listening(listener):
            get_command(app)(prog_name="pintower")
    except Exception as error:
        told = disk_full(error, None, f"`pintower {' '.join(sys.argv[1:2])}`") or error
        if not isinstance(told, PintowerError):
            raise
        fail(str(told))
        sys.exit(told.exit_code)
    except (KeyboardInterrupt, SystemExit) as error:
        # Typer makes one of the other.
        code = error.code if isinstance(error, SystemExit) else _INTERRUPTED
        if code not in _ENDED:
            raise
        fail(f"{_ENDED[code]}; run the same command again to go on")
        sys.exit(code)
    sys.exit(0)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    """Leave through the context managers, so that servers are stopped."""
    sys.exit(128 + signum)

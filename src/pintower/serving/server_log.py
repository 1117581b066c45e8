"""Reads the few lines that matter out of a tritonserver log."""

import re
from dataclasses import dataclass

__all__ = ["LoadFailure", "last_errors", "load_failures", "loading_models"]

_FAILED = re.compile(
    r"""failed\ to\ load\ '(?P<model>[^']+)'(?:\ version\ (?P<version>\d+))?:\ (?P<reason>.+)""",
    re.VERBOSE,
)
_POLL = re.compile(
    r"(?:Poll failed for model directory|failed to poll model) '(?P<model>[^']+)': (?P<reason>.+)"
)
_SYNTAX = re.compile(r"Error parsing text-format inference\.ModelConfig: (?P<reason>.+)")
_UNAVAILABLE = re.compile(
    r"load failed for model '(?P<model>[^']+)': (?:version (?P<version>\d+) is at UNAVAILABLE "
    r"state: )?(?P<reason>.+?);?$"
)
_KIND = re.compile(
    r"^(?:(?:Internal|Invalid argument|Unavailable|Not found|Unsupported)(?::| -) |"
    r"(?:\w+\.)*(?:ConfigError|TritonModelException|ValueError|RuntimeError): )+"
)
# The python backend reports a step that never came up at the level of information. A line without
# a level is a shell's, a Python's or the C++ runtime's; the server's own are tables and addresses.
_ERROR = re.compile(r"E\d{4} |I\d{4} .*Failed to preinitialize|(?![IW]\d{4} |[|+]| *\d+# ).*\S")
# Said on every machine without a GPU; they explain nothing.
_HARMLESS = (
    "CudaDriverHelper", "NVML", "DCGM", "pinned", "CUDA memory pool", "GPU metrics",
    "CUDA driver version is insufficient",
)  # fmt: skip
_LOADING = re.compile(r"\"loading: (?P<model>[^:\"]+):\d+\"")
_LOADED = re.compile(r"\"successfully loaded '(?P<model>[^']+)'\"")


@dataclass(frozen=True)
class LoadFailure:
    """A model that could not be loaded.

    Attributes:
        model: its name.
        version: its version, "" where the log does not say.
        reason: why, in one line.
    """

    model: str
    version: str
    reason: str

    def __str__(self) -> str:
        version = f" version {self.version}" if self.version else ""
        return f"{self.model}{version}: {self.reason}"


def load_failures(log: str) -> list[LoadFailure]:
    """Return the models that failed to load, each once, with the server's reason."""
    found: dict[str, LoadFailure] = {}
    syntax = ""
    for line in log.splitlines():
        wrong = _SYNTAX.search(line)
        if wrong is not None:
            syntax = f" ({wrong['reason']})"  # line and column; the failure itself comes next
        match = _FAILED.search(line) or _POLL.search(line) or _UNAVAILABLE.search(line)
        if match is None:
            continue
        groups = match.groupdict()
        failure = LoadFailure(
            model=groups["model"].rstrip("/").rpartition("/")[2],
            version=groups.get("version") or "",
            reason=_first_sentence(groups["reason"]) + syntax,
        )
        syntax = ""
        found.setdefault(failure.model, failure)
    return list(found.values())


def last_errors(log: str, count: int = 5) -> list[str]:
    """Return the last lines of a log that tell of an error; none where no line does.

    What a machine without a GPU says at every start is left out.
    """
    lines = [line for line in log.splitlines() if _ERROR.match(line)]
    return [line for line in lines if not any(word in line for word in _HARMLESS)][-count:]


def loading_models(log: str) -> tuple[list[str], list[str]]:
    """Return the models that are loaded, and those that are still being loaded."""
    loaded = dict.fromkeys(match["model"] for match in _LOADED.finditer(log))
    begun = dict.fromkeys(match["model"] for match in _LOADING.finditer(log))
    return list(loaded), [model for model in begun if model not in loaded]


def _first_sentence(reason: str) -> str:
    r"""Cut a reason before its Python traceback (written as a literal ``\n\nAt:``)."""
    text = reason.replace("\\n", "\n").split("\n\nAt:")[0].strip().rstrip('"').strip()
    return _KIND.sub("", " ".join(text.split()))

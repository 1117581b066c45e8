"""Reads the few lines that matter out of a tritonserver log."""

import re
from dataclasses import dataclass

__all__ = ["LoadFailure", "last_errors", "load_failures"]

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
# The python backend reports a step that never came up at the level of information.
_ERROR = re.compile(r"E\d{4} |error: |I\d{4} .*Failed to preinitialize")
# Said on every machine without a GPU; they explain nothing.
_HARMLESS = ("CudaDriverHelper", "NVML", "DCGM", "pinned", "CUDA memory pool", "GPU metrics")


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
    """Return the last error lines of a log, without those every machine without a GPU has."""
    lines = [line for line in log.splitlines() if _ERROR.match(line)]
    kept = [line for line in lines if not any(word in line for word in _HARMLESS)]
    return kept[-count:] or [line for line in log.splitlines() if line.strip()][-count:]


def _first_sentence(reason: str) -> str:
    r"""Cut a reason before its Python traceback (written as a literal ``\n\nAt:``)."""
    text = reason.replace("\\n", "\n").split("\n\nAt:")[0].strip().rstrip('"').strip()
    return _KIND.sub("", " ".join(text.split()))

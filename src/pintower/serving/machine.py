"""What this machine has, as far as a target asks for it: CPU instructions and CUDA devices."""

from pathlib import Path

__all__ = ["cpu_flags", "cuda_devices"]

_CPU = Path("/proc/cpuinfo")
_GPUS = Path("/proc/driver/nvidia/gpus")


def cpu_flags() -> frozenset[str]:
    """Return the flags that ``/proc/cpuinfo`` lists; none where there is no such file."""
    try:
        lines = _CPU.read_text("utf-8").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def cuda_devices() -> int:
    """Return how many GPUs NVIDIA's driver shows on this machine."""
    return len(list(_GPUS.iterdir())) if _GPUS.is_dir() else 0

"""Keeps idle CPUs from sleeping, so that a request's hand-overs do not wait for one to wake.

Linux lets an idle CPU sleep; waking it takes microseconds on bare metal and tens of them in a
virtual machine, whose sleeping CPU belongs to the host. A request wakes a thread about ten times on
its way through an ensemble. The kernel's PM QoS interface forbids sleeps that take longer to end
than a number of microseconds, for as long as a file is held open (kernel documentation,
"PM Quality Of Service Interface", ``/dev/cpu_dma_latency``). The price is power: idle CPUs spin.
"""

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from pintower.errors import SetupError

__all__ = ["CPU_LATENCY", "wakeful_cpus"]

CPU_LATENCY = Path("/dev/cpu_dma_latency")


@contextlib.contextmanager
def wakeful_cpus(device: Path = CPU_LATENCY) -> Iterator[None]:
    """Inside the block, no CPU of this machine sleeps.

    Raises:
        SetupError: if the kernel's file is not there or may not be written.
    """
    try:
        descriptor = os.open(device, os.O_WRONLY)
    except OSError as error:
        raise SetupError(
            f"The CPUs cannot be kept awake: {device}: {error.strerror}. Linux has this file, and "
            "only root may write it; in a container it takes --device /dev/cpu_dma_latency too."
        ) from None
    try:
        os.write(descriptor, struct.pack("i", 0))
        yield
    finally:
        os.close(descriptor)

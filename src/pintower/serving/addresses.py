"""The three ports of a server, and how to choose them."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass

from pintower.errors import SetupError
from pintower.serving.inspection import port_is_free

__all__ = ["LOOPBACK", "Addresses", "check_free", "free_addresses"]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Addresses:
    """Loopback ports of one server.

    Attributes:
        http: port of the HTTP API.
        grpc: port of the gRPC API.
        metrics: port of the Prometheus metrics.
    """

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002

    @property
    def http_url(self) -> str:
        """``host:port`` of the HTTP API, as Triton's clients want it."""
        return f"{LOOPBACK}:{self.http}"

    @property
    def grpc_url(self) -> str:
        """``host:port`` of the gRPC API, as Triton's clients want it."""
        return f"{LOOPBACK}:{self.grpc}"

    @property
    def metrics_url(self) -> str:
        """Full URL of the metrics page."""
        return f"http://{LOOPBACK}:{self.metrics}/metrics"


def free_addresses() -> Addresses:
    """Return three ports that are free now."""
    with ExitStack() as stack:
        ports = []
        for _ in range(3):
            probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            probe.bind((LOOPBACK, 0))
            ports.append(int(probe.getsockname()[1]))
    return Addresses(*ports)


def check_free(addresses: Addresses) -> None:
    """Refuse ports that are taken, before a server is started on them.

    Raises:
        SetupError: naming the port and what to do.
    """
    named = {"HTTP": addresses.http, "gRPC": addresses.grpc, "metrics": addresses.metrics}
    if len(set(named.values())) < len(named):
        raise SetupError(f"The three ports of a server have to differ; given were {named}.")
    for what, port in named.items():
        if not port_is_free(port):
            raise SetupError(
                f"Port {port}, wanted for {what}, is in use on {LOOPBACK}. Stop what listens there "
                "(another server?) or choose other ports."
            )

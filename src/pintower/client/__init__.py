"""Asking a served release: scores of pins, embeddings of queries.

    from pintower.client import Client

    with Client("localhost:8001") as client:
        scores = client.rank("red running shoes", ["1774476456", "1839784173"])

Many queries go as concurrent requests of one query each, which is what the server's cache works on.
"""

from pintower.client.asynchronous import AsyncClient
from pintower.client.sync import Client
from pintower.models.scores import Scores

__all__ = ["AsyncClient", "Client", "Scores"]

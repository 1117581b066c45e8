"""sentence-transformers behind FastAPI, as one writes it first. Runs in an environment of its own.

python -I fastapi_app.py ENCODER MAX_TOKENS PORT
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

encoder = SentenceTransformer(sys.argv[1], device="cpu")
encoder.max_seq_length = int(sys.argv[2])
app = FastAPI()


class Texts(BaseModel):
    """What a client sends."""

    model: str
    input: list[str]


@app.get("/health")
def health() -> dict[str, str]:
    """Say that the encoder is loaded."""
    return {"status": "ready"}


@app.post("/v1/embeddings")
def embeddings(texts: Texts) -> dict[str, object]:
    """Return the texts' embeddings."""
    vectors = encoder.encode(texts.input, show_progress_bar=False)
    data = [{"index": i, "embedding": row} for i, row in enumerate(vectors.tolist())]
    return {"object": "list", "data": data}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="warning")

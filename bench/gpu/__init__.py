"""The encoder, the served ensemble and the offline pins on one NVIDIA GPU, with no network."""

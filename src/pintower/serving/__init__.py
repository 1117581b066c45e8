"""The local Triton server, its environment and its load generator."""

"""The Triton model repository: built from the contract, described, checked, measured served."""

from pintower.repository.stage import run

__all__ = ["run"]

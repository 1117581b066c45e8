"""Training that is killed and taken up again, ends early, and leaves the best weights."""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pintower.models.optimization import Stepper
from pintower.models.trainer import Group, Plan, layer_groups, train
from pintower.progress import listening

STEPS = 23


class Killed(BaseException):
    """Stands for kill -9: nothing in the code catches it."""


class Line(nn.Module):
    """A line with dropout, so that the random numbers' state counts, and a frozen part."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.dropout = nn.Dropout(0.3)
        self.last = nn.Linear(4, 1)

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Return the mean squared error."""
        made = self.last(self.dropout(self.frozen(x)))[:, 0]
        return {"loss": (made - y).square().mean()}


def batches() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(64, size=5) for _ in range(STEPS)]


def collate(rows: np.ndarray) -> Mapping[str, Any]:
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))[torch.from_numpy(rows)]
    return {"x": x, "y": x.sum(dim=1)}


def value(module: Line) -> float:
    return -float(module(**collate(np.arange(64)))["loss"].detach())


def train_line(
    folder: Path,
    collate: Callable[[np.ndarray], Mapping[str, Any]] = collate,
    **plan: Any,
) -> tuple[dict[str, Tensor], Any]:
    module = Line()
    settings = {"warmup_share": 0.1, "every": 4, "patience": 3, **plan}
    groups = [Group([module.last.weight], 0.1), Group([module.last.bias], 0.02)]
    outcome = train(
        module, batches(), collate, groups, Plan(**settings), folder,
        evaluate=lambda: value(module),
    )  # fmt: skip
    assert not module.training
    return module.state_dict(), outcome


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def killed_at(step: int) -> Callable[[np.ndarray], Mapping[str, Any]]:
    calls = []

    def dying(rows: np.ndarray) -> Mapping[str, Any]:
        calls.append(rows)
        if len(calls) > step:
            raise Killed
        return collate(rows)

    return dying


@pytest.mark.parametrize("step", [0, 4, 5, int(np.random.default_rng().integers(6, STEPS))])
def test_killed_training_ends_with_the_weights_of_an_unkilled_one(
    tmp_path: Path, step: int, caplog: pytest.LogCaptureFixture
) -> None:
    weights, outcome = train_line(tmp_path / "whole")
    with pytest.raises(Killed):
        train_line(tmp_path / "killed", killed_at(step))
    with caplog.at_level(logging.INFO):
        again, resumed = train_line(tmp_path / "killed")
    assert same(weights, again)
    assert outcome == resumed
    assert outcome.steps == STEPS
    assert ("resuming: " in caplog.text) == (step >= 5)  # one batch is made ready beforehand


def test_training_is_taken_up_after_sigkill(tmp_path: Path) -> None:
    """Killed by the system in the middle of a step, of an evaluation and of a checkpoint."""
    weights, _ = train_line(tmp_path / "whole")
    script = """
import os, signal, sys
from pathlib import Path
import tests.models.test_trainer as t
from pintower.models import watch
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
where, folder = sys.argv[1], Path(sys.argv[2])
calls = []
def sometimes(real, at):
    def call(*args, **kwargs):
        calls.append(at)
        return die() if len(calls) == at else real(*args, **kwargs)
    return call
if where == "step":
    t.collate = sometimes(t.collate, 19)
if where == "evaluation":
    t.value = sometimes(t.value, 3)
if where == "checkpoint":
    watch.write_json = sometimes(watch.write_json, 3)
t.train_line(folder, lambda rows: t.collate(rows))
"""
    for where in ("step", "evaluation", "checkpoint"):
        folder = tmp_path / where
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", script, where, str(folder)], cwd=root, capture_output=True
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert list(folder.glob("checkpoint-*/progress.json")), where
        again, _ = train_line(folder)
        assert same(weights, again), where


def test_finished_training_is_not_repeated(tmp_path: Path) -> None:
    """Whoever is killed after training, before its own work is done, trains once all the same."""
    weights, outcome = train_line(tmp_path)
    again, told = train_line(tmp_path, killed_at(0))
    assert same(weights, again)
    assert told == outcome


def test_the_start_is_kept_where_training_only_harms(tmp_path: Path) -> None:
    module = Line()
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    values = iter([1.0, 0.5, 0.4, 0.3, 0.2, 0.1])
    outcome = train(
        module, batches(), collate, [Group(list(module.parameters()), 0.1)],
        Plan(warmup_share=0.0, every=2, patience=3), tmp_path, evaluate=lambda: next(values),
    )  # fmt: skip
    assert same(before, module.state_dict())
    assert (outcome.best_step, outcome.steps) == (0, 6)
    assert [seen["value"] for seen in outcome.values] == [1.0, 0.5, 0.4, 0.3]


def test_the_weights_of_the_best_step_are_kept(tmp_path: Path) -> None:
    module, seen = Line(), []

    def evaluate() -> float:
        seen.append({name: weight.clone() for name, weight in module.state_dict().items()})
        return [0.0, 2.0, 1.0, 1.5][len(seen) - 1] if len(seen) < 5 else 0.0

    outcome = train(
        module, batches(), collate, [Group(list(module.parameters()), 0.1)],
        Plan(warmup_share=0.0, every=6), tmp_path, evaluate=evaluate,
    )  # fmt: skip
    assert outcome.best_step == 6
    assert outcome.steps == STEPS
    assert same(seen[1], module.state_dict())
    assert not same(seen[0], seen[1])


def test_without_an_evaluation_the_last_weights_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    """The rates, the clipping and the schedule are the ones that the plain loop has."""
    module, plain = Line(), Line()
    for line in (module, plain):
        line.dropout.p = 0.0
        line.last.bias.requires_grad_(False)
    train(
        module, batches(), collate, [Group([module.last.weight], 0.1)],
        Plan(warmup_share=0.2, every=50), tmp_path,
    )  # fmt: skip
    stepper = Stepper([([plain.last.weight], 0.1)], STEPS, 0.2)
    for rows in batches():
        stepper.step(plain(**collate(rows))["loss"])
    torch.testing.assert_close(module.last.weight, plain.last.weight, rtol=0, atol=1e-6)


def test_training_prints_nothing_and_writes_checkpoints_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, outcome = train_line(tmp_path)
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"best-{outcome.best_step}.safetensors", f"checkpoint-{STEPS}"
    ]  # fmt: skip


def test_training_tells_its_progress_where_it_was(tmp_path: Path) -> None:
    done: list[float] = []

    class Listener:
        def start(self, description: str, total: float | None, unit: str) -> int:
            assert (description, total, unit) == ("training", STEPS * 5, "pairs")
            return 1

        def advance(self, key: int, amount: float) -> None:
            done.append(amount)

        def finish(self, key: int) -> None:
            done.append(-1)

    with pytest.raises(Killed), listening(Listener()):
        train_line(tmp_path, killed_at(12))
    assert done[-1] == -1
    done.clear()
    with listening(Listener()):
        train_line(tmp_path)
    assert done == [5] * STEPS + [-1]


def test_losses_are_told_as_means_over_stretches(tmp_path: Path) -> None:
    _, outcome = train_line(tmp_path)
    assert [point["step"] for point in outcome.curve] == list(range(1, STEPS + 1))
    assert outcome.curve[0]["loss"] > outcome.curve[-1]["loss"]


def test_lower_layers_learn_more_slowly() -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embeddings = nn.Embedding(3, 2)
            self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
            self.norm = nn.LayerNorm(2)

    model = Network()
    rates = {id(w): g.rate for g in layer_groups(model, 1.0, 0.5) for w in g.parameters}
    found = {name: rates[id(weight)] for name, weight in model.named_parameters()}
    assert found["embeddings.weight"] == 0.125
    assert [found[f"layers.{at}.weight"] for at in range(3)] == [0.25, 0.5, 1.0]
    assert found["norm.weight"] == 1.0
    assert [group.rate for group in layer_groups(model, 1.0, 1.0)] == [1.0]

"""The optimisers of trainings are PyTorch's own, without the compiler that PyTorch loads for them."""

import subprocess
import sys

import pytest
import torch

from mesaflow.training import TrainingSettings, _make_optimizer

KINDS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
TRAIN = """
import sys
import torch
from mesaflow.training import TrainingSettings, _make_optimizer
network = torch.nn.Linear(3, 2)
optimizer = _make_optimizer(network, TrainingSettings(optimizer=sys.argv[1]))
optimizer.zero_grad()
network(torch.ones(4, 3)).square().sum().backward()
optimizer.step()
print("torch._dynamo" in sys.modules)
"""


def descend(network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        optimizer.zero_grad()
        network(torch.randn(8, 5, generator=generator)).square().sum().backward()
        optimizer.step()
    return [parameter.detach() for parameter in network.parameters()]


@pytest.mark.parametrize("name", KINDS)
def test_weights_are_those_of_pytorchs_optimizer(name):
    settings = TrainingSettings(optimizer=name, weight_decay=0.01, learning_rate=0.003)
    options = {"momentum": settings.momentum, "nesterov": True} if name == "sgd" else {}
    weights = []
    for own in (True, False):
        torch.manual_seed(1)
        network = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 2))
        optimizer = (
            _make_optimizer(network, settings)
            if own
            else KINDS[name](network.parameters(), lr=0.003, weight_decay=0.01, fused=True, **options)
        )
        assert isinstance(optimizer, KINDS[name])
        weights.append(descend(network, optimizer))
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_the_compiler_stays_unloaded(name, repository):
    command = [sys.executable, "-c", TRAIN, name]
    environment = {"PYTHONPATH": str(repository / "workflow" / "scripts")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

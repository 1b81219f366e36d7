"""Random states and kernels: the same inside, untouched outside."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from mmgraph.devices import choose_device
from mmgraph.errors import ConfigError
from mmgraph.training.environment import (
    check_precision,
    describe_environment,
    random_states,
    reproducible,
    set_random_states,
)

CPU = torch.device("cpu")


def draw():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()


def test_the_same_seed_draws_the_same_from_every_generator():
    drawn = []
    for seed in (1, 1, 2):
        draw()
        with reproducible(seed, CPU):
            drawn.append(draw())
    assert drawn[0] == drawn[1]
    assert all(one != other for one, other in zip(drawn[0], drawn[2], strict=True))


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_outside_is_changed(fails):
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    wanted = draw()
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    try:
        with reproducible(1, CPU):
            assert torch.are_deterministic_algorithms_enabled()
            draw()
            if fails:
                raise ValueError
    except ValueError:
        pass
    assert draw() == wanted
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_what_numbers_depend_on_is_described():
    found = describe_environment()
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()


def test_devices():
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(
        ConfigError, match=r"device: got cuda:1, but torch .* is a build without CUDA; there is"
    ):
        choose_device("cuda:1")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(ConfigError, match=r"device: got cuda, but torch .* finds no GPU or no driver"):
        choose_device("cuda")


def test_one_gpu_of_several(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"H{number}")
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device("auto") == torch.device("cuda")
    with pytest.raises(
        ConfigError, match=r"got cuda:2, which is not there. There are: cuda:0 \(H0\), cuda:1 \(H1\)"
    ):
        choose_device("cuda:2")


def test_a_precision_that_needs_a_gpu():
    with pytest.raises(ConfigError, match="precision: got 16-mixed, which needs a GPU, but"):
        check_precision("16-mixed", CPU)
    check_precision("16-mixed", torch.device("cuda"))
    check_precision("bf16-mixed", CPU)


def test_the_random_state_of_the_own_gpu_alone_is_kept(monkeypatch):
    own, taken = torch.arange(4, dtype=torch.uint8), []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda *_: own)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *arguments: taken.append(arguments))
    states = random_states()
    assert len(states["cuda"]) == 1
    set_random_states(states)
    # The current device, whatever its number is where the training goes on.
    assert len(taken) == 1
    assert taken[0][0] is own
    assert len(taken[0]) == 1

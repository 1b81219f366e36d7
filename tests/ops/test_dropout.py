"""Counted dropout: the same values wherever and however often it is asked, and nothing kept but a number."""

import os
import subprocess
import sys

import pytest
import torch

from mmgraph.ops.dropout import counted_dropout


def dropped(x, p=0.5, seed=0):
    torch.manual_seed(seed)
    return counted_dropout(x, p)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 1023])
def test_any_number_of_values(size):
    out = dropped(torch.ones(size), 0.25)
    assert out.shape == (size,)
    torch.testing.assert_close(out[out != 0], torch.full_like(out[out != 0], 4 / 3))


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_the_share_and_the_mean(p):
    out = dropped(torch.ones(400_000), p)
    deviation = (p * (1 - p) / out.numel()) ** 0.5
    assert abs((out == 0).double().mean() - p) < 5 * deviation
    assert abs(out.double().mean() - 1) < 5 * deviation / (1 - p)


def test_neighbours_are_dropped_apart():
    kept = (dropped(torch.ones(100_000)) != 0).double() - 0.5
    for lag in (1, 2, 3, 4, 5, 8, 128):
        assert abs((kept[lag:] * kept[:-lag]).mean()) < 0.005


def test_the_number_of_threads_makes_no_difference(monkeypatch):
    x = torch.randn(1_500_001)
    two = dropped(x)
    monkeypatch.setattr("mmgraph.ops.dropout.useful_threads", lambda numbers: 1)
    one = dropped(x)
    monkeypatch.setattr("mmgraph.ops.dropout.useful_threads", lambda numbers: 3)
    assert torch.equal(one, two)
    assert torch.equal(one, dropped(x))


def test_other_steps_drop_other_values():
    x = torch.ones(1000)
    torch.manual_seed(0)
    one, two = counted_dropout(x, 0.5), counted_dropout(x, 0.5)
    assert 0.4 < (one == two).float().mean() < 0.6


def test_gradients():
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(dropped, x)
    assert torch.autograd.gradgradcheck(dropped, x)


def test_what_does_not_stand_in_one_piece():
    x = torch.randn(30, 20).t()
    torch.testing.assert_close(dropped(x), dropped(x.contiguous()))
    torch.testing.assert_close(dropped(torch.ones(1).expand(64)), dropped(torch.ones(64)))


def test_nothing_of_its_size_is_kept():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        dropped(torch.randn(100, requires_grad=True))
    assert kept == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="huge pages are Linux's")
def test_torch_asks_for_huge_pages_unless_told_otherwise():
    program = (
        "import mmgraph, torch, re\n"
        "x = torch.ones(1 << 24)\n"
        "maps = open('/proc/self/smaps').read()\n"
        "flags = [m for m in re.split(r'\\n(?=[0-9a-f]+-[0-9a-f]+ )', maps)"
        " if int(m.split('-')[0], 16) <= x.data_ptr() < int(m.split('-')[1].split()[0], 16)]\n"
        "print('hg' in flags[0].split('VmFlags:')[1].split())\n"
    )

    def answer(**env):
        environment = {k: v for k, v in os.environ.items() if k != "THP_MEM_ALLOC_ENABLE"} | env
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert answer() == "True"
    assert answer(THP_MEM_ALLOC_ENABLE="0") == "False"

"""A compiled model trains to the same numbers, and nothing that is saved knows of it."""

from __future__ import annotations

import functools

import pytest
import torch

from mmgraph.errors import RunError
from mmgraph.training import load_run, train

STILL = ("model.dropout=0", "model.input_dropout=0", "max_epochs=3")


@pytest.fixture
def quick_compiler(monkeypatch):
    """Let torch trace the model but leave out the C++ compiler, which takes a minute; count the calls."""
    compile, calls = torch.compile, []

    def counted(forward):
        traced = compile(forward, backend="eager")
        return lambda *inputs: (calls.append(1), traced(*inputs))[1]

    monkeypatch.setattr(torch, "compile", counted)
    return calls


@pytest.mark.parametrize(
    ("model", "batch_size"),
    [
        ("mlp", 0),
        pytest.param("cross_modal_transformer", 0, marks=pytest.mark.slow),
        ("hetero_gat", 0),
        pytest.param("hetero_gat", 25, marks=pytest.mark.slow),
    ],
)
def test_a_traced_model_trains_to_the_same_numbers(graph, quick, model, batch_size, quick_compiler, tmp_path):
    arguments = {"task": "colour", "model": model, "overrides": [*quick, *STILL], "batch_size": batch_size}
    plain = train(graph, **arguments)
    assert quick_compiler == []
    traced = train(graph, **arguments, compile=True, out=tmp_path / "run")
    assert len(quick_compiler) == 3 * (3 if batch_size else 1)
    assert traced.module.compiled is None
    assert list(traced.module.state_dict()) == list(plain.module.state_dict())
    for column in ("train_loss", "validation_loss"):
        assert traced.history[column].tolist() == pytest.approx(plain.history[column].tolist(), rel=1e-4)
    assert load_run(tmp_path / "run", graph=graph).metrics() == traced.metrics()


@pytest.mark.slow
def test_a_compiled_model_trains_to_the_same_numbers(graph, quick):
    arguments = {"task": "colour", "model": "mlp", "overrides": [*quick, *STILL]}
    plain, compiled = train(graph, **arguments), train(graph, **arguments, compile=True)
    for column in ("train_loss", "validation_loss"):
        assert compiled.history[column].tolist() == pytest.approx(plain.history[column].tolist(), rel=1e-4)
    assert compiled.metrics() == plain.metrics()


def test_without_a_compiler_it_is_refused(graph, quick, monkeypatch):
    def no_compiler(graph_module, inputs):
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=no_compiler))
    with pytest.raises(RunError, match=r"compile: torch.compile cannot .*No working C.*without --compile"):
        train(graph, task="colour", model="mlp", overrides=[*quick, *STILL], compile=True)

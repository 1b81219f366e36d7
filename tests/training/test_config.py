"""The training config: what it takes, and how it refuses the rest."""

from __future__ import annotations

import pytest

from mmgraph.config import parse
from mmgraph.errors import ConfigError
from mmgraph.training import TrainConfig


def test_every_key_has_a_description():
    def undescribed(model, place=""):
        for name, field in model.model_fields.items():
            if not field.description:
                yield place + name
            if hasattr(field.annotation, "model_fields"):
                yield from undescribed(field.annotation, f"{place}{name}.")

    assert list(undescribed(TrainConfig)) == []


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"max_epoch": 3}, "x.yaml: max_epoch: .*Did you mean 'max_epochs'"),
        ({"model": {"head": 3}}, "x.yaml: model.head: .*Did you mean 'heads'"),
        ({"optimiser": {"learning_rate": 3}}, "x.yaml: optimiser.learning_rate"),
        ({"max_epochs": "many"}, "x.yaml: max_epochs: got 'many'; wanted an integer"),
        ({"max_epochs": 0}, "x.yaml: max_epochs: got 0"),
        ({"patience": -1}, "x.yaml: patience: got -1"),
        ({"seed": -1}, "x.yaml: seed: got -1"),
        ({"model": {"dropout": 1.0}}, "x.yaml: model.dropout: got 1.0"),
        ({"model": {"layers": []}}, "x.yaml: model.layers"),
        ({"model": {"layers": [3]}}, "x.yaml: model.layers"),
        ({"model": "mlp"}, "x.yaml: model: got 'mlp'"),
        ({"optimiser": {"lr": 0}}, "x.yaml: optimiser.lr: got 0"),
        ({"optimiser": {"lr": float("inf")}}, "x.yaml: optimiser.lr: got inf"),
        ({"optimiser": {"lr": float("nan")}}, "x.yaml: optimiser.lr: got nan"),
        ({"optimiser": {"name": "adam"}}, "x.yaml: optimiser.name: got 'adam'"),
        ({"edges": "shufled"}, "x.yaml: edges: got 'shufled'"),
        ({"class_weights": True}, "x.yaml: class_weights: got True"),
        ({"label_smoothing": 1}, "x.yaml: label_smoothing: got 1"),
        ({"loss": "focl"}, "x.yaml: loss: got 'focl'.*Did you mean 'focal'"),
        ({"optimiser": {"schedule": "cosin"}}, "x.yaml: optimiser.schedule: got 'cosin'.*'cosine'"),
        ({"optimiser": {"warmup": 2.5}}, "x.yaml: optimiser.warmup: got 2.5; wanted a share below 1, or a w"),
        ({"optimiser": {"warmup": -1}}, "x.yaml: optimiser.warmup: got -1"),
        ({"accumulate": 0}, "x.yaml: accumulate: got 0"),
        ({"device": "tpu"}, "x.yaml: device: got 'tpu'; wanted auto, cpu, cuda, or one of several"),
        ({"device": "cuda:x"}, "x.yaml: device: got 'cuda:x'"),
        ({"precision": 16}, "x.yaml: precision: got 16; wanted one of '32', 'bf16-mixed'"),
        ({"compile": "maybe"}, "x.yaml: compile: got 'maybe'; wanted true or false"),
        ({"max_time": "soon"}, "x.yaml: max_time: got 'soon'; wanted a time such as 90s, 10m or 1h30m"),
        (
            {"fanout": "beside=3 beside=4"},
            "x.yaml: fanout: got 'beside' twice in 'beside=3 beside=4'; wanted e",
        ),
        ({"fanout": "=3"}, "x.yaml: fanout: got '=3'; wanted a relation before each ="),
        ({"report_to": "csv,csv"}, "x.yaml: report_to: got csv,csv; wanted each of them once"),
        (
            {"report_to": "none,csv"},
            "x.yaml: report_to: got none beside others in none,csv; wanted none alone",
        ),
        ({"report_to": ["csv", "none"]}, "x.yaml: report_to: got none beside others in csv,none"),
        ({"max_time": "0s"}, "x.yaml: max_time: got 0.0; wanted a number greater than 0"),
    ],
)
def test_what_cannot_be_used_is_named(mapping, message):
    with pytest.raises(ConfigError, match=message):
        parse(TrainConfig, mapping, where="x.yaml")


@pytest.mark.parametrize(
    ("layer", "fix"),
    [
        ({"hetero_gat": {"aggr": "max"}}, "Write {name: hetero_gat, aggr: max}: the name, and"),
        ({"hetero_gat": None, "aggr": "max"}, "Write {name: hetero_gat}: the name, and"),
    ],
)
def test_options_below_the_name_of_a_layer_are_one_fault_with_what_to_write(layer, fix):
    with pytest.raises(ConfigError) as caught:
        parse(TrainConfig, {"model": {"layers": ["late_fusion", layer]}}, where="x.yaml")
    assert str(caught.value).startswith(f"x.yaml: model.layers[1]: has no `name`. {fix}")


def test_all_faults_are_reported_together():
    with pytest.raises(ConfigError) as caught:
        parse(TrainConfig, {"sed": 1, "max_epochs": 0, "model": {"heads": "x"}}, where="x.yaml")
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    ("given", "wanted"), [("10m", 600), ("1h30m", 5400), ("90s", 90), ("90", 90), (90, 90), ("1d 2h", 93_600)]
)
def test_times_are_read_as_people_write_them(given, wanted):
    assert parse(TrainConfig, {"max_time": given}, where="x.yaml").max_time == wanted


@pytest.mark.parametrize("given", ["32", 32])
def test_a_precision_may_be_a_number(given):
    assert parse(TrainConfig, {"precision": given}, where="x.yaml").precision == "32"


@pytest.mark.parametrize("given", ["none", ["none"], []])
def test_none_is_nowhere_to_report_to(given):
    assert parse(TrainConfig, {"report_to": given}, where="x.yaml").report_to == ()

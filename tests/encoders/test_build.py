from __future__ import annotations

import re

import pytest

from mmgraph.data.choice import Choice
from mmgraph.encoders import DEFAULTS, HOG, Standardise, TfIdf, build_encoder
from mmgraph.encoders.build import encoder_name
from mmgraph.errors import ConfigError, UnknownNameError
from mmgraph.registry import ENCODERS

WHERE = "dataset.yaml: entities.glyph.modalities.sans.encoder"


@pytest.mark.parametrize(("kind", "name"), DEFAULTS.items())
def test_every_kind_has_a_default_that_reads_it(kind, name):
    encoder = build_encoder(None, kind, where=WHERE)
    assert encoder_name(encoder) == name
    assert encoder.kind == kind


def test_parameters_are_taken_over():
    encoder = build_encoder(Choice.model_validate({"name": "hog", "size": 64}), "image", where=WHERE)
    assert isinstance(encoder, HOG)
    assert encoder.size == 64


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        build_encoder(Choice(name="tfdif"), "text", where=WHERE)
    assert str(caught.value) == f"{WHERE}: there is no encoder 'tfdif'. Did you mean 'tfidf'?"


def test_a_misspelt_parameter_is_answered_with_the_nearest_and_its_place():
    choice = Choice.model_validate({"name": "hog", "componets": 64})
    with pytest.raises(ConfigError) as caught:
        build_encoder(choice, "image", where=WHERE)
    assert (
        str(caught.value) == f"{WHERE}.componets: is a key that is not known here. Did you mean 'components'?"
    )


def test_an_encoder_of_another_kind_is_refused_and_a_fitting_one_named():
    with pytest.raises(ConfigError) as caught:
        build_encoder(Choice(name="hog"), "text", where=WHERE)
    assert caught.value.exit_code == 2
    (fault,) = caught.value.faults
    assert fault.where == WHERE
    assert fault.problem == "the encoder 'hog' reads image; the modality is text"
    assert re.fullmatch(r"Use (\w+ or )+tfidf( or \w+)*, or leave the encoder out\.", fault.fix)
    assert "sentence_transformer" in fault.fix
    assert "hog" not in fault.fix


def test_all_wrong_parameters_are_reported_together():
    choice = Choice.model_validate({"name": "tfidf", "words": 0, "components": -3})
    with pytest.raises(ConfigError) as caught:
        build_encoder(choice, "text", where=WHERE)
    assert [fault.where for fault in caught.value.faults] == [f"{WHERE}.words", f"{WHERE}.components"]


def test_an_encoder_knows_the_name_that_it_is_registered_under():
    assert [encoder_name(encoder()) for encoder in (HOG, TfIdf, Standardise)] == [
        "hog",
        "tfidf",
        "standardise",
    ]


def test_one_that_is_not_registered_has_no_name():
    class Other(HOG):
        pass

    with pytest.raises(ConfigError, match=r"Other: the encoder is not registered"):
        encoder_name(Other())


def test_a_users_own_encoder_can_be_named(monkeypatch):
    class Mine(HOG):
        """Images: mine."""

    monkeypatch.setitem(ENCODERS._things, "mine", Mine)
    encoder = build_encoder(Choice.model_validate({"name": "mine", "size": 16}), "image", where=WHERE)
    assert type(encoder) is Mine
    assert encoder_name(encoder) == "mine"

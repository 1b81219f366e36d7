"""An encoder as a user would write it keeps to every rule, and each variant breaks one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from mmgraph.encoders import Encoder
from mmgraph.errors import ConfigError, UnknownNameError
from mmgraph.plugins import load_plugin
from mmgraph.registry import ENCODERS
from mmgraph.testing import ENCODER_RULES, ContractError, check_encoder

CASES: dict[str, tuple[type, str]] = {}


@dataclass(kw_only=True, eq=False)
class Letters(Encoder[Any, np.ndarray]):
    """Text: how often each letter stands in it, less the mean.

    Args:
        unit: What counts as one.
    """

    kind: ClassVar[str] = "text"
    version: ClassVar[int] = 1

    unit: Annotated[float, Field(gt=0, description="What counts as one.")] = 1.0

    def describe(self, raw, progress):
        places = [[text.lower().find(chr(letter)) for letter in range(97, 123)] for text in raw.values]
        return np.array(places, dtype=np.float32)

    def fit(self, described):
        self._fitted = described.mean(axis=0)

    def transform(self, described):
        return ((described - self.fitted) / self.unit).astype(np.float32)

    @property
    def channels(self):
        return len(self.fitted)

    def fitted_state(self):
        return {}, {"mean": self.fitted}

    def restore(self, state, arrays):
        self._fitted = arrays["mean"]


def breaks(rule):
    def decorator(kind):
        CASES[kind.__name__] = (kind, rule)
        return kind

    return decorator


@breaks("declaration")
class NoVersion(Letters):
    version = 0


@breaks("features")
class Double(Letters):
    def transform(self, described):
        return described - self.fitted.astype(np.float64)


@breaks("distinct")
class Constant(Letters):
    def transform(self, described):
        return 0 * super().transform(described)


@breaks("alone")
class Ranked(Letters):
    def describe(self, raw, progress):
        return super().describe(raw, progress) + len(raw)


@breaks("inputs")
class InPlace(Letters):
    def transform(self, described):
        described -= self.fitted
        return described


@breaks("one item")
class Spread(Letters):
    def fit(self, described):
        with np.errstate(all="ignore"):
            self._fitted = described.mean(axis=0) / described.std(axis=0).max()


@breaks("new items")
class BatchMean(Letters):
    def transform(self, described):
        return super().transform(described) - described.mean()


@breaks("repetition")
class Noisy(Letters):
    def fit(self, described):
        self._fitted = described.mean(axis=0) + np.random.default_rng().random(26, dtype=np.float32)


@breaks("state")
class Forgetful(Letters):
    def restore(self, state, arrays):
        self._fitted = 0 * arrays["mean"]


@breaks("before fitting")
class Eager(Letters):
    def transform(self, described):
        return described if self._fitted is None else super().transform(described)


@breaks("learns")
class Mistaken(Letters):
    learns = False


def test_a_sound_encoder_keeps_to_all_rules():
    check_encoder(Letters)
    check_encoder(Letters, parameters={"unit": 3})


@pytest.mark.parametrize("name", CASES)
def test_each_rule_is_broken_by_its_encoder_alone(name):
    kind, rule = CASES[name]
    with pytest.raises(ContractError) as caught:
        check_encoder(kind)
    assert rule in caught.value.rules
    check_encoder(kind, skip=caught.value.rules)
    assert len(caught.value.rules) <= 3


def test_every_rule_has_a_case():
    assert {rule for _, rule in CASES.values()} == {rule.name for rule in ENCODER_RULES}


@pytest.mark.parametrize(
    ("name", "decorator"), [("letters", "@mg.ENCODERS.register"), ("brightness", "@mg.encoder")]
)
def test_the_encoders_of_the_page_keep_to_all_rules(name, decorator, tmp_path, monkeypatch):
    page = Path(__file__).resolve().parents[2] / "docs" / "how_to" / "encoders.md"
    codes = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [code for code in codes if decorator in code]
    monkeypatch.setattr(ENCODERS, "_things", dict(ENCODERS._things))
    (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    load_plugin(tmp_path / f"{name}.py")
    check_encoder(name)


@pytest.mark.parametrize("name", ["tfidf", "hog", "columns", "standardise"])
def test_there_are_items_of_each_kind(name):
    check_encoder(name)


def test_wrong_arguments():
    with pytest.raises(ConfigError, match="there is no rule 'alnoe'"):
        check_encoder(Letters, skip=["alnoe"])
    with pytest.raises(UnknownNameError, match="there is no encoder 'tfdif'"):
        check_encoder("tfdif")

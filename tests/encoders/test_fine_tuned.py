"""Every architecture as a part of a model: begins as the frozen encoder, is trained, kept and taken over."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from mmgraph.encoders import ImageTransformer, TextTransformer
from mmgraph.errors import ConfigError, MissingDependencyError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

WORDS = ["red", "green", "small", "large", "circle", "square"]
TEXTS = ["red circle", "small green square red", "red", "large square", "green circle small"]


@pytest.fixture(scope="module")
def folder_of(tiny_models, tmp_path_factory):
    made = {}

    def make(architecture):
        if architecture not in made:
            folder = tmp_path_factory.mktemp(architecture)
            if architecture in ("clip", "siglip"):
                tiny_models.joint_model(architecture, WORDS, folder)
            elif architecture in ("vit", "dinov2"):
                tiny_models.image_model(architecture, folder)
            else:
                tiny_models.text_model(architecture, WORDS, folder)
            made[architecture] = folder
        return made[architecture]

    return make


def check(encoder, items, quiet, tmp_path, rank):
    from mmgraph.encoders.fine_tuned import FineTuned

    described = encoder.describe(items, quiet)
    encoder.fit(described)
    inputs = torch.from_numpy(encoder.inputs(items, quiet))
    tuned, other = (FineTuned(encoder, inputs[:1], lora_rank=rank, batch_size=2) for _ in range(2))
    with torch.no_grad():
        np.testing.assert_allclose(tuned.eval()(inputs), encoder.transform(described), atol=1e-4)
    optimiser = torch.optim.SGD(tuned.trained, lr=0.1)
    for _ in range(2):
        # The first step of low-rank changes moves but one of their two factors.
        optimiser.zero_grad()
        tuned(inputs).square().mean().backward()
        assert all(weight.grad is not None for weight in tuned.trained)
        optimiser.step()
    save_file({name: value.contiguous() for name, value in tuned.state_dict().items()}, tmp_path / "kept")
    other.eval().load_state_dict(load_file(tmp_path / "kept"))
    with torch.no_grad():
        assert not np.allclose(tuned(inputs), encoder.transform(described), atol=1e-4)
        assert torch.equal(other(inputs), tuned(inputs))


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("architecture", ["bert", "gpt2", "t5", "clip", "siglip"])
def test_text_models_are_trained_and_kept(architecture, rank, folder_of, raw, quiet, tmp_path):
    if rank:
        pytest.importorskip("peft")
    encoder = TextTransformer(model=str(folder_of(architecture)), trainable=True)
    check(encoder, raw("text", TEXTS), quiet, tmp_path, rank)


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("architecture", ["vit", "dinov2", "clip", "siglip"])
def test_image_models_are_trained_and_kept(architecture, rank, folder_of, raw, image_file, quiet, tmp_path):
    if rank:
        pytest.importorskip("peft")
    rng = np.random.default_rng(0)
    shapes = [(40, 50, 3), (32, 32, 3), (90, 33, 3), (20, 20, 3)]
    files = [
        image_file(f"{i}.png", rng.integers(0, 256, shape, dtype=np.uint8)) for i, shape in enumerate(shapes)
    ]
    encoder = ImageTransformer(model=str(folder_of(architecture)), trainable=True)
    check(encoder, raw("image", files), quiet, tmp_path, rank)


def test_without_peft_lora_says_how_to_install_it(folder_of, raw, quiet, monkeypatch):
    from mmgraph.encoders.fine_tuned import FineTuned

    encoder = TextTransformer(model=str(folder_of("bert")), trainable="lora")
    encoder.fit(encoder.describe(raw("text", TEXTS), quiet))
    inputs = torch.from_numpy(encoder.inputs(raw("text", TEXTS), quiet))
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mmgraph\[lora\]'"):
        FineTuned(encoder, inputs[:1], lora_rank=2)


def test_pictures_of_several_shapes_are_refused(folder_of, raw, image_file, quiet, monkeypatch):
    encoder = ImageTransformer(model=str(folder_of("vit")), trainable=True)
    found = encoder._found()
    processor = type(found.prepare)
    call = processor.__call__

    def of_any_shape(self, images, **options):
        return call(self, images=images, size={"height": images.height, "width": images.width}, **options)

    monkeypatch.setattr(processor, "__call__", of_any_shape)
    files = [image_file(f"{n}.png", np.zeros((n, 20, 3), np.uint8)) for n in (16, 24)]
    with pytest.raises(ConfigError, match=r"trainable: got True, but .* several shapes"):
        encoder.inputs(raw("image", files), quiet)

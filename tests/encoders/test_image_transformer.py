"""Images by models of two small layers, from ViT to ResNet, against the library's own documented use."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmgraph.encoders import ImageTransformer
from mmgraph.errors import ConfigError, DataError

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder_of(tiny_models, tmp_path_factory):
    made = {}

    def make(architecture):
        if architecture not in made:
            folder = tmp_path_factory.mktemp(architecture)
            joint = architecture in ("clip", "siglip")
            made[architecture] = (
                tiny_models.joint_model(architecture, ["red"], folder)
                if joint
                else tiny_models.image_model(architecture, folder)
            )
        return made[architecture]

    return make


@pytest.fixture
def files(image_file):
    rng = np.random.default_rng(0)
    shapes = [(40, 50, 3), (32, 32, 3), (90, 33, 3), (20, 20, 3), (64, 64, 4)]
    pictures = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    return [image_file(f"{i}.png", picture) for i, picture in enumerate(pictures)]


def outputs(folder, files):
    """What the library makes of RGB pictures in one batch, as its pages show."""
    import transformers

    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    pictures = [Image.open(file).convert("RGB") for file in files]
    with torch.no_grad():
        half = getattr(model, "vision_model", model)
        return half(**processor(images=pictures, return_tensors="pt"))


@pytest.mark.parametrize("architecture", ["vit", "dinov2", "clip", "siglip"])
def test_pooled_states_are_those_of_the_library(architecture, folder_of, raw, files, quiet):
    expected = outputs(folder_of(architecture), files[:4])
    encoder = ImageTransformer(model=str(folder_of(architecture)))
    described = encoder.describe(raw("image", files[:4]), quiet)
    assert described.dtype == np.float32
    np.testing.assert_allclose(described, expected.pooler_output.numpy(), atol=1e-5)
    assert len(np.unique(described.round(3), axis=0)) == 4


@pytest.mark.parametrize("architecture", ["resnet", "convnext"])
def test_convolutions_give_what_they_pool(architecture, folder_of, raw, files, quiet):
    folder = folder_of(architecture)
    expected = outputs(folder, files[:4]).pooler_output.numpy().reshape(4, 16)
    encoder = ImageTransformer(model=str(folder), trainable=True)
    items = raw("image", files[:4])
    described = encoder.describe(items, quiet)
    assert described.shape == (4, 16)
    np.testing.assert_allclose(described, expected, atol=1e-5)
    with torch.no_grad():
        trained = encoder.network().eval()(torch.from_numpy(encoder.inputs(items, quiet)))
    np.testing.assert_allclose(trained.numpy(), expected, atol=1e-5)
    with pytest.raises(ConfigError, match=r"got mean, but .* keeps no states of patches"):
        ImageTransformer(model=str(folder), pooling="mean").describe(items, quiet)


@pytest.mark.parametrize("architecture", ["vit", "dinov2", "clip", "siglip"])
def test_the_mean_is_over_the_sixteen_patches(architecture, folder_of, raw, files, quiet):
    states = outputs(folder_of(architecture), files[:4]).last_hidden_state.numpy()
    assert states.shape[1] == (16 if architecture == "siglip" else 17)
    encoder = ImageTransformer(model=str(folder_of(architecture)), pooling="mean")
    described = encoder.describe(raw("image", files[:4]), quiet)
    np.testing.assert_allclose(described, states[:, -16:].mean(axis=1), atol=1e-5)


def test_the_first_token(folder_of, raw, files, quiet):
    states = outputs(folder_of("vit"), files[:4]).last_hidden_state.numpy()
    encoder = ImageTransformer(model=str(folder_of("vit")), pooling="first")
    np.testing.assert_allclose(encoder.describe(raw("image", files[:4]), quiet), states[:, 0], atol=1e-5)
    with pytest.raises(ConfigError, match=r"pooling: got first, but .* has no token before the patches"):
        ImageTransformer(model=str(folder_of("siglip")), pooling="first").describe(raw("image", files), quiet)


def test_a_pooler_without_weights_is_not_used(folder_of, raw, files, quiet, tmp_path):
    import shutil

    from safetensors.numpy import load_file, save_file

    shutil.copytree(folder_of("vit"), tmp_path / "headless")
    file = tmp_path / "headless" / "model.safetensors"
    weights = {name: array for name, array in load_file(file).items() if not name.startswith("pooler.")}
    save_file(weights, file, metadata={"format": "pt"})
    states = outputs(folder_of("vit"), files[:4]).last_hidden_state.numpy()
    encoder = ImageTransformer(model=str(tmp_path / "headless"))
    np.testing.assert_allclose(encoder.describe(raw("image", files[:4]), quiet), states[:, 0], atol=1e-5)


@pytest.mark.parametrize("architecture", ["vit", "clip", "siglip"])
def test_an_image_has_the_same_bits_whatever_it_is_encoded_with(architecture, folder_of, raw, files, quiet):
    encoder = ImageTransformer(model=str(folder_of(architecture)))
    together = encoder.describe(raw("image", files * 3), quiet)
    for i, file in enumerate(files):
        assert encoder.describe(raw("image", [file]), quiet).tobytes() == together[i].tobytes()


def test_images_that_cannot_be_read_are_reported_together(folder_of, raw, files, quiet):
    for i in (1, 3):
        files[i].write_bytes(files[i].read_bytes()[:100])
    encoder = ImageTransformer(model=str(folder_of("vit")))
    with pytest.raises(DataError, match="2 of 5 image files cannot be used") as caught:
        encoder.describe(raw("image", files), quiet)
    assert "1.png" in str(caught.value)
    assert "3.png" in str(caught.value)


def test_a_model_of_texts_is_refused(tiny_models, raw, files, quiet, tmp_path):
    folder = tiny_models.text_model("bert", ["red"], tmp_path / "bert")
    with pytest.raises(DataError, match=r"image_transformer: .*bert: the model cannot be loaded"):
        ImageTransformer(model=str(folder)).describe(raw("image", files), quiet)


def test_a_picture_that_is_much_longer_than_wide_is_refused(folder_of, image_file, raw, quiet):
    thin = image_file("thin.png", Image.new("RGB", (5001, 100)))
    with pytest.raises(DataError, match="5,001 x 100 pixels large; wanted at most 50 times as long as wide"):
        ImageTransformer(model=str(folder_of("dinov2"))).describe(raw("image", [thin]), quiet)

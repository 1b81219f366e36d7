"""The joint space of CLIP and SigLIP of two small layers, against the library's own documented use."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.load import load_dataset
from mmgraph.encoders import ClipImage, ClipText
from mmgraph.errors import ConfigError
from mmgraph.graph import build_graph
from mmgraph.relations import CrossModal

torch = pytest.importorskip("torch")

WORDS = ["red", "green", "small", "large", "circle", "square"]
TEXTS = ["red circle", "small green square", "red", "large square"]


@pytest.fixture(scope="module", params=["clip", "siglip"])
def folder(request, tiny_models, tmp_path_factory):
    return tiny_models.joint_model(request.param, WORDS, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def files(image_file):
    rng = np.random.default_rng(0)
    return [image_file(f"{i}.png", rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for i in range(4)]


@pytest.fixture
def described(folder, raw, files, quiet):
    text = ClipText(model=str(folder)).describe(raw("text", TEXTS), quiet)
    return text, ClipImage(model=str(folder)).describe(raw("image", files), quiet)


def test_features_and_likeness_are_those_of_the_library(folder, described, files):
    import transformers

    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pixels = transformers.AutoImageProcessor.from_pretrained(folder)(
        images=[Image.open(file).convert("RGB") for file in files], return_tensors="pt"
    )
    joint = model.config.model_type == "clip"
    padding = {"padding": True} if joint else {"padding": "max_length", "max_length": 16}
    tokens = tokenizer(TEXTS, return_tensors="pt", return_token_type_ids=False, **padding)
    tokens = dict(tokens) if joint else {"input_ids": tokens["input_ids"]}
    with torch.no_grad():
        out = model(**tokens, **pixels)
        text, image = model.get_text_features(**tokens), model.get_image_features(**pixels)
    np.testing.assert_allclose(described[0], text.pooler_output.numpy(), atol=1e-5)
    np.testing.assert_allclose(described[1], image.pooler_output.numpy(), atol=1e-5)
    ours = features(folder, *described)
    cosine = ours[1] @ ours[0].T / ours[0].shape[1]
    logits = cosine * model.logit_scale.exp().item() + (0 if joint else model.logit_bias.item())
    np.testing.assert_allclose(logits, out.logits_per_image.numpy(), atol=1e-4)


def features(folder, text, image):
    encoders = ClipText(model=str(folder)), ClipImage(model=str(folder))
    for encoder, rows in zip(encoders, (text, image), strict=True):
        encoder.fit(rows[:1])
    return [encoder.transform(rows) for encoder, rows in zip(encoders, (text, image), strict=True)]


def test_both_sides_have_one_length_and_nothing_is_fitted(folder, described):
    for rows in features(folder, *described):
        np.testing.assert_allclose((rows**2).mean(axis=1), 1, rtol=1e-5)


def test_a_model_without_a_joint_space_is_refused(tiny_models, raw, quiet, tmp_path):
    folder = tiny_models.text_model("bert", WORDS, tmp_path / "bert")
    with pytest.raises(
        ConfigError, match=r"clip_text: model: got a model of the type 'bert'.*text_transformer"
    ):
        ClipText(model=str(folder)).describe(raw("text", TEXTS), quiet)


def test_texts_and_images_meet_in_a_graph(folder, files, tmp_path):
    frame = pd.DataFrame({"id": list("abcd"), "text": TEXTS, "picture": [file.name for file in files]})
    frame.to_csv(tmp_path / "items.csv", index=False)
    modalities = {
        "text": {"kind": "text", "column": "text", "encoder": {"name": "clip_text", "model": str(folder)}},
        "image": {
            "kind": "image",
            "column": "picture",
            "encoder": {"name": "clip_image", "model": str(folder)},
        },
    }
    spec = {"name": "joint", "entities": {"item": {"table": "items.csv", "modalities": modalities}}}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec))
    near = CrossModal("item/text", "item/image", k=1, space="shared")
    graph = build_graph(load_dataset(tmp_path), relations=[("near", near)], cache=False)
    text, image = graph.features["item/text"], graph.features["item/image"]
    source, target = graph.edge_index["item/text", "near", "item/image"]
    assert source[np.argsort(target)].tolist() == (image @ text.T).argmax(axis=1).tolist()

"""Regions of images: boxes that are given, and boxes that a detector finds as its library documents it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmgraph.data.pairs import Pair
from mmgraph.data.regions import Regions
from mmgraph.encoders import HOG, DetectedRegions, GivenRegions, VisualBert
from mmgraph.errors import ConfigError, DataError

BOXES = ((0.0, 0.0, 20.0, 40.0), (10.4, 5.0, 39.5, 30.0))


@pytest.fixture
def picture(image_file, gradient):
    return image_file("gradient.png", gradient)


def hog_of(picture, boxes, image_file, raw, quiet):
    """What HOG makes of parts of a picture that are cut out by hand."""
    files = [
        image_file(f"part-{n}.png", Image.open(picture).convert("RGB").crop(box))
        for n, box in enumerate(boxes)
    ]
    return HOG().describe(raw("image", files), quiet)


def test_boxes_are_described_as_pictures_of_their_own(picture, image_file, raw, quiet):
    described = GivenRegions().describe(raw("regions", [Regions(picture, BOXES)]), quiet)
    wanted = hog_of(picture, [(0, 0, 20, 40), (10, 5, 40, 30)], image_file, raw, quiet)
    np.testing.assert_allclose(described[0, 0], wanted.mean(axis=0), rtol=1e-6)
    assert described.shape == (1, 1, wanted.shape[1])
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3


def test_each_box_alone_is_what_the_mean_is_of(picture, raw, quiet):
    alone = [Regions(picture, (box,)) for box in BOXES]
    parts = GivenRegions().describe(raw("regions", alone), quiet)
    whole = GivenRegions().describe(raw("regions", [Regions(picture, BOXES)]), quiet)
    np.testing.assert_allclose(parts.mean(axis=0), whole[0], rtol=1e-6)


def test_what_lies_outside_is_left_out_and_a_box_outside_is_refused(picture, image_file, raw, quiet):
    over = GivenRegions().describe(raw("regions", [Regions(picture, ((-5.0, 20.0, 20.0, 99.0),))]), quiet)
    np.testing.assert_array_equal(
        over[0, 0], hog_of(picture, [(0, 20, 20, 40)], image_file, raw, quiet)[0].astype(np.float32)
    )
    outside = Regions(picture, ((50.0, 0.0, 60.0, 10.0),))
    with pytest.raises(DataError, match=r"gradient.png.*is 40 x 40 pixels large; the box \[50.0"):
        GivenRegions().describe(raw("regions", [Regions(picture, BOXES), outside]), quiet)


def test_another_encoder_of_images_is_another_description(tiny_models, tmp_path, picture, raw, quiet):
    folder = tiny_models.image_model("vit", tmp_path / "vit")
    encoder = GivenRegions(encoder={"name": "image_transformer", "model": str(folder)})
    described = encoder.describe(raw("regions", [Regions(picture, BOXES)]), quiet)
    assert described.shape == (1, 1, 16)
    assert encoder.description_parameters() != GivenRegions().description_parameters()
    with pytest.raises(ConfigError, match=r"encoder.*reads text; the modality is image"):
        GivenRegions(encoder={"name": "tfidf"})


@pytest.fixture(scope="module", params=["yolos", "detr"])
def detector(request, tiny_models, tmp_path_factory):
    return tiny_models.detector(request.param, tmp_path_factory.mktemp(request.param))


def by_the_library(folder, picture, threshold):
    """Boxes and scores as the pages of the library show it."""
    import torch
    import transformers

    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.AutoModelForObjectDetection.from_pretrained(folder).eval()
    image = Image.open(picture).convert("RGB")
    with torch.no_grad():
        outputs = model(**processor(images=image, return_tensors="pt"))
    target_sizes = torch.tensor([image.size[::-1]])
    return processor.post_process_object_detection(outputs, threshold=threshold, target_sizes=target_sizes)[0]


def test_what_is_found_is_what_the_library_finds(detector, picture, raw, quiet):
    scores = by_the_library(detector, picture, 0.0)["scores"].sort().values
    threshold = float(scores[1:3].mean())
    found = by_the_library(detector, picture, threshold)
    assert 0 < len(found["boxes"]) < len(scores)
    boxes = tuple(tuple(box) for box in found["boxes"].double().tolist())
    wanted = GivenRegions().describe(raw("regions", [Regions(picture, boxes)]), quiet)
    described = DetectedRegions(model=str(detector), threshold=threshold).describe(
        raw("image", [picture]), quiet
    )
    np.testing.assert_allclose(described, wanted, atol=1e-5)
    surest = boxes[int(found["scores"].argmax())]
    one = DetectedRegions(model=str(detector), threshold=threshold, most=1).describe(
        raw("image", [picture]), quiet
    )
    wanted = GivenRegions().describe(raw("regions", [Regions(picture, (surest,))]), quiet)
    np.testing.assert_allclose(one, wanted, atol=1e-5)


def test_where_nothing_is_found_the_whole_image_is_the_region(detector, picture, raw, quiet):
    described = DetectedRegions(model=str(detector), threshold=0.999).describe(raw("image", [picture]), quiet)
    np.testing.assert_allclose(described[0, 0], HOG().describe(raw("image", [picture]), quiet)[0], rtol=1e-6)


def test_a_model_without_heads_is_refused(tiny_models, tmp_path, picture, raw, quiet):
    folder = tiny_models.image_model("vit", tmp_path / "vit")
    with pytest.raises(DataError, match=r"encoder detected_regions.*the model cannot be loaded"):
        DetectedRegions(model=str(folder)).describe(raw("image", [picture]), quiet)


def test_visual_bert_takes_boxes_through_an_encoder_of_images(tiny_models, tmp_path, picture, raw, quiet):
    words = ["red", "square"]
    vit = tiny_models.image_model("vit", tmp_path / "vit")
    folder = tiny_models.pair_model("visual_bert", words, tmp_path / "visual_bert", regions=16)
    images = {"name": "image_transformer", "model": str(vit)}
    alone = [Regions(picture, (box,)) for box in BOXES]
    vectors = GivenRegions(encoder=images).describe(raw("regions", alone), quiet)[:, 0]
    encoder = VisualBert(model=str(folder), tokenizer=None, regions=images)
    described = encoder.describe(raw("pair", [Pair("red square", Regions(picture, BOXES))]), quiet)
    wanted = encoder.describe(raw("pair", [Pair("red square", vectors)]), quiet)
    np.testing.assert_allclose(described, wanted, atol=1e-5)
    bare = VisualBert(model=str(folder), tokenizer=None)
    assert bare.description_parameters() != encoder.description_parameters()
    with pytest.raises(ConfigError, match=r"regions: got boxes, and no encoder that makes a vector of each"):
        bare.describe(raw("pair", [Pair("red", Regions(picture, BOXES))]), quiet)


def test_regions_that_are_too_many_or_too_narrow_are_named(tiny_models, tmp_path, image_file, raw, quiet):
    thin = image_file("thin.png", Image.new("RGB", (400, 4)))
    vit = tiny_models.image_model("vit", tmp_path / "vit")
    encoder = GivenRegions(encoder={"name": "image_transformer", "model": str(vit)})
    with pytest.raises(
        DataError, match=r"thin.png.*has a part that is 400 x 4 pixels large; wanted at most 50"
    ):
        encoder.describe(raw("regions", [Regions(thin, ((0.0, 0.0, 400.0, 4.0),))]), quiet)
    folder = tiny_models.pair_model("visual_bert", ["red"], tmp_path / "visual_bert")
    many = Pair("red", np.zeros((1001, 3), np.float32))
    with pytest.raises(DataError, match=r"vectors \(1001, 3\).*has 1,001 regions; wanted at most 1,000"):
        VisualBert(model=str(folder), tokenizer=None).describe(raw("pair", [many]), quiet)


def test_an_encoder_that_makes_several_nodes_of_an_image_does_not_make_a_vector_of_a_box():
    several = {"name": "image_transformer", "pooling": "none"}
    for make in (GivenRegions, DetectedRegions):
        with pytest.raises(
            ConfigError, match=r"Regions: encoder: got image_transformer with a node for each part"
        ):
            make(encoder=several)
    with pytest.raises(ConfigError, match=r"VisualBert: regions: got image_transformer with a node for each"):
        VisualBert(regions=several)
    with pytest.raises(ConfigError, match=r"a\.yaml: encoder\.encoder: got image_transformer"):
        GivenRegions.from_config({"encoder": several}, where="a.yaml: encoder")

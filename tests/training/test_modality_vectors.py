"""The states of a modality's nodes: those that the last layer to read them finds."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.errors import ConfigError
from mmgraph.models.leading_to import leading_to
from mmgraph.training import load_run, train

TEXT = "thing/text"


@pytest.fixture(scope="module")
def folder(make_graph, quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("modality") / "run"
    graph = make_graph(np.random.default_rng(1).integers(0, 3, size=60), signal=1.0)
    graph.save(folder.parent / "graph")
    settings = [*quick, "max_epochs=2", "model.layers=[hetero_gat, co_attention]"]
    train(folder.parent / "graph", task="colour", overrides=settings, out=folder)
    return folder


def found_by_the_last_layer(run, node_type):
    """Return the states of a node type that reach the last layer, when all of the graph passes."""
    found = []
    hook = run.module.model.layers[-1].register_forward_pre_hook(
        lambda _, arguments: found.append(arguments[0][node_type].detach().clone())
    )
    run.evaluate("test")
    hook.remove()
    return found[0].numpy()


@pytest.mark.parametrize("modality", ["text", "image"])
def test_it_is_what_the_last_layer_finds(folder, modality):
    run = load_run(folder)
    ids, vectors = run.embed(modality=modality)
    assert ids.tolist() == run.graph.nodes[f"thing/{modality}"]["id"].tolist()
    assert len(ids) == {"text": 60, "image": 40}[modality]
    np.testing.assert_allclose(
        vectors, found_by_the_last_layer(load_run(folder), f"thing/{modality}"), atol=1e-6
    )
    # Neighbours were heard, so it is not the projection alone.
    alone = run.module.model.projection(run.view.data.x_dict)[f"thing/{modality}"].detach().numpy()
    assert np.abs(vectors - alone).max() > 1e-3


def test_part_by_part_it_is_the_same(folder):
    _, whole = load_run(folder).embed(modality="text")
    _, parts = load_run(folder, eval_batch_size=7).embed(modality="text")
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_where_the_first_layer_fuses_it_is_the_projection(make_graph, quick):
    graph = make_graph(np.random.default_rng(1).integers(0, 3, size=60))
    for size in ("null", "16"):
        options = [*quick, "max_epochs=1", f"eval_batch_size={size}", "model.layers=[late_fusion]"]
        run = train(graph, task="colour", overrides=options)
        projection = run.module.model.eval().projection
        wanted = projection({TEXT: run.view.data[TEXT].x})[TEXT].detach().numpy()
        np.testing.assert_allclose(run.embed(modality="text")[1], wanted, atol=1e-6)


def test_the_model_stays_whole(folder):
    run = load_run(folder)
    model, before = run.module.model, run.metrics()
    part = leading_to(model, TEXT)
    assert (len(part.layers), len(model.layers)) == (1, 2)
    assert part.layers[0] is model.layers[0]
    assert model.readout is not part.readout
    run.embed(modality="text")
    assert load_run(folder).metrics() == before == run.metrics()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"modality": "txt"}, "the model sees no modality 'txt' of 'thing'. Did you mean 'text'"),
        ({"modality": "text", "side": "image"}, "got 'text' beside the side 'image'; wanted one of both"),
    ],
)
def test_what_is_no_modality_is_refused(folder, asked, message):
    with pytest.raises(ConfigError, match=message):
        load_run(folder).embed(**asked)

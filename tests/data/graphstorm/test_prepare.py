"""A construction file of GraphStorm's is read as it is; what mmgraph cannot do is refused by name."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.graphstorm.prepare import prepare_graphstorm
from mmgraph.data.load import load_dataset
from mmgraph.errors import MMGraphError, UserError
from mmgraph.graph import build_graph

PAPERS = 40
PAPER: dict[str, Any] = {
    "node_type": "paper",
    "format": {"name": "parquet"},
    "files": ["data/paper-*.parquet"],
    "node_id_col": "nid",
    "features": [
        {"feature_col": "year", "transform": {"name": "max_min_norm"}},
        {"feature_col": ["cited"], "transform": {"name": "rank_gauss", "epsilon": 1e-5}},
        {"feature_col": "venue", "transform": {"name": "to_categorical"}},
        {"feature_col": "title", "transform": {"name": "bert_hf", "bert_model": "b", "max_seq_length": 16}},
        {
            "feature_col": "emb",
            "feature_name": "embedding",
            "transform": {"name": "no-op", "truncate_dim": 3},
        },
    ],
    "labels": [{"label_col": "label", "task_type": "classification", "split_pct": [0.5, 0.25, 0.25]}],
}
CITES: dict[str, Any] = {
    "relation": ["paper", "cites", "paper"],
    "format": {"name": "csv"},
    "files": "data/cites.csv",
    "source_id_col": "s",
    "dest_id_col": "t",
    "features": [{"feature_col": "w"}],
}
WROTE: dict[str, Any] = {
    "relation": ["author", "wrote-it", "paper"],
    "format": {"name": "csv", "separator": ","},
    "files": ["data/wrote.csv"],
    "source_id_col": "a",
    "dest_id_col": "p",
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that writes the data, and a construction file with a change to it."""
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    data = tmp_path / "source" / "data"
    data.mkdir(parents=True)
    papers = pd.DataFrame(
        {
            "nid": np.arange(PAPERS) + 100,
            "year": rng.normal(size=PAPERS),
            "cited": rng.integers(0, 99, PAPERS),
            "venue": rng.choice(list("ab"), PAPERS),
            "title": [f"word{n % 7} other{n % 3}" for n in range(PAPERS)],
            "emb": [rng.normal(size=4).astype(np.float32) for _ in range(PAPERS)],
            "label": rng.choice(["x", "y"], PAPERS),
        }
    )
    papers.iloc[:25].to_parquet(data / "paper-0.parquet")
    papers.iloc[25:].to_parquet(data / "paper-1.parquet")
    cites = pd.DataFrame({"s": np.arange(39) + 100, "t": np.arange(39) + 101, "w": np.arange(39) / 4})
    cites.to_csv(data / "cites.csv", index=False)
    wrote = pd.DataFrame({"a": [f"a{n % 9}" for n in range(60)], "p": np.arange(60) + 100})
    wrote.to_csv(data / "wrote.csv", index=False)

    def write(change: Callable[[dict[str, Any]], object] = lambda c: None) -> Path:
        content = copy.deepcopy({"version": "gconstruct-v0.1", "nodes": [PAPER], "edges": [CITES, WROTE]})
        change(content)
        file = tmp_path / "source" / "construct.json"
        file.write_text(json.dumps(content))
        return file

    return write


def test_it_becomes_a_graph(write: Write):
    graph = build_graph(load_dataset(write()), cache=False)
    assert [t.name for t in graph.schema.node_types] == [
        "paper",
        "paper/numbers",
        "paper/ranks",
        "paper/categories",
        "paper/title",
        "paper/embedding",
        "author",
    ]
    assert graph.schema.channels["paper/embedding"] == 3
    assert sorted(graph.nodes["paper"]["id"]) == [str(n) for n in range(100, 140)]
    cites = ("paper", "cites", "paper")
    ids = graph.nodes["paper"]["id"].to_numpy()
    source, target = graph.edge_index[cites]
    assert {(int(s) + 1) for s in ids[source]} == {int(t) for t in ids[target]}
    assert graph.edge_attr[cites][:, 0].tolist() == [(int(s) - 100) / 4 for s in ids[source]]
    # Twenty of the sixty rows name papers that are not there.
    assert graph.schema.edge_type(("author", "wrote_it", "paper")).num_edges == 40
    assert graph.nodes["author"]["id"].tolist() == [f"a{n}" for n in range(9)]
    task = graph.nodes["paper"]
    assert task["split:label"].value_counts().to_dict() == {"train": 20, "validation": 10, "test": 10}


def test_it_is_prepared_once_until_a_file_changes(write: Write, tmp_path: Path):
    file = write()
    first = prepare_graphstorm(file)
    assert prepare_graphstorm(file) == first
    (tmp_path / "source/data/cites.csv").write_text("s,t,w\n100,101,2\n")
    again = prepare_graphstorm(file)
    assert again != first
    assert build_graph(load_dataset(file), cache=False).schema.edge_types[-4].num_edges == 1


def test_the_same_files_give_the_same_dataset(write: Write, tmp_path: Path):
    file = write()
    for name in ("one", "two"):
        prepare_graphstorm(file, out=tmp_path / name)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
    with pytest.raises(UserError, match="is there already"):
        prepare_graphstorm(file, out=tmp_path / "one")


def test_overrides_reach_it(write: Write):
    dataset = load_dataset(write(), overrides=["entities.paper.modalities.numbers.encoder.numeric=log"])
    assert dataset.spec.entities["paper"].modalities["numbers"].encoder.parameters == {"numeric": "log"}


def test_blocks_of_one_type_are_columns_of_one_table(write: Write, tmp_path: Path):
    papers = pd.read_parquet(tmp_path / "source/data/paper-0.parquet")
    papers = pd.concat([papers, pd.read_parquet(tmp_path / "source/data/paper-1.parquet")])
    by_row = pd.DataFrame({"size": np.arange(PAPERS)})
    by_row.to_parquet(tmp_path / "source/data/size.parquet")
    shuffled = pd.DataFrame({"nid": papers["nid"], "age": papers["nid"] * 2}).sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "source/data/age.parquet")

    def change(content):
        for name, id_column in (("size", None), ("age", "nid")):
            block = {"node_type": "paper", "format": {"name": "parquet"}, "files": f"data/{name}.parquet"}
            block |= {"features": [{"feature_col": name}]} | ({"node_id_col": "nid"} if id_column else {})
            content["nodes"].append(block)

    out = prepare_graphstorm(write(change))
    table = pd.read_parquet(out / "nodes/paper.parquet")
    assert table["size"].tolist() == list(range(PAPERS))
    assert table["age"].tolist() == [2 * int(id) for id in table["id"]]


def test_without_ids_nodes_are_called_by_their_rows(write: Write):
    out = prepare_graphstorm(write(lambda c: c["nodes"][0].pop("node_id_col")))
    assert pd.read_parquet(out / "nodes/paper.parquet")["id"].tolist() == [str(n) for n in range(PAPERS)]


def test_splits_of_ones_own(write: Write, tmp_path: Path):
    data = tmp_path / "source/data"
    (data / "train.json").write_text("100\n101\n")
    (data / "valid.json").write_text("102\n")
    pd.DataFrame({"who": [103, 104]}).to_parquet(data / "test.parquet")

    def change(content):
        files = {"train": "data/train.json", "valid": ["data/valid.json"], "test": "data/test.parquet"}
        content["nodes"][0]["labels"][0]["custom_split_filenames"] = files | {"column": ["who"]}

    dataset = load_dataset(write(change))
    parts = dict(zip(dataset.entity_ids("paper"), dataset.split("label"), strict=True))
    assert [parts[str(n)] for n in range(100, 106)] == ["train", "train", "validation", "test", "test", ""]


def test_one_name_for_two_relations(write: Write):
    def change(content):
        content["edges"][1]["relation"][1] = "cites"

    assert set(load_dataset(write(change)).spec.relations) == {"paper_cites_paper", "author_cites_paper"}


def test_vectors_as_text(write: Write, tmp_path: Path):
    pd.DataFrame({"id": ["a0", "a1"], "v": ["1;2", "3;4.5"]}).to_csv(
        tmp_path / "source/data/author.csv", index=False
    )

    def change(content):
        feature = {"feature_col": "v", "transform": {"name": "no-op", "separator": ";"}}
        content["nodes"].append(
            {
                "node_type": "author",
                "format": {"name": "csv"},
                "files": "data/author.csv",
                "node_id_col": "id",
                "features": [feature],
            }
        )

    raw = load_dataset(write(change)).modality("author", "v")
    assert np.asarray(raw.values).tolist() == [[1, 2], [3, 4.5]]


def _transform(name: str, **keys: Any) -> Callable[[dict[str, Any]], object]:
    return lambda c: c["nodes"][0]["features"][0].update(transform={"name": name, **keys})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("edges"), "is no construction file of GraphStorm"),
        (lambda c: c.update(version="gsprocessing-v1.0"), "version: got 'gsprocessing-v1.0'"),
        (lambda c: c.update(is_homogeneous=True), "is_homogeneous"),
        (lambda c: c["nodes"][0].update(format={"name": "hdf5"}), r"nodes\[0\].format.name: got 'hdf5'"),
        (lambda c: c["edges"][0]["format"].update(separator="\t"), "format.separator"),
        (_transform("bucket_numerical", range=[1, 2]), "bucket_numerical"),
        (_transform("to_categorical", separator=";"), "to_categorical with separator is nothing that"),
        (_transform("max_min_norm", max_bound=2), "max_bound"),
        (lambda c: c["nodes"][0]["features"][0].update(out_dtype="float16"), "out_dtype"),
        (lambda c: c["nodes"][0]["features"][0].update(feature_col=["a", "b"]), "feature_name is missing"),
        (lambda c: c["nodes"][0]["features"][0].update(feature_col="yaer"), "there is no column 'yaer'"),
        (lambda c: c["nodes"][0]["labels"][0].update(task_type="link_prediction"), "task_type"),
        (lambda c: c["nodes"][0]["labels"][0].update(label_col="lable"), "there is no column 'lable'"),
        (lambda c: c["nodes"][0]["labels"][0].update(split_pct=[0.8, 0.2, 0]), "three shares above 0"),
        (lambda c: c["nodes"][0]["labels"][0].update(mask_field_names=["a"]), "mask_field_names"),
        (
            lambda c: c["nodes"][0]["labels"][0].update(custom_split_filenames={"train": "data/x.json"}),
            "there is no valid and no test",
        ),
        (lambda c: c["edges"][0].update(labels=[{"task_type": "link_prediction"}]), r"edges\[0\].labels"),
        (
            lambda c: c["edges"][0]["features"][0].update(transform={"name": "standard"}),
            "the edge feature w has the transform standard",
        ),
        (lambda c: c["edges"][0].update(source_id_col="src"), "got 'src'; .*has no such column"),
        (lambda c: c["edges"].append(c["edges"][0]), "stands twice"),
        (lambda c: c["nodes"][0].update(files="data/none-*.parquet"), "leads to no file"),
        (lambda c: c["nodes"][0].update(files="../../etc/passwd"), "leaves the folder"),
        (lambda c: c["nodes"][0].update(files="/etc/passwd"), "leaves the folder"),
        (lambda c: c["nodes"][0].update(files="data/cites.csv"), "does not end in .parquet"),
        (lambda c: c["nodes"][0].update(node_id_col="venue"), "stands more than once"),
    ],
)
def test_what_mmgraph_cannot_do_is_refused_by_name(write: Write, tmp_path: Path, change, message):
    with pytest.raises(MMGraphError, match=message):
        prepare_graphstorm(write(change), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_all_faults_are_reported_at_once(write: Write):
    def change(content):
        content["nodes"][0]["features"][0]["transform"]["name"] = "bucket_numerical"
        content["edges"][0]["surprise"] = 1

    with pytest.raises(MMGraphError, match="2 faults"):
        prepare_graphstorm(write(change))


def test_a_link_cannot_lead_out_of_the_folder(write: Write, tmp_path: Path):
    (tmp_path / "secret.parquet").write_text("x")
    (tmp_path / "source/data/paper-9.parquet").symlink_to(tmp_path / "secret.parquet")
    with pytest.raises(MMGraphError, match="leaves the folder"):
        prepare_graphstorm(write())

"""Search by likeness: by id, by content, with weights and conditions; the index; the page."""

from __future__ import annotations

import json
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import mmgraph as mg
import mmgraph.serving.vector_index as module
from mmgraph.errors import MMGraphError, RunError
from mmgraph.graph.lazy import LazyMapping
from mmgraph.hashing import Hasher
from mmgraph.progress import Progress
from mmgraph.serving.asked import Question, read_question
from mmgraph.serving.page import search_page
from mmgraph.serving.predictor import Predictor
from mmgraph.serving.search import VectorSearch
from mmgraph.serving.vector_index import as_units, make_index, open_index

pytest.importorskip("faiss")

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def search(run) -> VectorSearch:
    return VectorSearch(run)


def by_hand(run, unit, k, without=()):
    """Return the ids with the largest cosines."""
    ids, vectors = run.embed("product")
    cosine = as_units(vectors) @ unit
    order = [row for row in np.argsort(-cosine, kind="stable") if ids[row] not in without]
    return ids[order[:k]].tolist(), cosine[order[:k]]


def test_by_id_the_nearest_others_are_found(run, search):
    ids, vectors = run.embed("product")
    unit = as_units(vectors)[ids.tolist().index("p7")]
    found = search.like("p7", k=6)
    wanted, cosines = by_hand(run, unit, 6, without={"p7"})
    assert found.table["id"].tolist() == wanted
    np.testing.assert_allclose(found.table["similarity"], cosines, atol=1e-6)
    assert found.candidates == 59
    assert len(search.like("p7", k=1000).table) == 59


def test_by_content_what_a_new_entity_is_like_is_found(run, search, shop_folder):
    row = {"title": "warm fire item1", "picture": "9.png"}
    vector = Predictor(run).embed([{"sku": "new", **row}], folder=shop_folder).vectors
    found = search.find(row, folder=shop_folder, k=5)
    assert found.table["id"].tolist() == by_hand(run, as_units(vector)[0], 5)[0]
    assert found.notes == ["no facts; no neighbour by bought_with, made_by, same_shelf"]


def test_weights_average_modalities_that_are_embedded_alone(run, search, shop_folder):
    parts = [{"sku": "a", "title": "warm fire item1"}, {"sku": "b", "picture": "10.png"}]
    one, two = as_units(Predictor(run).embed(parts, folder=shop_folder).vectors)
    row = {"title": "warm fire item1", "picture": "10.png"}
    for weights, unit in (({"name": 3.0}, 3 * one + two), ({"picture": 5, "name": 0.5}, 0.5 * one + 5 * two)):
        found = search.find(row, weights=weights, folder=shop_folder, k=7)
        wanted, cosines = by_hand(run, as_units(unit[None])[0], 7)
        assert found.table["id"].tolist() == wanted
        np.testing.assert_allclose(found.table["similarity"], cosines, atol=1e-5)
        by_name, by_picture = found.notes
        assert by_name.startswith("name alone: no picture, facts; ")
        assert by_picture.startswith("picture alone: no name, facts; ")


def test_a_known_entity_and_a_description_are_averaged(run, search, shop_folder):
    ids, vectors = run.embed("product")
    known = as_units(vectors)[ids.tolist().index("p7")]
    row = {"title": "warm fire item1", "picture": "10.png"}
    parts = [{"sku": "a", "title": row["title"]}, {"sku": "b", "picture": row["picture"]}]
    one, two = as_units(Predictor(run).embed(parts, folder=shop_folder).vectors)
    whole = as_units(Predictor(run).embed([{"sku": "a", **row}], folder=shop_folder).vectors)[0]
    for weights, unit in ((None, known + whole), ({"id": 3.0, "name": 2}, 3 * known + 2 * one + two)):
        found = search.find(row, like="p7", weights=weights, folder=shop_folder, k=7)
        wanted, cosines = by_hand(run, as_units(unit[None])[0], 7, without={"p7"})
        assert found.table["id"].tolist() == wanted
        np.testing.assert_allclose(found.table["similarity"], cosines, atol=1e-5)
        assert found.candidates == 59


def test_conditions_leave_the_nearest_of_those_that_meet_them(run, shop_folder):
    search = VectorSearch(run, table=shop_folder / "products.csv")
    table = pd.read_csv(shop_folder / "products.csv").set_index("sku")
    found = search.like("p7", k=4, where=["colour=red", "weight<40", "material != glass"])
    chosen = table.loc[found.table["id"]]
    assert (chosen["colour"] == "red").all()
    assert (chosen["weight"] < 40).all()
    everybody = search.like("p7", k=59).table["id"]
    meets = table.query("colour == 'red' and weight < 40 and material != 'glass'").index
    assert found.table["id"].tolist() == [name for name in everybody if name in meets][:4]
    assert found.candidates == len(meets.drop("p7", errors="ignore"))
    assert len(search.like("p7", where=["title=", "weight>=1"]).table) == 9
    assert len(search.like("p7", k=99, where=["title!=nothing"]).table) == 60 - 9 - 1
    assert search.like("p7", where=["colour=red", "colour=blue"]).table.empty


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("colur=red", "there is no column 'colur'. Did you mean 'colour'?"),
        ("colour", "wanted a column, one of = != < <= > >= ~, and a value"),
        ("colour<red", "got 'red' and a cell '"),
        ("colour<3", "wanted numbers, or dates, to compare by <. Compare text by =, != or ~"),
    ],
)
def test_conditions_that_cannot_be_used_say_why(search, where, wanted):
    with pytest.raises(MMGraphError) as caught:
        search.like("p7", where=[where])
    assert wanted in str(caught.value)


def test_conditions_on_dates_and_on_what_is_true(run):
    ids = [f"p{number}" for number in range(4)]
    facts = pd.DataFrame(
        {
            "sku": ids,
            "sold": ["2022-01-31", "2021-12-31T23:00", None, "2022-02-01"],
            "made": pd.to_datetime(["2022-01-31", "2021-12-31", None, "2022-02-01"]),
            "stock": [True, False, True, False],
            "tags": ["red|sale", "sale", "red", None],
            "size": ["2", "2.0", "<none>", "> 5"],
        }
    )
    search = VectorSearch(run, table=facts)

    def meets(*where):
        return sorted(search.like("p9", k=99, where=where).table["id"])

    for column in ("sold", "made"):
        assert meets(f"{column}<2022-01-31") == ["p1"]
        assert meets(f"{column}>=2022-01-31T00:00") == ["p0", "p3"]
        assert meets(f"{column}=2022-02-01") == ["p3"]
    assert meets("stock=true") == meets("stock==True") == ["p0", "p2"]
    assert meets("tags~sale") == ["p0", "p1"]
    assert meets("tags~red", "sold=>2022-01-01") == ["p0"]
    assert meets("size=2") == ["p0", "p1"]
    assert meets("size!=2") == ["p2", "p3"]
    assert meets("size=<none>") == ["p2"]
    with pytest.raises(MMGraphError, match="and a cell '<none>'; wanted numbers, or dates, to compare by <"):
        meets("size<3")


def test_a_value_that_no_entity_has_is_told(search):
    found = search.like("p7", where=["colour=RED"])
    assert found.table.empty
    assert found.notes == ["no entity has the colour 'RED'. Did you mean 'red'?"]
    assert search.like("p7", where=["colour=red", "colour=blue"]).notes == []
    assert search.like("p7", where=["colour~green-ish"]).notes == [
        "no entity has a colour that holds 'green-ish'."
    ]
    assert search.like("p7", where=["colour=re"]).notes == [
        "no entity has the colour 're'. Did you mean colour~re?"
    ]


def test_a_column_of_a_query_that_nothing_reads_is_told(search):
    notes = search.find({"title": "red mug", "colr": "x"}).notes
    assert "the column 'colr' is read by nothing" in notes
    with pytest.raises(MMGraphError, match=r"got no modality.*Did you mean 'title'\?"):
        search.find({"titel": "red mug"})


def test_the_index_is_kept_until_the_weights_change(make_run, tmp_path):
    run = make_run("mlp")
    run.save(tmp_path / "run")
    progress: list[str] = []

    class Listening(mg.Progress):
        def say(self, text):
            progress.append(text)

    def opened():
        progress.clear()
        index = open_index(mg.load_run(tmp_path / "run", graph=run.graph), "product", progress=Listening())
        return index.nearest(np.eye(16, dtype=np.float32)[0], 5)[0].tolist()

    first = opened()
    assert progress == ["index of 60 vectors: flat, which is exact"]
    assert opened() == first
    assert progress == []
    file = tmp_path / "run" / "search" / "product" / "index.faiss"
    file.write_bytes(file.read_bytes()[:-8])
    assert opened() == first
    assert len(progress) == 1
    changed = mg.load_run(tmp_path / "run", graph=run.graph)
    with torch.no_grad():
        changed.module.model.readout.norm["product"].weight.mul_(torch.linspace(-2, 2, 16))
    changed.save(tmp_path / "changed")
    shutil.copy(tmp_path / "changed" / "model.safetensors", tmp_path / "run")
    assert opened() != first
    assert len(progress) == 1


def test_many_vectors_get_an_approximate_index_whose_recall_is_measured(tmp_path, capsys):
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(3000, 16)) * np.linspace(3, 0.1, 16)).astype(np.float32)
    index = make_index(vectors, flat_up_to=1000, progress=mg.Progress())
    assert index.kind == "pq"
    assert 0.97 <= index.recall <= 1
    assert f"recall@10 on a sample of 200: {index.recall:.3f}" in capsys.readouterr().err
    units = as_units(vectors)
    np.testing.assert_allclose(index.vectors(np.array([5, 70])), units[[5, 70]], atol=1e-6)
    wanted = np.argsort(-(units @ units[3]))[:10]
    assert len(np.intersect1d(index.nearest(units[3], 10)[0], wanted)) >= 9
    among = np.arange(0, 3000, 7)
    exact = among[np.argsort(-(units[among] @ units[3]), kind="stable")[:5]]
    assert index.nearest(units[3], 5, among=among)[0].tolist() == exact.tolist()


@pytest.mark.parametrize("width", [32, 33])
def test_many_queries_find_what_each_finds_alone(width):
    vectors = np.random.default_rng(0).normal(size=(2500, width)).astype(np.float32)
    index, exact = make_index(vectors, flat_up_to=1000), make_index(vectors)
    units = as_units(vectors)
    assert (index.kind, exact.kind) == ("pq", "flat")
    rows, cosines = index.search(units[:50], 10)
    wanted, _ = exact.search(units[:50], 10)
    shared = [len(np.intersect1d(one, other)) for one, other in zip(rows, wanted, strict=True)]
    assert np.mean(shared) >= 9.5
    for query in range(5):
        alone = index.nearest(units[query], 10)
        assert len(np.intersect1d(alone[0], rows[query])) >= 9
        np.testing.assert_allclose(alone[1], units[alone[0]] @ units[query], atol=1e-5)
        np.testing.assert_allclose(cosines[query], units[rows[query]] @ units[query], atol=1e-5)
    assert len(index.nearest(units[0], 9999)[0]) <= 2500


def test_a_kept_index_of_codes_finds_the_same(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(2500, 16)).astype(np.float32)
    index = make_index(vectors, flat_up_to=1000)
    module._write(index, tmp_path / "kept", "key")
    kept = module._read(tmp_path / "kept", "key")
    assert kept.describe() == index.describe()
    assert kept.effort == index.effort
    query = as_units(vectors)[:20]
    assert kept.search(query, 10)[0].tolist() == index.search(query, 10)[0].tolist()
    assert kept.vectors(np.array([7])).tolist() == index.vectors(np.array([7])).tolist()
    assert module._read(tmp_path / "kept", "other") is None


@pytest.mark.parametrize("damage", [b"", b"IxPx", b"nonsense" * 40])
def test_what_faiss_cannot_read_is_no_index(tmp_path, damage):
    """Also where its hash is right: a file may have been whole when it was written by another version."""
    folder = tmp_path / "kept"
    module._write(make_index(np.eye(4, dtype=np.float32)), folder, "key")
    (folder / "index.faiss").write_bytes(damage)
    record = json.loads((folder / "index.json").read_text())
    record["content"] = Hasher().file(folder / "index.faiss").hexdigest()
    (folder / "index.json").write_text(json.dumps(record))
    assert module._read(folder, "key") is None
    (folder / "index.faiss").unlink()
    assert module._read(folder, "key") is None


def test_an_index_that_is_replaced_while_it_is_read_is_the_one_that_was_checked(tmp_path, monkeypatch):
    folder, later = tmp_path / "kept", tmp_path / "later"
    for place, vectors in ((folder, np.eye(4)), (later, np.eye(4)[::-1])):
        module._write(make_index(vectors.astype(np.float32)), place, "key")
    checked = Hasher.stream

    def replaced(self, stream):
        found = checked(self, stream)
        (later / "index.faiss").replace(folder / "index.faiss")
        return found

    monkeypatch.setattr(Hasher, "stream", replaced)
    kept = module._read(folder, "key")
    assert kept.vectors(np.arange(4)).tolist() == np.eye(4).tolist()


def test_an_index_that_does_not_fit_on_the_disk_is_not_kept(make_run, tmp_path, monkeypatch):
    def full(*_):
        raise RuntimeError("write error: No space left on device")

    said: list[str] = []
    run = make_run("mlp")
    run.save(tmp_path / "run")
    monkeypatch.setattr(module._faiss(), "write_index", full)
    monkeypatch.setattr(Progress, "say", lambda _, text: said.append(text))
    assert len(open_index(run, "product", progress=Progress())) == 60
    assert "the index is not kept" in said[-1]
    assert "No space left on device" in said[-1]
    assert not list((tmp_path / "run" / "search").iterdir())


def test_threads_that_search_one_index_leave_each_other_their_candidates():
    units = as_units(np.random.default_rng(0).normal(size=(1500, 16)).astype(np.float32))
    coded = module._coded(module._faiss(), units, 4)
    kept: list[bool] = []

    class Slow:
        ntotal, base_index, k_factor = coded.ntotal, coded.base_index, 0.0

        def search(self, queries, k):
            before = self.k_factor
            time.sleep(0.1)
            kept.append(self.k_factor == before)
            return coded.search(queries, k)

    index = module.VectorIndex(Slow(), 1.0, 20)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda k: index.search(units[:2], k)[0].shape, [1, 3, 10]))
    assert found == [(2, 1), (2, 3), (2, 10)]
    assert kept == [True] * 3


def test_vectors_that_codes_cannot_tell_apart_are_searched_exactly(capsys, monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(6000, 512)).astype(np.float32)
    monkeypatch.setattr(module, "_TRIED", ((2, (1,)),))
    monkeypatch.setattr(module, "_FEWEST", 1)
    index = make_index(vectors, flat_up_to=1000, progress=mg.Progress())
    assert (index.kind, index.recall) == ("flat", 1.0)
    assert "the codes tell too few of these vectors apart" in capsys.readouterr().err


def ask(search, query=None, **options):
    return read_question(search, query, **options).ask(search, k=3, where=[])


def test_questions_are_read_as_they_are_typed(search, shop_folder):
    by_text = ask(search, text=["warm fire item1"])
    assert by_text.table.equals(ask(search, '{"title": "warm fire item1"}').table)
    assert by_text.table.equals(ask(search, text=["name=warm fire item1"]).table)
    picture = str(shop_folder / "9.png")
    row = {"title": "warm fire item1", "picture": "9.png"}
    both = ask(search, '{"title": "warm fire item1"}', image=[picture])
    assert both.table.equals(search.find(row, folder=shop_folder, k=3).table)
    weighed = ask(search, text=["warm fire item1"], image=[picture], weight=["text=2", "picture=0.5"])
    wanted = search.find(row, weights={"name": 2, "picture": 0.5}, folder=shop_folder, k=3)
    assert weighed.table.equals(wanted.table)
    assert ask(search, "p7").table.equals(search.like("p7", k=3).table)
    beside = ask(search, "p7", text=["warm fire item1"], weight=["id=4"])
    wanted = search.find({"title": "warm fire item1"}, like="p7", weights={"id": 4}, k=3)
    assert beside.table.equals(wanted.table)
    assert "p7" not in beside.table["id"].tolist()


@pytest.mark.parametrize(
    ("query", "options", "wanted"),
    [
        (None, {}, "nothing is searched for"),
        ("p7", {"weight": ["id=2"]}, "there is nothing to weigh the id 'p7' against"),
        ("p77", {"text": ["red"]}, "there is no product 'p77'. Did you mean 'p7'"),
        (None, {"text": ["a"], "weight": ["id=2"]}, "the query has no 'id'"),
        ("p77", {}, "there is no product 'p77'. Did you mean 'p7'"),
        ('{"title": ', {}, "is no JSON"),
        ('{"shelf": "s1"}', {}, "got no modality; wanted at least one of name, picture, facts"),
        ('{"title": NaN}', {}, "NaN is no JSON value"),
        ('{"title": " "}', {}, "got no modality"),
        ('{"titel": "x"}', {}, "got no modality"),
        (None, {"audio": ["a.wav"]}, "'product' has no modality of audio that the model sees"),
        (
            None,
            {"text": ["picture=a"]},
            "'picture' is a modality, but one of image. Write --image picture=...",
        ),
        (None, {"image": ["facts=a.png"]}, "'facts' is a modality, but one of tabular. Name one of name, "),
        (None, {"text": ["a", "b"]}, "'name' is given twice"),
        (None, {"image": ["nowhere.png"]}, "nowhere.png: there is no such file"),
        (None, {"text": ["a"], "weight": ["text"]}, "got 'text'; wanted MODALITY=NUMBER"),
        (None, {"text": ["a"], "weight": ["image=2"]}, "the query has no 'image'"),
        (None, {"text": ["a"], "weight": ["text=-1"]}, "wanted a number above 0"),
        (None, {"text": ["a"], "weight": ["text=nan"]}, "wanted a number above 0"),
    ],
)
def test_questions_that_cannot_be_answered_say_why(search, query, options, wanted):
    with pytest.raises(MMGraphError) as caught:
        ask(search, query, **options)
    assert wanted in str(caught.value)


def test_an_image_that_does_not_open_is_one_error(search, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(MMGraphError, match=r"a.png.*is none of the image formats"):
        ask(search, image=[str(tmp_path / "a.png")])


def test_types_and_numbers_that_are_not_there_are_refused(run, search, shop_folder):
    with pytest.raises(MMGraphError, match=r"no entity type 'prodct'\. Did you mean 'product'"):
        VectorSearch(run, entity="prodct")
    with pytest.raises(MMGraphError, match="got 0; wanted at least 1"):
        search.like("p7", k=0)
    with pytest.raises(MMGraphError, match="names none of the 60 entities"):
        VectorSearch(run, table=pd.DataFrame({"sku": ["x"]})).like("p7", where=["id=p1"])
    makers = VectorSearch(run, entity="maker")
    assert len(makers.like("acme").table) == 1
    with pytest.raises(MMGraphError, match="'maker' has no modality that the model sees"):
        makers.find({"name": "zeta"})


class Page(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_the_page_shows_pictures_and_texts_and_runs_nothing(run, search, shop_folder):
    nodes = {name: table.copy() for name, table in run.graph.nodes.items()}
    nodes["product"]["title"] = HOSTILE
    nodes["product/name"]["preview"] = HOSTILE
    hostile = replace(run.graph, nodes=LazyMapping(nodes, nodes.__getitem__))
    other = mg.Run(
        graph=hostile,
        config=run.config,
        module=run.module,
        history=run.history,
        best_epoch=run.best_epoch,
    )
    bad = VectorSearch(other)
    bad._indices[None] = search.index()
    found = bad.like("p7", k=5)
    picture = ("picture", "image", shop_folder / "9.png")
    question = Question("p7", words=(("text", HOSTILE),), pictures=(picture,))
    html = search_page(bad, found, question, where=[f"colour={HOSTILE}"])
    page = Page(html)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "link", "form"})
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert page.text.count(HOSTILE) >= 7
    assert "default-src 'none'" in html
    assert not re.search(r"https?://", html)


def test_a_run_without_a_folder_is_searched_as_well(run, tmp_path):
    homeless = mg.Run(
        graph=run.graph, config=run.config, module=run.module, history=run.history, best_epoch=run.best_epoch
    )
    found = VectorSearch(homeless).like("p3", k=2)
    assert len(found.table) == 2
    json.dumps(found.table.to_dict("records"))
    assert not list(Path(tmp_path).iterdir())


def test_an_index_that_takes_too_much_memory_is_told_with_its_size(monkeypatch):
    def allocate(*_):
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr("mmgraph.serving.vector_index.as_units", allocate)
    with pytest.raises(
        RunError, match=r"memory ran out while an index of 30 vectors of width 4 was made \(std::bad_alloc\)"
    ):
        make_index(np.ones((30, 4), dtype=np.float32))


def test_the_index_does_not_depend_on_how_many_nodes_are_measured_at_a_time(run, capsys):
    open_index(run, "product")
    parts = mg.load_run(run.folder, eval_batch_size=5)
    assert (
        open_index(parts, "product", progress=Progress()).describe() == open_index(run, "product").describe()
    )
    assert "index of" not in capsys.readouterr().err

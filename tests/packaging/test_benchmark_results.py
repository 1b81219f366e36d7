"""Results of benchmarks over seeds: kept as they come, gone on with, and told as they are."""

from __future__ import annotations

import json
import runpy

import pytest


@pytest.fixture
def script(root, monkeypatch):
    """Return a function from the name of a file of the benchmarks to what is in it."""
    monkeypatch.syspath_prepend(root / "benchmarks")
    return lambda name: runpy.run_path(str(root / "benchmarks" / f"{name}.py"), run_name=name)


@pytest.fixture
def open_kept(script, tmp_path):
    """Return a function that opens the same file of results as often as it is called."""
    kept = script("kept")["Kept"]

    def open_kept(settings=("max_epochs=60",), packages=("mmgraph",)):
        opened = kept(tmp_path / "results.json", packages)
        opened.begin("farm", {"settings": settings})
        return opened

    return open_kept


def test_a_benchmark_goes_on_where_it_was_stopped(open_kept):
    first = open_kept()
    assert first.missing("farm", ["ridge", "mlp"], 0) == ["ridge", "mlp"]
    first.put("farm", "ridge", 0, {"mrr": 0.1})
    second = open_kept()
    assert second.missing("farm", ["ridge", "mlp"], 0) == ["mlp"]
    assert second.missing("farm", ["ridge", "mlp"], 1) == ["ridge", "mlp"]
    assert second.found("farm", ["mlp", "ridge"]) == {"ridge": [{"mrr": 0.1}]}


def test_seeds_stand_in_their_order(open_kept):
    kept = open_kept()
    for seed in (10, 9, 2):
        kept.put("farm", "ridge", seed, {"mrr": seed})
    assert [trial["mrr"] for trial in open_kept().found("farm", ["ridge"])["ridge"]] == [2, 9, 10]


def test_another_case_stays_as_it_was(open_kept):
    open_kept().put("farm", "ridge", 0, {"mrr": 0.1})
    other = open_kept()
    other.begin("sea", {"settings": ()})
    other.put("sea", "ridge", 0, {"mrr": 0.2})
    assert open_kept().found("farm", ["ridge"]) == {"ridge": [{"mrr": 0.1}]}


def test_what_was_asked_otherwise_is_no_part_of_it(open_kept):
    open_kept().put("farm", "ridge", 0, {"mrr": 0.1})
    with pytest.raises(SystemExit, match=r"farm was asked for with .*60.* now with .*10.* another --json"):
        open_kept(settings=("max_epochs=10",))


def test_what_other_versions_reached_is_no_part_of_it(open_kept, tmp_path):
    open_kept().put("farm", "ridge", 0, {"mrr": 0.1})
    document = json.loads((tmp_path / "results.json").read_text())
    document["versions"]["mmgraph"] = "0.0.1"
    (tmp_path / "results.json").write_text(json.dumps(document))
    with pytest.raises(SystemExit, match=r"made with .*0\.0\.1.* another --json"):
        open_kept()


@pytest.mark.parametrize("name", ["links", "pretraining", "retrieval"])
def test_a_look_keeps_nothing(script, monkeypatch, tmp_path, name):
    monkeypatch.setattr("sys.argv", [f"{name}.py", "--quick", "--json", str(tmp_path / "results.json")])
    with pytest.raises(SystemExit, match="--quick is a look"):
        script(name)["main"]()
    assert not (tmp_path / "results.json").exists()


def test_the_page_of_links_judges_what_validation_chose(script):
    def trials(validation, test):
        return [{"validation_mrr": validation, "mrr": mrr, "auroc": 0.5} for mrr in test]

    found = {
        "popularity": trials(0.1, (0.2, 0.2)),
        "hetero_sage": trials(0.6, (0.3, 0.4)),
        "hetero_sage, structure": trials(0.5, (0.8, 0.8)),
        "hetero_sage, shuffled edges": trials(0.9, (0.9, 0.9)),
    }
    page = script("links_page")["render_page"](
        {"farm/sells": found},
        ["farm/sells", "sea/sells"],
        baselines=["popularity", "mlp"],
        ours=["hetero_sage", "hetero_sage, structure"],
        controls={"hetero_sage": "hetero_sage, shuffled edges"},
        trained=["mlp", "hetero_sage", "hetero_sage, structure", "hetero_sage, shuffled edges"],
    )
    assert (
        "`farm/sells`: validation chose *hetero_sage*; ahead of popularity yes (0.150 ± 0.071, 2 of 2)."
        in page
    )
    control = "*hetero_sage* ahead of itself with shuffled edges no (-0.550 ± 0.071, 0 of 2)."
    assert f"`farm/sells`, the control: {control}" in page
    assert "| hetero_sage | 0.600 ± 0.000 | 0.350 ± 0.071 |" in page
    assert '--only "farm/sells" --seeds 2 \\\n    --entry "hetero_sage" --entry' in page
    assert "Not run yet: `sea/sells`." in page


def test_the_page_of_pretraining_says_no_as_readily(script):
    def trials(*shares):
        return [{"1%": few, "1% labels": 7, "100%": all_, "100% labels": 700} for few, all_ in shares]

    found = {"scratch": trials((0.2, 0.9), (0.3, 0.9)), "full": trials((0.5, 0.9), (0.6, 0.8))}
    page = script("pretraining_page")["render_page"](
        {"farm/kind": found},
        ["farm/kind"],
        "hetero_gat",
        {"full": "scratch", "frozen": "scratch"},
        ["mmgraph"],
    )
    told = "- `farm/kind`: *full* ahead of *scratch*: 1% yes (0.300 ± 0.000, 2 of 2), "
    assert f"{told}100% no (-0.050 ± 0.071, 0 of 2).\n" in page
    assert "|  | 1%: 7 labels | 100%: 700 labels |" in page
    assert "*frozen* ahead" not in page
    assert "Not run yet" not in page

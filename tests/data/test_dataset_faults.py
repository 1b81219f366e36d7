"""One mistake gives one fault."""

from __future__ import annotations

from typing import Any

from mmgraph.data.dataset_faults import dataset_faults


def test_broken_split_is_not_reported_again_by_its_tasks(shop: Any) -> None:
    shop.change_spec("splits.fixed.column", "prt")
    (fault,) = dataset_faults(shop.open())
    assert fault.where.endswith("splits.fixed.column")


def test_cell_that_two_keys_lead_to_is_reported_once(shop: Any) -> None:
    shop.set_cell(3, "made", "?")
    (fault,) = dataset_faults(shop.open())
    assert "column 'made', row 3" in fault.where


def test_raw_files_are_opened_only_when_asked(shop: Any) -> None:
    for number in (3, 4, 6, 8, 10, 12, 13):
        (shop.folder / f"images/{number}.png").write_bytes(b"")
    assert dataset_faults(shop.open(), open_files=False) == []
    (fault,) = dataset_faults(shop.open())
    assert fault.where.endswith("images/3.png: row 3 (id 'p03')")
    assert "6 more cannot be read either" in fault.problem


def test_task_without_labels_in_one_part(shop: Any) -> None:
    def clear(table: Any) -> None:
        table.loc[table["part"] == "validation", "category"] = ""

    shop.change_table(clear)
    (fault,) = dataset_faults(shop.open())
    assert fault.where.endswith("dataset.yaml: tasks.category")
    assert "no entity in validation of the split 'fixed' has a value" in fault.problem


def test_target_may_be_a_modality_that_the_task_does_not_see(shop: Any) -> None:
    shop.change_spec("tasks.rating.target", "price")
    assert len(dataset_faults(shop.open())) == 1
    shop.change_spec("tasks.rating.without", {"modalities": ["facts"]})
    assert dataset_faults(shop.open()) == []


def test_splits_that_hold_out_everything(shop: Any) -> None:
    def reverse(table: Any) -> None:
        table["other"] = table["part"].map({"train": "test", "test": "train", "validation": "validation"})

    shop.change_table(reverse)
    shop.change_spec("splits.other", {"kind": "column", "entity": "product", "column": "other"})
    (fault,) = dataset_faults(shop.open())
    assert fault.where.endswith("dataset.yaml: splits")


def test_retrieval_with_too_few_pairs_in_one_part(shop: Any) -> None:
    task = {"kind": "retrieval", "entity": "product", "query": "photo", "answer": "description"}
    shop.change_spec("tasks.photo_to_text", {**task, "split": "fixed"})
    assert dataset_faults(shop.open()) == []

    def clear(table: Any) -> None:
        held_out = table.index[table["part"] == "test"]
        table.loc[held_out[1:], "description"] = ""

    shop.change_table(clear)
    (fault,) = dataset_faults(shop.open())
    assert fault.where.endswith("dataset.yaml: tasks.photo_to_text")
    assert "fewer than 2 entities in test of the split 'fixed' have both photo and descrip" in fault.problem

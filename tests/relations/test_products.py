"""Products are of single precision, by whichever library makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmgraph.relations import products as products_module
from mmgraph.relations.products import products


def known_maker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, maker: str) -> None:
    path = tmp_path / maker
    path.write_text(f"processor\t: 0\nvendor_id\t: {maker}\n" * 2)
    monkeypatch.setattr(products_module, "_CPUINFO", path)
    monkeypatch.setattr(products_module, "_onednn_is_quicker", products_module._onednn_is_quicker.__wrapped__)


@pytest.mark.parametrize("maker", ["AuthenticAMD", "GenuineIntel"])
@pytest.mark.parametrize("size", [(3, 5, 2), (300, 280, 260)])
@pytest.mark.parametrize("room", [False, True])
def test_products_are_of_single_precision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, maker: str, size: tuple[int, int, int], room: bool
):
    known_maker(monkeypatch, tmp_path, maker)
    count, others, width = size
    rng = np.random.default_rng(0)
    rows, columns = (rng.standard_normal((n, width)).astype(np.float32) for n in (count, others))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        found = products(rows, columns, np.empty(count * others + 7, np.float32) if room else None)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert found.dtype == np.float32
    true = rows.astype(np.float64) @ columns.astype(np.float64).T
    assert np.abs(found - true).max() < 1e-4


@pytest.mark.parametrize(("maker", "quicker"), [("AuthenticAMD", True), ("GenuineIntel", False)])
def test_the_maker_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, maker: str, quicker: bool):
    known_maker(monkeypatch, tmp_path, maker)
    assert products_module._onednn_is_quicker() is quicker


def test_of_a_processor_that_does_not_say_nothing_is_assumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    known_maker(monkeypatch, tmp_path, "x")
    (tmp_path / "x").write_text("processor\t: 0\n")
    assert not products_module._onednn_is_quicker()
    (tmp_path / "x").unlink()
    assert not products_module._onednn_is_quicker()

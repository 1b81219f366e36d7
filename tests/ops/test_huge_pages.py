"""Room for numbers: of the right shape, and always at the beginning of a cache line."""

import pytest
import torch

from mmgraph.ops.huge_pages import empty


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [[3, 5], [1 << 10, 1 << 11], [0, 4], [1 << 22]])
def test_it_begins_with_a_cache_line(shape, dtype):
    for _ in range(3):
        room = empty(shape, dtype)
        assert list(room.shape) == shape
        assert room.dtype == dtype
        assert room.data_ptr() % 64 == 0
        assert room.is_contiguous()
        room.fill_(1.0)

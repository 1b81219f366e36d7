"""Buckets hold groups of about one size, and give back what they were given."""

import torch

from mmgraph.layers.buckets import Buckets, bucket_lengths


def test_few_lengths_and_never_too_short():
    count = torch.arange(1, 1000)
    lengths = bucket_lengths(count)
    assert (lengths >= count).all()
    assert (lengths[4:] < 2 * count[4:]).all()
    assert lengths.unique().numel() == 12


def test_what_is_split_is_given_back():
    buckets = Buckets(
        [
            (torch.tensor([[3], [0]]), torch.tensor([[0, 1], [2, 3]])),
            (torch.tensor([[1, 5, -1]]), torch.tensor([[4, 5, -1]])),
        ]
    )
    x = torch.arange(1.0, 7.0).unsqueeze(1)
    parts = buckets.split_queries(x)
    assert [tuple(part.shape) for part in parts] == [(2, 1, 1), (1, 3, 1)]
    back = buckets.give_back(torch.cat([part.flatten(0, 1) for part in parts]), 6)
    assert back.flatten().tolist() == [1, 2, 0, 4, 0, 6]
    assert buckets.clear_others(x).flatten().tolist() == [1, 2, 0, 4, 0, 6]
    assert [part.flatten().tolist() for part in buckets.split_tokens(x)] == [[1, 2, 3, 4], [5, 6, 1]]
    assert buckets.masks[0] is None
    assert buckets.masks[1].tolist() == [[True, True, False]]

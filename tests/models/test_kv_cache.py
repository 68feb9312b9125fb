"""Keys and values as a value: looked at with more behind them, and with room made at once."""

import pytest
import torch

from vivavoce.models.layers.kv_cache import KvCache


def some(n, seed=0):
    return torch.randn(1, 2, n, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("room", [2, 8, 100])
def test_what_is_only_looked_at_is_not_kept(room):
    k, v = some(5), some(5, 1)
    cache = KvCache(room=room).append(k, v)
    for seed in (2, 3):
        more_k, more_v = some(3, seed), some(3, seed + 10)
        seen_k, seen_v = cache.extended(more_k, more_v)
        assert torch.equal(seen_k, torch.cat([k, more_k], 2))
        assert torch.equal(seen_v, torch.cat([v, more_v], 2))
    assert torch.equal(cache.keys_values()[0], k)
    longer = cache.append(some(4, 4), some(4, 5))
    assert torch.equal(longer.keys_values()[0], torch.cat([k, some(4, 4)], 2))


def test_looking_from_an_older_cache_leaves_the_newer_one_alone():
    old = KvCache().append(some(5), some(5))
    new = old.append(some(3, 1), some(3, 1))
    seen, _ = old.extended(some(2, 7), some(2, 7))
    assert torch.equal(seen, torch.cat([some(5), some(2, 7)], 2))
    assert torch.equal(new.keys_values()[0], torch.cat([some(5), some(3, 1)], 2))


def test_an_empty_cache_shows_what_is_put_behind_it():
    k, v = some(3), some(3, 1)
    assert KvCache().extended(k, v) == (k, v)


def test_room_made_at_once_is_not_made_again():
    cache = KvCache(room=50).append(some(20), some(20))
    place = cache.keys_values()[0].data_ptr()
    cache = cache.append(some(30), some(30))
    assert cache.keys_values()[0].data_ptr() == place
    assert cache.cut(10).room == cache.last(10).room == 50
    assert cache.append(some(1), some(1)).keys_values()[0].data_ptr() != place

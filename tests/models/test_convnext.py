"""The ConvNeXt block: pieces equal the whole, with and without look-ahead."""

import pytest
import torch

from vivavoce.models.layers.convnext import ConvNext


@pytest.mark.parametrize("look_ahead", [0, 1, 3])
def test_pieces_and_flush_equal_the_whole(look_ahead):
    torch.manual_seed(look_ahead)
    block = ConvNext(6, 12, look_ahead=look_ahead)
    x = torch.randn(2, 11, 6)
    whole, state, pieces = block(x), block.initial(2), []
    for piece in x.split([1, 4, 2, 4], dim=1):
        y, state = block.step(piece, state)
        pieces.append(y)
    pieces.append(block.flush(x[:, :0], state))
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole)


def test_without_look_ahead_the_past_does_not_see_the_future():
    block = ConvNext(6, 12)
    x = torch.randn(1, 9, 6)
    changed = x.clone()
    changed[:, 5:] = 0
    torch.testing.assert_close(block(x)[:, :5], block(changed)[:, :5])

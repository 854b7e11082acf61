"""The ring: holds the last W positions of every row, forgets on request, never grows."""

import torch

from smalti.nn.ring import RingCache


def _ring(window: int = 4) -> RingCache:
    return RingCache(layers=1, batch=2, heads=1, window=window, head_dim=1, device=torch.device("cpu"))


def _write(ring: RingCache, first: float, count: int) -> list[list[list[float]]]:
    """Write the numbers first, first + 1, …; gives for each batch row and new row what it sees."""
    keys = (first + torch.arange(count, dtype=torch.float32)).expand(2, 1, count).unsqueeze(-1).contiguous()
    span = ring.span(count)
    seen, values = ring.extend(0, span, keys, -keys)
    assert torch.equal(seen, -values)
    ring.advance(count)
    return [
        [sorted(seen[row, 0, span.visible[row, 0, query], 0].tolist()) for query in range(count)] for row in range(2)
    ]


def test_each_row_sees_the_last_window_in_any_pieces():
    ring, written = _ring(), 0
    for count in (1, 3, 1, 2, 4, 1, 1, 4):
        wanted = [[float(k) for k in range(max(0, p - 3), p + 1)] for p in range(written, written + count)]
        assert _write(ring, written, count) == [wanted, wanted]
        written += count


def test_a_reset_row_sees_nothing_of_its_past():
    ring = _ring()
    _write(ring, 0, 4)
    _write(ring, 4, 3)
    ring.reset(torch.tensor([1]))
    first, second = _write(ring, 7, 2)
    assert first == [[4, 5, 6, 7], [5, 6, 7, 8]]
    assert second == [[7], [7, 8]]


def test_memory_stays_the_same():
    ring = _ring()
    place = ring._kept.data_ptr()
    for start in range(0, 4000, 4):
        _write(ring, start, 4)
    assert ring._kept.data_ptr() == place
    assert ring._kept.shape == (1, 2, 2, 1, 4, 1)
    assert ring.offsets.tolist() == [4000, 4000]

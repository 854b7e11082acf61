"""What is kept is made once, what has no room is made again, and both are the same."""

import torch

from smalti.data.kept import Kept


def test_what_fits_is_made_once_and_the_rest_every_time():
    kept, made = Kept(1), list[str]()

    def make(name: str, numbers: int) -> torch.Tensor:
        made.append(name)
        return torch.full((numbers,), float(len(name)))

    for _ in range(2):
        for name, numbers in (("half", 2**17), ("too much", 2**18), ("rest", 2**17), ("none left", 1)):
            found = kept.get(name, lambda n=name, k=numbers: make(n, k))
            assert torch.equal(found, torch.full((numbers,), float(len(name))))
    assert made == ["half", "too much", "rest", "none left", "too much", "none left"]

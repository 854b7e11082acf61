"""Clusters are found, ties and empties are harmless, and choices come from the generator given."""

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, ParameterError, Tokenizer
from smalti.core.protocols import Embedding
from smalti.quantize import KMeansTokenizer, kmeans, nearest_centre


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_well_separated_clusters_are_found() -> None:
    wanted = torch.tensor([[0.0, 0, 0], [5, 5, 5], [-5, 5, 0]])
    points = wanted.repeat_interleave(40, dim=0) + 0.1 * torch.randn(120, 3, generator=_generator())
    found = kmeans(points, centres=3, iterations=20, generator=_generator(1))
    assert torch.cdist(wanted, found).amin(dim=1).max() < 0.1


def test_equal_generators_give_equal_centres() -> None:
    points = torch.randn(50, 4, generator=_generator())
    first, second = (kmeans(points, centres=7, generator=_generator(2)) for _ in range(2))
    assert torch.equal(first, second)


def test_fewer_points_than_centres_are_enough() -> None:
    points = torch.randn(3, 4, generator=_generator())
    assert kmeans(points, centres=8, generator=_generator()).shape == (8, 4)


def test_no_points_are_refused() -> None:
    with pytest.raises(ParameterError, match="no points to cluster"):
        kmeans(torch.zeros(0, 4), centres=2)


def test_the_lower_index_wins_a_tie() -> None:
    centres = torch.tensor([[1.0, 0], [1, 0], [-1, 0]])
    assert nearest_centre(torch.tensor([[2.0, 0], [-2, 0]]), centres).tolist() == [0, 2]


class _EnergyEncoder:
    """Two numbers a frame of four samples: the mean and the mean magnitude."""

    sample_rate, hop, dim = 100, 4, 2

    def embed(self, audio: Audio) -> Embedding:
        missing = -audio.samples.shape[1] % self.hop
        frames = torch.nn.functional.pad(audio.zero_padded().samples, (0, missing)).unflatten(1, (-1, self.hop))
        vectors: Float[Tensor, "batch frame dim"] = torch.stack([frames.mean(2), frames.abs().mean(2)], dim=2)
        return Embedding(vectors, -(-audio.lengths // self.hop))


def test_an_encoder_with_centres_is_a_tokenizer() -> None:
    centres = torch.tensor([[0.0, 0], [1, 1], [-1, 1]])
    tokenizer = KMeansTokenizer(_EnergyEncoder(), centres, fingerprint="energy")
    assert isinstance(tokenizer, Tokenizer)
    items = [torch.tensor([1.0] * 4 + [-1.0] * 4 + [0.0] * 3), torch.tensor([-1.0] * 4)]
    audio = Audio.batch(Audio.single(item, 100) for item in items)
    tokens = tokenizer.encode(audio)
    assert tokens.codes.tolist() == [[[1, 2, 0]], [[2, 0, 0]]]
    assert [row.codes.shape[2] for row in tokens.items()] == [3, 1]
    other = KMeansTokenizer(_EnergyEncoder(), centres + 1, fingerprint="energy")
    assert other.spec != tokenizer.spec


def test_centres_of_another_width_are_refused() -> None:
    with pytest.raises(ParameterError, match="3 wide, the encoder's frames 2"):
        KMeansTokenizer(_EnergyEncoder(), torch.zeros(5, 3), fingerprint="energy")


def test_what_points_have_in_common_does_not_decide_by_rounding() -> None:
    common = 300 + torch.randn(6, generator=_generator())
    centres = common + torch.randn(64, 6, generator=_generator(1))
    points = common + torch.randn(2000, 6, generator=_generator(2))
    wanted = torch.cdist(points.double(), centres.double()).argmin(dim=1)
    quick = (0.5 * centres.square().sum(dim=1) - points @ centres.T).argmin(dim=1)
    assert int((quick != wanted).sum()) > 10  # what it is about
    assert torch.equal(nearest_centre(points, centres), wanted)

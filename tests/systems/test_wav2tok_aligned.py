"""Options of what is learnt from, as wav2tok 2.0 has them: tokens of the aligned partner, and likelihoods in step."""

import pytest
import torch

from smalti.data.pairs import Drawn
from smalti.losses import Likeness
from smalti.systems.wav2tok.config import CodebookConfig, ObjectiveConfig
from smalti.systems.wav2tok.net import Codebook, Heard
from smalti.systems.wav2tok.objective import losses, weighted


def _found(config: ObjectiveConfig) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    codebook = Codebook(CodebookConfig(tokens=7, dim=3))
    vectors = torch.nn.functional.normalize(torch.randn(4, 9, 3), dim=2).requires_grad_()
    heard = Heard(vectors, codebook(vectors), torch.tensor([9, 6, 8, 7]))
    drawn = Drawn(clips=[0, 1, 2, 3], kinds=[0, 0, 1, 1], rounds=[0, 0, 0, 0], copies=[False] * 4)
    found = dict(losses(heard, drawn, config, codebook, Likeness(3, "cosine")))
    return found, weighted(found, config), vectors


def test_likelihoods_are_scaled_to_their_share_of_the_contrast():
    plain, _, _ = _found(ObjectiveConfig(alpha=0.2, beta=0.1))
    scaled, _, _ = _found(ObjectiveConfig(alpha=0.2, beta=0.1, share=0.5))
    both = 0.2 * scaled["alpha"] + 0.1 * scaled["beta"]
    assert both.item() == pytest.approx(0.5 * scaled["contrast"].item(), rel=1e-5)
    assert (scaled["alpha"] / scaled["beta"]).item() == pytest.approx((plain["alpha"] / plain["beta"]).item(), rel=1e-5)


def test_the_aligned_part_is_learnt_from_and_padding_is_not():
    found, loss, vectors = _found(ObjectiveConfig(contrast=0, balance=0, aligned=2.0))
    assert set(found) == {"aligned"} and loss.item() == pytest.approx(2 * found["aligned"].item())
    loss.backward()
    assert vectors.grad is not None and vectors.grad[1, :6].any() and not vectors.grad[1, 6:].any()

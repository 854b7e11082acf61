"""What a maker and its judge want of each other, and how loudly the judge may speak."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

_TINY = 1e-4


def hinge_discriminator(real: Sequence[Tensor], made: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Mean over judges of ½ (mean max(0, 1 - D(real)) + mean max(0, 1 + D(made))): 1 for a judge that says nothing.

    Args:
        real: scores of real things, one tensor of any shape per judge.
        made: scores of made ones, in the same order.
    Source: Lim & Ye 2017 (geometric GAN), eq. 10.
    """
    pairs = zip(real, made, strict=True)
    losses = [0.5 * ((1 - good).relu().mean() + (1 + bad).relu().mean()) for good, bad in pairs]
    return torch.stack(losses).mean()


def hinge_generator(made: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Mean over judges of -mean D(made)."""
    return -torch.stack([scores.mean() for scores in made]).mean()


def least_squares_discriminator(real: Sequence[Tensor], made: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Sum over judges of mean (1 - D(real))² + mean D(made)²: 1 a judge that says nothing.

    Args:
        real: scores of real things, one tensor of any shape per judge.
        made: scores of made ones, in the same order.
    Source: Mao et al. 2017 (LSGAN), eq. 2 with b = 1, a = 0; the sum as of Kong et al. 2020 (HiFi-GAN), without the ½.
    """
    pairs = zip(real, made, strict=True)
    return torch.stack([(1 - good).square().mean() + bad.square().mean() for good, bad in pairs]).sum()


def least_squares_generator(made: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Sum over judges of mean (1 - D(made))²."""
    return torch.stack([(1 - scores).square().mean() for scores in made]).sum()


def feature_matching(real: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]) -> Float[Tensor, ""]:
    """Mean absolute difference of what judges hear within, over judges and layers; no gradient to the real side.

    Args:
        real: per judge the outputs of its layers for real things.
        made: the same for made ones.
    Source: Kumar et al. 2019 (MelGAN), eq. 4. Differs: the mean over layers and judges, not their sum.
    """
    return _feature_distances(real, made).mean()


def summed_feature_matching(real: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]) -> Float[Tensor, ""]:
    """As `feature_matching`, but the sum over layers and judges. Source: Kong et al. 2020 (HiFi-GAN), eq. 5."""
    return _feature_distances(real, made).sum()


def relative_feature_matching(real: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]) -> Float[Tensor, ""]:
    """As `feature_matching`, each layer's difference in units of what it hears in real things.

        mean over judges and layers of mean |D(x̂) - D(x)| / mean |D(x)|, the denominator no less than 10⁻⁴

    Source: Défossez et al. 2022 (EnCodec, arXiv:2210.13438), eq. 3. Differs: the denominator's floor.
    """
    pairs = [(a.detach(), b) for one, other in zip(real, made, strict=True) for a, b in zip(one, other, strict=True)]
    return torch.stack([(b - a).abs().mean() / a.abs().mean().clamp(min=_TINY) for a, b in pairs]).mean()


def adaptive_weight(
    reconstruction: Float[Tensor, ""],
    adversarial: Float[Tensor, ""],
    last_layer: Tensor,
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> Float[Tensor, ""]:
    """The weight at which the judge pulls the last layer as hard as the reconstruction does.

        |d reconstruction / d w| / (|d adversarial / d w| + 10⁻⁴), clamped to low…high

    Costs two partial backward passes: ask for it only when the judge speaks.

    Args:
        reconstruction, adversarial: losses of one graph, which stays usable.
        last_layer: weight w of the maker's last layer.
        low, high: bounds.
    Source: Esser et al. 2021 (VQGAN), eq. 7.
    """
    norms = [
        torch.autograd.grad(loss, last_layer, retain_graph=True)[0].norm() for loss in (reconstruction, adversarial)
    ]
    return (norms[0] / (norms[1] + _TINY)).clamp(low, high).detach()


def _feature_distances(real: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]) -> Float[Tensor, " layer"]:
    """Mean absolute difference of each layer of each judge."""
    pairs = [(a, b) for one, other in zip(real, made, strict=True) for a, b in zip(one, other, strict=True)]
    return torch.stack([(b - a.detach()).abs().mean() for a, b in pairs])

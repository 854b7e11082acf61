"""What the GPT-VAE is asked to do, L = R + w · KL in nats per clip, and when its weight rises.

R is minus the log-likelihood of all codes of a clip given its latent, KL what the latent tells beyond the prior.
Source: the published options are those of He et al. 2019 (arXiv:1901.05534) and Li et al. 2019 (arXiv:1909.00868).
Differs: beta is a weight and not a switch, and at 0 no noise is added; free bits are a maximum unless `parity`.
"""

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from smalti.config import Settings
from smalti.losses import FreeBits, free_divergence, importance_bound, importance_weights, prior_divergence
from smalti.train import ResolvedSchedule, Schedule


class ObjectiveConfig(Settings):
    """The terms of the loss, and what keeps the latent from being ignored."""

    beta: float = Field(default=1.0, ge=0, description="final weight of the divergence; 0 is a plain autoencoder")
    kl_start: float = Field(default=1.0, ge=0, le=1, description="share of beta at the first step")
    warm_up: float = Field(default=0.0, ge=0, description="until the weight is beta, in `unit`")
    freeze: float | None = Field(default=None, ge=0, description="from when on the encoder is held still, in `unit`")
    unit: Literal["run", "epochs"] = Field(default="run", description="a share of the run, or passes over the clips")
    fb: FreeBits = Field(default=0, description="free bits: 0 none, 1 of a clip, 2 of a dimension, 3 of the batch")
    target_kl: float = Field(default=0.0, ge=0, description="nats per clip that are free, and that are hoped for")
    parity: bool = Field(default=False, description="the published masks in place of maxima")
    fix_var: float | None = Field(default=None, gt=0, description="variance of every posterior, in place of a learnt")
    word_dropout: float = Field(default=0.2, ge=0, le=1, description="chance that the decoder does not hear a code")
    encoder_dropout: float = Field(default=0.0, ge=0, lt=1, description="chance that the encoder does not see a code")
    nsamples: int = Field(default=1, ge=1, description="latents drawn for each clip of a step")
    iw_train_nsamples: int = Field(default=0, ge=0, description="draws of an importance-weighted loss; 0 is R + w · KL")
    iw_train_ns: int = Field(default=1, ge=1, description="such losses that are averaged")

    @model_validator(mode="after")
    def _terms_fit(self) -> "ObjectiveConfig":
        if self.fb and not self.target_kl:
            raise ValueError(f"a target_kl above 0 for fb = {self.fb}")
        if self.iw_train_nsamples and not self.beta:
            raise ValueError("a beta above 0 for an importance-weighted loss, which needs drawn latents")
        return self

    @property
    def draws(self) -> int:
        """Latents drawn for each clip of a step; none if they are not drawn at all."""
        if not self.beta:
            return 0
        return self.iw_train_ns * self.iw_train_nsamples if self.iw_train_nsamples else self.nsamples


class Terms(NamedTuple):
    """Parts of a loss, in nats per clip, means over the batch.

    Attributes:
        loss: what is minimised.
        reconstruction: R.
        divergence: all of the KL, charged or not.
    """

    loss: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    divergence: Float[Tensor, ""]


def terms(
    config: ObjectiveConfig,
    *,
    likelihood: Float[Tensor, "draw batch"],
    latents: Float[Tensor, "draw batch latent"],
    mean: Float[Tensor, "batch latent"],
    log_variance: Float[Tensor, "batch latent"],
    weight: float,
) -> Terms:
    """The loss of a step whose KL weighs `weight`.

    Args:
        likelihood: log p(x|z) of each draw. An importance-weighted loss has iw_train_ns · iw_train_nsamples of them and
            neither weight nor free bits, because its bound holds both terms at once.
    """
    divergence = prior_divergence(mean, log_variance)
    reconstruction = -likelihood.mean()
    if config.iw_train_nsamples:
        weights = importance_weights(likelihood, latents, mean, log_variance)
        loss = -torch.stack([importance_bound(some) for some in weights.split(config.iw_train_nsamples)]).mean()
    elif weight:
        charged = free_divergence(divergence, mode=config.fb, target=config.target_kl, parity=config.parity)
        loss = reconstruction + weight * charged
    else:
        loss = reconstruction
    return Terms(loss, reconstruction, divergence.sum(1).mean())


def clip_likelihood(
    logits: Float[Tensor, "batch codebook frame vocab"], targets: Int64[Tensor, "batch codebook frame"]
) -> Float[Tensor, " batch"]:
    """log p of all codes of each clip, in nats; blanks (code V) do not count."""
    found = functional.cross_entropy(
        logits.flatten(0, 2).float(), targets.flatten(), ignore_index=logits.shape[-1], reduction="none"
    )
    return -found.view(targets.shape).sum((1, 2))


def weight_course(config: ObjectiveConfig, *, steps: int, epoch: float) -> ResolvedSchedule:
    """The weight of the KL at each step: from kl_start · beta to beta in a straight line, then beta.

    Args:
        steps: optimiser steps of the run.
        epoch: optimiser steps of one pass over the clips: clips / (batch · processes).
    """
    rising = Schedule(peak=config.beta, start=config.beta * config.kl_start)
    return ResolvedSchedule(rising, steps, _steps(config, config.warm_up, steps, epoch))


def freeze_step(config: ObjectiveConfig, *, steps: int, epoch: float) -> int | None:
    """The first step at which the encoder is held still; None if it never is."""
    return None if config.freeze is None else _steps(config, config.freeze, steps, epoch)


def _steps(config: ObjectiveConfig, span: float, steps: int, epoch: float) -> int:
    return math.ceil(span * (steps if config.unit == "run" else epoch))

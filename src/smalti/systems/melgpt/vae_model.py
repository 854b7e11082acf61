"""The GPT-VAE: the GPT of this system, steered in every layer by one latent vector per clip."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from smalti.config import mix
from smalti.core import Condition, ParameterError, Posterior, Schema, Stepper, Tokens, TokenSpec
from smalti.nn.evaluation import refuse_training
from smalti.nn.token_lm import TokenTransformer, refuse_misfits
from smalti.systems.melgpt.config import MelGPTConfig, VAEConfig
from smalti.systems.melgpt.gpt import build_gpt
from smalti.systems.melgpt.vae_encoder import ClipEncoder
from smalti.systems.melgpt.vae_objective import ObjectiveConfig

_PRIOR = 3  # so that a seed's latent and the dice of its codes are independent


class Guess(NamedTuple):
    """What a step needs of the model; a tuple, because that is what the engine can cast back to full precision.

    Attributes:
        logits: of every code, draw after draw of the whole batch.
        latents: drawn; without noise the means.
        mean, log_variance: of the posteriors.
    """

    logits: Float[Tensor, "drawn codebook frame vocab"]
    latents: Float[Tensor, "draw batch latent"]
    mean: Float[Tensor, "batch latent"]
    log_variance: Float[Tensor, "batch latent"]


class GPTVAE(nn.Module):
    """A `core.LatentLM`.

    Source: Bowman et al. 2016 (arXiv:1511.06349) for the model. Differs from the published implementation: the latent
    is added to the condition of every row instead of standing as one token in front, so that no layer can forget it.

    Attributes:
        latent: numbers of a clip's latent.
        heard: token frames of a clip that it stands for.
        target_kl: nats per clip that it was left for nothing.
    """

    def __init__(self, encoder: ClipEncoder, decoder: TokenTransformer, *, latent: int, heard: int, target_kl: float):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.steer = nn.Linear(latent, decoder.transformer.settings.condition_width)
        self.latent, self.heard, self.target_kl = latent, heard, target_kl

    @property
    def spec(self) -> TokenSpec:
        """Of the tokens it continues."""
        return self.decoder.spec

    @property
    def schema(self) -> Schema:
        """What it can be told."""
        return self.decoder.schema

    @property
    def pattern(self) -> str:
        """Name of how codes become rows."""
        return self.decoder.pattern

    def logits(
        self, codes: Int64[Tensor, "batch codebook frame"], condition: Condition
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """As of `core.TokenLM`, for a latent in the middle of the prior."""
        return self.at(self._middle()).logits(codes, condition)

    def stepper(self, batch: int) -> Stepper:
        """As of `core.TokenLM`, for a latent in the middle of the prior."""
        return self.at(self._middle()).stepper(batch)

    @torch.no_grad()
    def infer(self, tokens: Tokens) -> Posterior:
        """What is believed of each clip's latent.

        Raises:
            SpecError: for another tokenizer's tokens.
            ParameterError: for a clip without a frame, or in training mode, where dropout would make it random.
        """
        self.spec.require(tokens.spec)
        refuse_training(self)
        if not bool((tokens.frames > 0).all()):
            raise ParameterError("found a clip without a token frame, wanted at least one; give a longer sound")
        codes = tokens.codes[:, :, : self.heard].to(self.steer.weight.device)
        present = (torch.arange(codes.shape[2]) < tokens.frames.cpu()[:, None]).to(codes.device)
        codes = codes.masked_fill(~present[:, None], self.spec.vocab)
        mean, log_variance = self.encoder(codes, present)
        return Posterior(mean.cpu(), log_variance.cpu())

    def prior(self, seeds: Sequence[int]) -> Float[Tensor, "batch latent"]:
        """A latent drawn from N(0, 1) for each seed, whatever the others are."""
        dice = (torch.Generator().manual_seed(mix(seed, _PRIOR)) for seed in seeds)
        return torch.stack([torch.randn(self.latent, generator=generator) for generator in dice])

    def at(self, latents: Float[Tensor, "batch latent"]) -> "ClipsOfLatents":
        """The same model of clips with these latents.

        Raises:
            ParameterError: if they are not as long as this model's, or none.
        """
        if latents.ndim != 2 or latents.shape[1] != self.latent or not len(latents):
            found = tuple(latents.shape)
            raise ParameterError(f"latents are of shape {found}, this model's (clips, {self.latent}); infer them again")
        return ClipsOfLatents(self, latents)

    def forward(
        self,
        seen: Int64[Tensor, "batch codebook frame"],
        present: Bool[Tensor, "batch frame"],
        inputs: Int64[Tensor, "batch codebook frame"],
        labels: Int64[Tensor, "batch #frame"],
        values: Float[Tensor, "batch #frame parameter"],
        noise: Float[Tensor, "draw batch latent"] | None,
    ) -> Guess:
        """Guess every code of clips from latents drawn of what the encoder believes.

        Args:
            seen: codes as the encoder sees them; of frames behind `heard` it sees none.
            present: frames of each clip.
            inputs: codes as the decoder hears them.
            labels, values: fields of a Condition.
            noise: N(0, 1) for every draw, z = mean + noise · exp(log_variance / 2); None takes the mean itself.
        """
        mean, log_variance = self.encoder(seen[:, :, : self.heard], present[:, : self.heard])
        latents = mean[None] if noise is None else mean + noise * (log_variance / 2).exp()
        draws = len(latents)
        repeated = (each.repeat(draws, *[1] * (each.ndim - 1)) for each in (inputs, labels, values))
        logits = self.decoder(*repeated, self.steer(latents.flatten(0, 1)))
        return Guess(logits, latents, mean, log_variance)

    def _middle(self) -> Tensor:
        return torch.zeros(1, self.latent)


class ClipsOfLatents:
    """A `core.TokenLM` of the clips that some latents stand for; it holds no weights of its own."""

    def __init__(self, vae: GPTVAE, latents: Float[Tensor, "batch latent"]):
        self._vae, self._latents = vae, latents.to(vae.steer.weight)
        self.spec, self.schema, self.pattern = vae.spec, vae.schema, vae.pattern

    def logits(
        self, codes: Int64[Tensor, "batch codebook frame"], condition: Condition
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """As of `core.TokenLM`.

        Raises:
            ParameterError: as `TokenTransformer.logits`, and if the batch is no multiple of the latents.
        """
        decoder = self._vae.decoder
        refuse_misfits(self.spec, self.schema, codes, condition)
        return decoder(codes, condition.labels, condition.values, self._steer(len(codes)), condition.mix)

    def stepper(self, batch: int) -> Stepper:
        """As of `core.TokenLM`; a batch twice as large is the same clips twice, as guidance asks for."""
        return self._vae.decoder.stepper(batch, self._steer(batch))

    @torch.no_grad()
    def _steer(self, batch: int) -> Tensor:
        times, rest = divmod(batch, len(self._latents))
        if rest:
            found = len(self._latents)
            raise ParameterError(f"found {found} latents for {batch} rows, wanted one for each or one for all")
        return self._vae.steer(self._latents).repeat(times, 1)


def build_vae(config: MelGPTConfig, *, spec: TokenSpec, schema: Schema) -> GPTVAE:
    """A fresh model, a `core.LatentLM`.

    Raises:
        ParameterError: if the sizes do not fit each other.
    """
    model, objective = config.model, config.objective
    assert isinstance(model, VAEConfig) and isinstance(objective, ObjectiveConfig)
    encoder = ClipEncoder(model.encoder, spec=spec, latent=model.latent, fix_var=objective.fix_var)
    decoder = build_gpt(model, spec=spec, schema=schema)
    target = objective.target_kl if objective.beta else 0.0
    return GPTVAE(encoder, decoder, latent=model.latent, heard=config.shown.crop, target_kl=target)

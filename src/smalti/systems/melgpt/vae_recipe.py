"""How the GPT-VAE learns: crops of clips, a latent of each, and some codes kept from whoever would lean on them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.config import mix
from smalti.core import Codec
from smalti.data.batches import step_generator
from smalti.data.token_clips import TokenClips
from smalti.losses import active_units, mutual_information
from smalti.store import Weights
from smalti.store.words import to_words
from smalti.systems.melgpt.config import MelGPTConfig, VAEConfig
from smalti.systems.melgpt.vae_heard import heard
from smalti.systems.melgpt.vae_model import GPTVAE, Guess, build_vae
from smalti.systems.melgpt.vae_objective import (
    Terms,
    clip_likelihood,
    freeze_step,
    terms,
    weight_course,
)
from smalti.systems.melgpt.vae_stages import PART, encoder_of
from smalti.train import Engine, Samples
from smalti.train.learner import Learner
from smalti.train.token_crops import Crops, TokenCrops

_HIDE = 4  # so that hidden codes are drawn apart from everything else of a step


@dataclass(frozen=True, slots=True)
class VAECrops:
    """What a step is shown.

    Attributes:
        crops: targets, conditions, and what the decoder hears.
        seen: what the encoder sees.
    """

    crops: Crops
    seen: Int64[Tensor, "batch codebook frame"]


class VAERecipe:
    """A `train.Recipe`.

    Attributes:
        data: what is learnt from.
        learner: the model, its optimiser and its average.
        weight: of the divergence at each step.
    """

    def __init__(self, config: MelGPTConfig, data: TokenClips, engine: Engine, codec: Codec | None = None):
        """Build the model of the config; with the clips' codec its evaluations can be listened to."""
        assert config.objective is not None and isinstance(config.model, VAEConfig)
        self.config, self.objective, self.data, self.engine = config, config.objective, data, engine
        self._model, self._codec = config.model, codec
        build = partial(build_vae, config, spec=data.spec, schema=data.schema)
        self.learner = Learner(build, config.train, engine, apart=(PART,))
        self._crops = TokenCrops(data, config.shown, seed=config.train.seed, turn=engine.turn)
        epoch = len(data.training) / (config.shown.batch * engine.world)
        self.weight = weight_course(self.objective, steps=config.train.steps, epoch=epoch)
        self._freeze = freeze_step(self.objective, steps=config.train.steps, epoch=epoch)

    def batch(self, step: int) -> VAECrops:
        """Random crops of the step's clips, with codes hidden from both sides; the same whenever they are asked for."""
        crops, blank = self._crops.crops(step), self.data.spec.vocab
        generator = step_generator(mix(self.config.train.seed, _HIDE, self.engine.rank), step)
        inputs = hide(crops.inputs, blank=blank, chance=self.objective.word_dropout, generator=generator)
        seen = hide(crops.targets, blank=blank, chance=self.objective.encoder_dropout, generator=generator)
        return VAECrops(Crops(crops.targets, inputs, crops.labels, crops.values), seen)

    def step(self, batch: VAECrops, step: int) -> Mapping[str, float]:
        """One update; losses in nats per clip."""
        found: list[Terms] = []
        weight, draws = self.weight.at(step), self.objective.draws
        tokens = (batch.crops.targets != self.data.spec.vocab).sum().item() / len(batch.seen)

        def loss(network: nn.Module) -> Tensor:
            found.append(self._terms(network, batch, weight=weight, draws=draws)[0])
            return found[0].loss / tokens  # so that the gradient's largest norm means the same for clips of any length

        still = (PART,) if self._freeze is not None and step >= self._freeze else ()
        rate = self.learner.step(step, loss, still=still)
        return {**_named(found[0]), "kl_weight": weight, "learning_rate": rate}

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """Of the averaged model on clips kept out of training; nothing if there are none.

        `loss` is R + beta · KL at every step of a run, whatever the weight is by then, and `nll` is R + KL, a bound of
        the model's own; without a beta nothing bounds anything, so there is none.
        """
        draws = int(self.objective.beta > 0)
        parts = [self._evaluated(crops, draws) for crops in self._crops.held_out()]
        if not parts:
            return {}
        reconstruction, divergence, tokens = torch.stack([part[0] for part in parts]).sum(0).tolist()
        latents, mean, log_variance = (torch.cat(column) for column in zip(*(part[1] for part in parts), strict=True))
        clips = len(mean)
        found = {
            "loss": (reconstruction + self.objective.beta * divergence) / clips,
            "loss_rc": reconstruction / clips,
            "loss_kl": divergence / clips,
            "active_units": float(active_units(mean)),
        }
        if not draws:
            return found
        return {
            **found,
            "nll": (reconstruction + divergence) / clips,
            "ppl": math.exp((reconstruction + divergence) / tokens),
            "mutual_information": float(mutual_information(latents, mean, log_variance)),
        }

    def samples(self) -> Samples:
        """Sounds on the way between two clips, and of the prior; none without a codec."""
        model = self.learner.average.module
        return heard(model, self.data, self._codec) if self._codec and isinstance(model, GPTVAE) else Samples()

    def clips(self, step: int) -> Sequence[str]:
        """Where the clips of a step came from."""
        return self._crops.names(step)

    def state_dict(self) -> Mapping[str, Any]:
        """Model, optimiser and average."""
        return self.learner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.learner.load_state_dict(state)

    def weights(self) -> Weights:
        """The averaged weights, with spec and schema."""
        return Weights(self.learner.tensors(), to_words(self.data.spec, self.data.schema))

    def part_of(self, run: Path) -> Weights:
        """The encoder of a first stage; as of `train.BeginsElsewhere`."""
        return encoder_of(run, self._model, self.data.spec)

    def take(self, part: Weights) -> None:
        """Begin with that encoder; the decoder stays fresh."""
        state = {name.removeprefix(f"{PART}."): tensor for name, tensor in part.tensors.items()}
        for model in (self.learner.model, self.learner.average.module):
            model.get_submodule(PART).load_state_dict(state)

    def _evaluated(self, crops: Crops, draws: int) -> tuple[Float[Tensor, " sum"], tuple[Tensor, ...]]:
        """Sums over clips of R, KL and tokens; and latents, means and log-variances."""
        found, guess = self._terms(self.learner.average, VAECrops(crops, crops.targets), weight=0.0, draws=draws)
        tokens = int((crops.targets != self.data.spec.vocab).sum())
        clips = len(crops.targets)
        sums = [clips * float(found.reconstruction), clips * float(found.divergence), tokens]
        return torch.tensor(sums), (guess.latents[0].cpu(), guess.mean.cpu(), guess.log_variance.cpu())

    def _terms(self, network: nn.Module, batch: VAECrops, *, weight: float, draws: int) -> tuple[Terms, Guess]:
        crops = batch.crops
        noise = torch.randn(draws, len(batch.seen), self._model.latent) if draws else None
        present = (crops.targets != self.data.spec.vocab).any(1)
        moved = [batch.seen, present, crops.inputs, *_held(crops.labels, crops.values), noise]
        guess: Guess = network(*(None if each is None else self.engine.move(each) for each in moved))
        targets = self.engine.move(crops.targets).repeat(len(guess.latents), 1, 1)
        likelihood = clip_likelihood(guess.logits, targets).unflatten(0, (len(guess.latents), -1))
        parts = {"latents": guess.latents, "mean": guess.mean, "log_variance": guess.log_variance}
        return terms(self.objective, likelihood=likelihood, weight=weight, **parts), guess


def hide(
    codes: Int64[Tensor, "batch codebook frame"], *, blank: int, chance: float, generator: torch.Generator
) -> Int64[Tensor, "batch codebook frame"]:
    """Codes replaced by blanks, each with the same chance.

    Source: word dropout, Bowman et al. 2016 (arXiv:1511.06349), section 3.2.
    """
    return codes.masked_fill(torch.rand(codes.shape, generator=generator) < chance, blank)


def _held(labels: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """A condition that never changes as one frame: it is then turned into modulation once a clip, not once a row."""
    still = (labels == labels[:, :1]).all() and (values.nan_to_num(-1) == values[:, :1].nan_to_num(-1)).all()
    return (labels[:, :1], values[:, :1]) if still else (labels, values)


def _named(found: Terms) -> dict[str, float]:
    return {
        "loss": float(found.loss.detach()),
        "loss_rc": float(found.reconstruction.detach()),
        "loss_kl": float(found.divergence.detach()),
    }

"""How synthformer learns: random crops of token clips, some codes and some of what is told taken away.

Source: delay pattern, crops and cross-entropy of arXiv:2306.05284. Differs: input codes are corrupted and conditions
dropped field by field, because textures are learnt from minutes of sound, which a model soon knows by heart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from smalti.core import Condition, Schema
from smalti.data.batches import choose_clips, choose_starts, step_generator
from smalti.nn.modulation import drop_fields
from smalti.store import TokenStore, Weights
from smalti.systems.synthformer.clips import TokenClips
from smalti.systems.synthformer.config import SynthformerConfig
from smalti.systems.synthformer.model import build_synthformer, to_words
from smalti.train import Engine, Schedule, set_rate, update

_MOST_HELD_OUT = 128  # clips of an evaluation
_LONGEST = 4  # crops of a clip that an evaluation reads


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown; behind the end of a clip codes are blank and the condition holds.

    Attributes:
        targets: what is to be guessed; blanks are not.
        inputs: what is heard: the same with some codes replaced.
        labels, values: the fields of a Condition.
    """

    targets: Int64[Tensor, "batch codebook frame"]
    inputs: Int64[Tensor, "batch codebook frame"]
    labels: Int64[Tensor, "batch frame"]
    values: Float[Tensor, "batch frame parameter"]


class SynthformerRecipe:
    """A `train.Recipe` for one or more token stores.

    Attributes:
        data: what is learnt from.
        model: being trained.
        average: its weights averaged, which is what is evaluated and kept.
    """

    def __init__(
        self,
        config: SynthformerConfig,
        stores: Sequence[TokenStore],
        *,
        schema: Schema | None = None,
        engine: Engine | None = None,
    ):
        """Build the model and open the stores.

        Raises:
            SpecError, ParameterError: if the stores do not fit each other or the schema, or hold no clip.
        """
        self.config, self.engine = config, engine or Engine(config.engine)
        self.data = TokenClips(stores, schema)
        with torch.random.fork_rng():
            torch.manual_seed(config.train.seed)
            model = build_synthformer(config, spec=self.data.spec, schema=self.data.schema)
        optimiser = torch.optim.AdamW(_groups(model, config.train.weight_decay), betas=(0.9, 0.95), fused=True)
        self.model = model
        self._trained, self.optimiser = self.engine.setup(model, optimiser)
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.train.average)).eval()
        rate = Schedule(
            peak=config.train.learning_rate,
            final=config.train.final_rate,
            warmup=config.train.warmup,
            shape="cosine",
        )
        self.rate = rate.resolve(config.train.steps)

    def batch(self, step: int) -> Crops:
        """Random crops of the step's clips, the same whenever they are asked for."""
        shown, seed, turn = self.config.shown, self.config.train.seed, self._turn(step)
        clips = self._chosen(step)
        starts = choose_starts(seed, turn, lengths=self.data.frames[clips], crop=shown.crop)
        targets, condition = self._crops(clips, starts, shown.crop)
        generator = step_generator(seed, turn)
        condition = drop_fields(condition, rate=shown.condition_dropout, generator=generator)
        inputs = corrupt(targets, vocab=self.data.spec.vocab, most=shown.corruption, generator=generator)
        return Crops(targets, inputs, condition.labels, condition.values)

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update; losses are in nats per code, of all codebooks and of each."""
        rate = self.rate.at(step)
        set_rate(self.optimiser, rate)
        self._trained.train()
        targets, inputs, labels, values = self.engine.move([batch.targets, batch.inputs, batch.labels, batch.values])
        losses = guess_losses(self._trained(inputs, labels, values), targets)
        changed = update(
            losses.mean(),
            parameters=self.model.parameters(),
            optimiser=self.optimiser,
            engine=self.engine,
            clip=self.config.train.clip,
        )
        if changed:
            self.average.update_parameters(self.model)
        return {**_named(losses.detach()), "learning_rate": rate}

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """Losses of the averaged model on clips kept out of training; nothing if there are none."""
        held_out = self.data.held_out
        if not len(held_out):
            return {}
        chosen = held_out[torch.linspace(0, len(held_out) - 1, min(len(held_out), _MOST_HELD_OUT)).long()]
        found: list[Tensor] = []
        for clips in chosen.split(self.config.shown.batch):
            targets, condition = self._crops(clips, torch.zeros_like(clips), _LONGEST * self.config.shown.crop)
            codes, labels, values = self.engine.move([targets, condition.labels, condition.values])
            found.append(len(clips) * guess_losses(self.average(codes, labels, values), codes).cpu())
        return _named(torch.stack(found).sum(0) / len(chosen))

    def clips(self, step: int) -> Sequence[str]:
        """Where the clips of a step came from."""
        return [self.data.path(int(clip)) for clip in self._chosen(step)]

    def state_dict(self) -> Mapping[str, Any]:
        """Model, optimiser and average."""
        parts = {"model": self.model, "optimiser": self.optimiser, "average": self.average}
        return {name: part.state_dict() for name, part in parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.load_state_dict(state["average"])

    def weights(self) -> Weights:
        """The averaged weights, with spec and schema."""
        return Weights(dict(self.average.module.state_dict()), to_words(self.data.spec, self.data.schema))

    def _turn(self, step: int) -> int:
        """Steps are dealt out to processes in turn, so that each sees other clips."""
        return step * self.engine.world + self.engine.rank

    def _chosen(self, step: int) -> Tensor:
        training, batch = self.data.training, self.config.shown.batch
        return training[choose_clips(self.config.train.seed, self._turn(step), batch=batch, clips=len(training))]

    def _crops(self, clips: Tensor, starts: Tensor, most: int) -> tuple[Tensor, Condition]:
        frames = min(most, int(self.data.frames[clips].max()))
        targets = torch.full((len(clips), self.data.spec.codebooks, frames), self.data.spec.vocab)
        told: list[Condition] = []
        for row, (clip, start) in enumerate(zip(clips.tolist(), starts.tolist(), strict=True)):
            codes = self.data.codes(clip)[:, start : start + frames]
            targets[row, :, : codes.shape[1]] = codes
            told.append(self.data.condition(clip, start=start, frames=frames))
        return targets, Condition(torch.cat([t.labels for t in told]), torch.cat([t.values for t in told]))


def guess_losses(
    logits: Float[Tensor, "batch codebook frame vocab"], targets: Int64[Tensor, "batch codebook frame"]
) -> Float[Tensor, " codebook"]:
    """Cross-entropy of each codebook in nats per code; blanks (code V) do not count."""
    found = functional.cross_entropy(
        logits.flatten(0, 2).float(), targets.flatten(), ignore_index=logits.shape[-1], reduction="none"
    )
    real = targets != logits.shape[-1]
    return found.view(targets.shape).sum((0, 2)) / real.sum((0, 2)).clamp(min=1)


def corrupt(
    codes: Int64[Tensor, "batch codebook frame"], *, vocab: int, most: float, generator: torch.Generator
) -> Int64[Tensor, "batch codebook frame"]:
    """Replace codes by random ones: in each row a share of its own, evenly between 0 and `most`; blanks stay."""
    shares = most * torch.rand(codes.shape[0], 1, 1, generator=generator)
    hit = (torch.rand(codes.shape, generator=generator) < shares) & (codes != vocab)
    return torch.where(hit, torch.randint(vocab, codes.shape, generator=generator), codes)


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    free = [weight for weight in model.parameters() if weight.ndim < 2]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


def _named(losses: Tensor) -> dict[str, float]:
    each = {f"loss_codebook_{i}": float(loss) for i, loss in enumerate(losses)}
    return {"loss": float(losses.mean()), **each}

"""How the codec learns: by mel pictures at many scales and its codes, and, once they speak, by what judges hear.

Codes learn by gradient, as published. In a short run three settings help: `train.quantize_from` places them by k-means
once the latents have found their places, `train.follow` makes them the means of what chooses them, and
`train.restart_below` moves those that fell idle.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio
from smalti.data.batches import step_generator
from smalti.data.manifest import Manifest
from smalti.features import MEL_PRESETS, log_mel
from smalti.nn.weight_norm import fold_weights
from smalti.store import Weights
from smalti.systems.dac.averages import CodeAverages
from smalti.systems.dac.clips import Crops, SoundClips
from smalti.systems.dac.config import DACConfig
from smalti.systems.dac.held_out import rebuilt, score
from smalti.systems.dac.judging import build_adversary
from smalti.systems.dac.learning import LearningNet, Rebuilt
from smalti.systems.dac.objective import Objective
from smalti.train import Engine, Muon, Samples, Schedule, set_rate, update
from smalti.train.held_out import HeldOutScores

_SHOWN = 3


class DACRecipe:
    """A `train.Recipe` for a manifest of recordings, or for waveforms in memory.

    Attributes:
        learning: what is being trained.
        net: the codec in it.
        sounds: what it learns from.
        objective: what it learns by.
        averages: of its codes.
        adversary: None without judges.
    """

    def __init__(
        self,
        config: DACConfig,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        held_out: int = 0,
        engine: Engine | None = None,
    ) -> None:
        """Build net and judges, and lay out the recordings.

        Args:
            config: of the run.
            source: recordings with their splits, or waveforms at the model's rate.
            held_out: how many of the waveforms, the last ones, are kept out of training.
            engine: where to compute; by default what the settings say.
        Raises:
            DataError: if there is nothing to learn from.
            ParameterError: if the settings do not fit each other.
        """
        self.config, self.engine, train = config, engine or Engine(config.engine), config.train
        with torch.random.fork_rng():
            torch.manual_seed(train.seed)
            self.learning = LearningNet(config.model, normed=not train.matrix_rate)
            self.adversary = build_adversary(config, self.engine)
        self.net = self.learning.codec
        optimiser = Muon(
            self.learning.matrices() if train.matrix_rate else [],
            self.learning.learnt(),
            betas=train.betas,
            weight_decay=train.weight_decay,
            matrix_rate=train.matrix_rate,
        )
        self._trained, self.optimiser = self.engine.setup(self.learning, optimiser)
        self.sounds = SoundClips(source, model=config.model, train=train, held_out=held_out)
        self.objective = Objective(train, sample_rate=config.model.sample_rate)
        self.averages = CodeAverages(config.model, device=self.engine.device)
        self.averages.begin(self.net.quantizer)
        rate = Schedule(peak=train.learning_rate, final=train.final_rate, warmup=train.warmup, shape="cosine")
        self.rate = rate.resolve(train.steps)
        self._quantize_from, self._restart_until = (
            round(share * train.steps) for share in (train.quantize_from, train.restart_until)
        )
        self._scores: HeldOutScores | None = None

    def batch(self, step: int) -> Crops:
        """Random crops, the same whenever they are asked for."""
        return self.sounds.crops(self.engine.turn(step))

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update of the codec and, once they speak, one of the judges, from one and the same sound of it."""
        train = self.config.train
        rate = self.rate.at(step) * train.decay**step
        set_rate(self.optimiser, rate)
        self._trained.train()
        if step == self._quantize_from > 0:
            self._start_codebooks(step)
        real, depths = self.engine.move([batch.sound, batch.depths])
        found = self._trained(real, depths=depths, quantize=step >= self._quantize_from)
        made = found.sound.float()
        real = real[:, : made.shape[1]]
        losses = self.objective.of_sound(made, real)
        losses |= {"commitment": found.commitment, "codebook": found.codebook}
        judging = self.adversary if self.adversary is not None and self.adversary.active(step) else None
        if judging is not None:
            pull = judging.losses(made, real if self.objective.weighs("features") else None)
            losses |= {"adversarial": pull.adversarial, "features": pull.features}
        loss = self.objective.total(losses)
        weights = self.learning.learnt()
        if update(loss, parameters=weights, optimiser=self.optimiser, engine=self.engine, clip=train.clip):
            self._look_after_codes(found, step)
        said = {name: float(value.detach()) for name, value in losses.items()}
        if judging is not None:
            said |= judging.learn(made, real, rate=self.config.judge.learning_rate * rate / train.learning_rate)
        return {"loss": float(loss.detach()), **said, "learning_rate": rate}

    def evaluate(self) -> Mapping[str, float]:
        """Losses, distances in dB and codes in use on recordings kept out of training; see `score`."""
        sounds = self.sounds.pieces.beginnings(self.config.train.held_out)
        if not sounds:
            return {}
        self.net.eval()
        self._scores = score(self.net, sounds, self.objective)
        return self._scores.metrics

    def samples(self) -> Samples:
        """Recordings kept out of training beside what is made of them, and use of the codes."""
        sounds: dict[str, Audio] = {}
        self.net.eval()
        for number, original in enumerate(self.sounds.pieces.beginnings(_SHOWN)):
            sounds[f"{number}/original"] = original
            sounds[f"{number}/reconstruction"], _ = rebuilt(self.net, original)
        images = {name: log_mel(audio.samples, MEL_PRESETS["wide"])[0] for name, audio in sounds.items()}
        hits = [] if self._scores is None else self._scores.hits
        return Samples(images, sounds, {f"code_hits/{book}": row for book, row in enumerate(hits)})

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        return self.sounds.pieces.names(self.sounds.chosen(self.engine.turn(step)))

    def state_dict(self) -> Mapping[str, Any]:
        """Net, averages of its codes, judges and their optimisers."""
        own = {
            "model": self.learning.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "averages": self.averages.state_dict(),
        }
        return own if self.adversary is None else {**own, "adversary": self.adversary.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.learning.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.averages.load_state_dict(state["averages"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])

    def weights(self) -> Weights:
        """The net, its weights folded into plain ones."""
        return Weights(fold_weights(self.net.state_dict()), {"system": self.config.system})

    def _look_after_codes(self, found: Rebuilt, step: int) -> None:
        train = self.config.train
        if found.codes is not None and (train.follow or train.restart_below):
            below = train.restart_below if step < self._restart_until else 0.0
            self.averages.learn(self.net.quantizer, found.latents, follow=train.follow, restart_below=below)

    @torch.no_grad()
    def _start_codebooks(self, step: int) -> None:
        """Place the codes among latents of the steps that follow, so that nothing need be remembered for it."""
        found: list[Tensor] = []
        with self.engine.autocast():
            while sum(map(len, found)) < self.config.train.start_vectors:
                sound = self.engine.move(self.sounds.crops(step + len(found)).sound)
                found.append(self.net.encoder(sound).float().mT.flatten(0, 1))
        generator = step_generator(self.config.train.seed, step)
        self.net.quantizer.start(torch.cat(found).mT[None], generator=generator)
        self.averages.begin(self.net.quantizer)

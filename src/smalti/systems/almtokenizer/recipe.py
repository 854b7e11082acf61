"""How the codec learns: frames through queries and codes first, then their sound as well, at a rate drawn per step.

Or in the published two stages, each of them a setting of this one recipe: see `smalti.systems.almtokenizer.learning`
for what a stage holds still, and `objective` for the table of losses.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.config import mix
from smalti.core import Audio
from smalti.data.batches import step_generator
from smalti.data.manifest import Manifest
from smalti.features import log_mel
from smalti.losses import yardstick
from smalti.store import Weights
from smalti.systems.almtokenizer.clips import Crops, SoundClips
from smalti.systems.almtokenizer.codec import ALMTokenizer
from smalti.systems.almtokenizer.config import ALMTokenizerConfig
from smalti.systems.almtokenizer.held_out import as_crops, rebuilt_sound, score, score_ends
from smalti.systems.almtokenizer.judging import SoundAdversary
from smalti.systems.almtokenizer.learning import LearningNet, Learnt
from smalti.systems.almtokenizer.mae import hide_frames
from smalti.systems.almtokenizer.objective import Objective
from smalti.systems.almtokenizer.stages import ends_of, is_end, level_ends, take_ends
from smalti.train import Engine, Muon, Samples, Schedule, set_rate, update
from smalti.train.held_out import HeldOutScores

_SHOWN = 3
_SHOWN_WINDOWS = (3, 6, 10)
_LEVEL_BATCHES = 8  # among whose frames a first stage finds their deviation
_HIDE = 2  # so that hidden frames are drawn apart from everything else of a step


class ALMTokenizerRecipe:
    """A `train.Recipe` for a manifest of recordings, or for waveforms in memory.

    Attributes:
        learning: all that is being trained.
        net: the codec's part of it.
        sounds: what it learns from.
        objective: what it learns by.
        adversary: judges of its sound; None if there are none.
    """

    def __init__(
        self,
        config: ALMTokenizerConfig,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        held_out: int = 0,
        engine: Engine | None = None,
    ) -> None:
        """Build the net and lay out the recordings.

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
            self.learning = LearningNet(config)
            self.adversary = self._judges()
        self.net, self._whole = self.learning.codec, train.stage != "autoencoder"
        inner = self.net.inner_matrices() if train.matrix_rate else []
        optimiser = Muon(
            [weight for weight in inner if weight.requires_grad],
            self.learning.learning(),
            betas=train.betas,
            weight_decay=train.weight_decay,
            matrix_rate=train.matrix_rate,
        )
        self._trained, self.optimiser = self.engine.setup(self.learning, optimiser)
        self.sounds = SoundClips(source, model=config.model, train=train, hop=self.net.hop, held_out=held_out)
        self.objective = Objective(train.lambdas, sample_rate=config.model.sample_rate, hop=self.net.hop)
        rate = Schedule(peak=train.learning_rate, final=train.final_rate, warmup=train.warmup, shape="cosine")
        self.rate = rate.resolve(train.steps)
        self._quantize_from, self._sound_from, self._restart_until = (
            round(share * train.steps) for share in (train.quantize_from, train.sound_from, train.restart_until)
        )
        self._scores: HeldOutScores | None = None

    def codec(self) -> ALMTokenizer:
        """The codec as it is now, ready to encode and decode; training goes on with the same weights."""
        self.net.eval()
        return ALMTokenizer(self.net)

    def batch(self, step: int) -> Crops:
        """Random crops at random levels, the same whenever they are asked for."""
        return self.sounds.crops(step, turn=self.engine.turn(step))

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update of what the stage teaches and, once they speak, of the judges, from one and the same sound."""
        train = self.config.train
        rate = self.rate.at(step)
        set_rate(self.optimiser, rate)
        self._trained.train()
        if self._whole and step == self._quantize_from:
            self._start_codebooks(step)
        before = {name: value.clone() for name, value in self.net.quantizer.state_dict().items()}
        crops = self._moved(batch)
        learnt = self._pass(crops, step)
        sound = learnt.rebuilt.sound
        losses = {**self.objective.losses(learnt.rebuilt, crops), **learnt.aside}
        judging = self.adversary if self.adversary and self.adversary.active(step) and sound is not None else None
        if judging is not None and sound is not None:
            features = self.objective.weighs("features")
            pull = judging.pull(step, made=sound, real=crops.sound, lengths=crops.lengths, features=features)
            losses |= {"adversarial": pull.adversarial, "features": pull.features}
        loss = self.objective.total(losses)
        weights = self.learning.learning()
        if not update(loss, parameters=weights, optimiser=self.optimiser, engine=self.engine, clip=train.clip):
            self.net.quantizer.load_state_dict(before)  # averages move before anyone knows what the loss comes to
            judging = None
        found = {name: float(value.detach()) for name, value in losses.items()}
        if judging is not None and sound is not None:
            share = rate / train.learning_rate
            found |= judging.learn(step, made=sound, real=crops.sound, lengths=crops.lengths, share=share)
        return {"loss": float(loss.detach()), **found, "window": float(batch.window), "learning_rate": rate}

    def evaluate(self) -> Mapping[str, float]:
        """Losses, distances in dB and codes in use on recordings kept out of training; see `score` and `score_ends`."""
        sounds = self.sounds.pieces.beginnings(self.config.train.held_out)
        if not sounds:
            return {}
        self.learning.eval()
        losses = self._evaluated(sounds)
        if not self._whole:
            return {**losses, **score_ends(self.net, sounds)}
        self._scores = score(self.codec(), sounds)
        return {**losses, **self._scores.metrics}

    def samples(self) -> Samples:
        """Recordings kept out of training beside what is made of them, at some windows, and use of the codes."""
        sounds: dict[str, Audio] = {}
        self.learning.eval()
        for number, original in enumerate(self.sounds.pieces.beginnings(_SHOWN)):
            sounds[f"{number}/original"] = original
            sounds |= {f"{number}/{name}": made for name, made in self._made(original).items()}
        picture = yardstick(self.config.model.sample_rate).pictures[-1]
        images = {name: log_mel(audio.samples, picture)[0] for name, audio in sounds.items()}
        hits = [] if self._scores is None else self._scores.hits
        return Samples(images, sounds, {f"code_hits/{book}": row for book, row in enumerate(hits)})

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        return self.sounds.pieces.names(self.sounds.chosen(self.engine.turn(step)))

    def state_dict(self) -> Mapping[str, Any]:
        """Nets, codebooks, judges and their optimisers."""
        own = {"model": self.learning.state_dict(), "optimiser": self.optimiser.state_dict()}
        return own if self.adversary is None else {**own, "adversary": self.adversary.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.learning.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])

    def weights(self) -> Weights:
        """Net and codebooks; of a first stage the ends alone, their frames brought to a deviation of one."""
        kept = {name: value for name, value in self.net.state_dict().items() if self._whole or is_end(name)}
        if not self._whole:
            kept |= level_ends(self.net, [self.engine.move(self.batch(step).sound) for step in range(_LEVEL_BATCHES)])
        return Weights(kept, {"system": self.config.system})

    def part_of(self, run: Path) -> Weights:
        """The ends of a first stage, or of a codec that was imported; as of `train.BeginsElsewhere`."""
        return ends_of(run, self.net)

    def take(self, part: Weights) -> None:
        """Begin with them."""
        take_ends(self.net, part)

    def _judges(self) -> SoundAdversary | None:
        judge, train = self.config.judge, self.config.train
        if judge.kind == "none":
            return None
        rate = self.config.model.sample_rate
        return SoundAdversary(judge, engine=self.engine, sample_rate=rate, seed=train.seed, clip=train.clip)

    def _moved(self, batch: Crops) -> Crops:
        sound, lengths = self.engine.move([batch.sound, batch.lengths])
        return Crops(sound, lengths, batch.window, batch.depth)

    def _pass(self, crops: Crops, step: int) -> Learnt:
        train = self.config.train
        return self._trained(
            crops.sound,
            crops.window,
            **(self._masks(crops, step) if self.learning.mae is not None else {}),
            depth=crops.depth,
            quantize=step >= self._quantize_from,
            audible=step >= self._sound_from,
            restart_below=train.restart_below if step < self._restart_until else 0.0,
        )

    def _masks(self, crops: Crops, step: int) -> dict[str, Tensor]:
        """Which frames are hidden from their guesser, and which are there at all."""
        generator = step_generator(mix(self.config.train.seed, _HIDE), self.engine.turn(step))
        frames, lengths = crops.sound.shape[1] // self.net.hop, -(-crops.lengths.cpu() // self.net.hop)
        hidden = hide_frames(lengths, frames=frames, rate=self.config.mae.rate, generator=generator)
        inside = torch.arange(frames) < lengths[:, None]
        return {"hidden": self.engine.move(hidden), "inside": self.engine.move(inside)}

    @torch.no_grad()
    def _evaluated(self, sounds: Sequence[Audio]) -> dict[str, float]:
        """Losses at the codec's own window, mean over recordings; those beside the codec are not asked."""
        found: list[dict[str, float]] = []
        for sound in sounds:
            crops = self._moved(as_crops(sound, self.config.model, self.net.hop))
            rebuilt = self.net(crops.sound, crops.window) if self._whole else self.net.rebuild(crops.sound)
            losses = self.objective.losses(rebuilt, crops)
            found.append({name: float(value) for name, value in losses.items()})
            found[-1]["loss"] = float(self.objective.total(losses))
        return {name: sum(each[name] for each in found) / len(found) for name in found[0]}

    def _made(self, original: Audio) -> dict[str, Audio]:
        if not self._whole:
            return {"reconstruction": rebuilt_sound(self.net, original)}
        codec, (low, high) = self.codec(), self.config.model.windows
        windows = sorted({min(max(window, low), high) for window in _SHOWN_WINDOWS})
        views = {window: codec.at(window=window) for window in windows}
        return {f"window {window}": view.decode(view.encode(original)) for window, view in views.items()}

    @torch.no_grad()
    def _start_codebooks(self, step: int) -> None:
        """Place the code vectors among queries of the steps that follow, so that nothing need be remembered for it."""
        points: list[Tensor] = []
        with self.engine.autocast():
            while sum(map(len, points)) < self.config.train.start_vectors:
                batch = self.batch(step + len(points))
                queries = self.net.analyse(self.engine.move(batch.sound), batch.window)
                points.append(self.net.to_codes(queries).float().flatten(0, 1))
        self.net.quantizer.start(torch.cat(points).mT[None])

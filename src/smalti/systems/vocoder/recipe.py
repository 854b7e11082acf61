"""How a vocoder learns: by the distances of its sound's spectra, and, once they speak, by what judges hear in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import Audio
from smalti.data.batches import choose_clips, step_generator
from smalti.data.manifest import Manifest
from smalti.data.waveforms import Piece, beginnings, recordings_of
from smalti.evaluate import score_vocoder_clip
from smalti.features import find_picture, hop_by_hop, log_mel
from smalti.losses import Resolution, mel_l1, multi_resolution_stft
from smalti.nn.waveform_judges import WaveformJudges
from smalti.nn.weight_norm import fold_weights, norm_weights
from smalti.store import Weights
from smalti.systems.vocoder.clips import Crops, WaveformClips
from smalti.systems.vocoder.config import VocoderRunConfig
from smalti.systems.vocoder.model import NetVocoder
from smalti.systems.vocoder.nets import VocosNet, build
from smalti.train import Adversary, Engine, Samples, Schedule, set_rate, update

_LEARNT_BY = tuple(Resolution(n_fft, n_fft, n_fft // 4) for n_fft in (512, 1024, 2048))
_MOST_HEARD = 8  # recordings of an evaluation
_SHOWN = 3


class VocoderRecipe:
    """A `train.Recipe` for a manifest of recordings, or for waveforms in memory.

    Attributes:
        net: being trained.
        clips_of: what it learns from.
        adversary: None without judges.
    """

    def __init__(
        self,
        config: VocoderRunConfig,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        held_out: int = 0,
        engine: Engine | None = None,
    ) -> None:
        """Build net and judges, and lay out the recordings.

        Args:
            config: of the run.
            source: recordings with their splits, or waveforms at the picture's rate.
            held_out: how many of the waveforms, the last ones, are kept out of training.
            engine: where to compute; by default what the settings say.
        Raises:
            DataError: if there is nothing to learn from.
            ParameterError: if the settings do not fit each other.
        """
        self.config, self.engine, train = config, engine or Engine(config.engine), config.train
        self.picture = find_picture(config.model.picture)
        with torch.random.fork_rng():
            torch.manual_seed(train.seed)
            net = build(config.model, self.picture)
            judges = _judges(config)
        if not isinstance(net, VocosNet):
            norm_weights(net)
        optimiser = torch.optim.AdamW(net.parameters(), betas=train.betas, weight_decay=train.weight_decay, fused=True)
        self.net = net
        self._trained, self.optimiser = self.engine.setup(net, optimiser)
        self.adversary = (
            Adversary(judges, engine=self.engine, start=config.judge.start, betas=train.betas, clip=train.clip)
            if judges is not None
            else None
        )
        recordings = recordings_of(source, sample_rate=self.picture.sample_rate, held_out=held_out)
        self.pieces = WaveformClips(recordings, self.picture, normalise=train.normalise, memory=train.memory)
        rate = Schedule(peak=train.learning_rate, final=train.final_rate, warmup=train.warmup, shape="cosine")
        self.rate = rate.resolve(train.steps)

    def vocoder(self) -> NetVocoder:
        """The vocoder as it is now; training goes on with the same weights."""
        self.net.eval()
        return NetVocoder(self.net, self.config.model)

    def batch(self, step: int) -> Crops:
        """Random crops at random levels, the same whenever they are asked for."""
        frames = self.config.train.crop
        rows = [
            self.pieces.crop(piece, start=start, frames=frames, gain=gain) for piece, start, gain in self._chosen(step)
        ]
        return Crops(torch.cat([row.picture for row in rows]), torch.cat([row.sound for row in rows]))

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update of the net and, once they speak, one of the judges, from one and the same sound of it."""
        train, judge = self.config.train, self.config.judge
        rate = self.rate.at(step)
        set_rate(self.optimiser, rate)
        self._trained.train()
        picture, real = self.engine.move([batch.picture, batch.sound])
        edge = train.margin * self.picture.hop
        judged = slice(edge, real.shape[1] - edge)
        made, real = self._trained(picture)[:, judged], real[:, judged]
        losses = {
            "mel": mel_l1(made, real, self.picture),
            "stft": multi_resolution_stft(made, real, resolutions=_LEARNT_BY, floor=train.stft_floor),
        }
        weights = {"mel": train.mel, "stft": train.stft, "adversarial": judge.adversarial, "features": judge.features}
        judging = self.adversary if self.adversary is not None and self.adversary.active(step) else None
        if judging is not None:
            pull = judging.losses(made, real)
            losses |= {"adversarial": pull.adversarial, "features": pull.features}
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        update(loss, parameters=self.net.parameters(), optimiser=self.optimiser, engine=self.engine, clip=train.clip)
        found = {name: float(value.detach()) for name, value in losses.items()}
        if judging is not None:
            found |= judging.learn(made, real, rate=judge.learning_rate * rate / train.learning_rate)
        decibels = {"mel_l1_db": found["mel"] * self.picture.range_db}
        return {"loss": float(loss.detach()), **decibels, **found, "learning_rate": rate}

    def evaluate(self) -> Mapping[str, float]:
        """Distances of the vocoder's sound from recordings kept out of training: see `smalti.evaluate`."""
        vocoder, heard = self.vocoder(), self._heard()
        scores = [score_vocoder_clip(vocoder, audio.samples[0]) for audio in heard]
        # equal runs write equal metrics, and no clock is equal to itself
        names = [name for name in scores[0] if name != "real_time_factor"] if scores else []
        return {name: sum(score[name] for score in scores) / len(scores) for name in names}

    def samples(self) -> Samples:
        """Recordings kept out of training beside what the vocoder makes of their pictures."""
        vocoder = self.vocoder()
        sounds: dict[str, Audio] = {}
        for number, original in enumerate(self._heard()[:_SHOWN]):
            sounds[f"{number}/original"] = original
            sounds[f"{number}/vocoder"] = vocoder.sound(hop_by_hop(original.samples, self.picture), original.lengths)
        images = {name: log_mel(audio.samples, self.picture)[0] for name, audio in sounds.items()}
        return Samples(images, sounds)

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        return [self.pieces.recordings.name(piece.clip) for piece, _, _ in self._chosen(step)]

    def state_dict(self) -> Mapping[str, Any]:
        """Net, judges and their optimisers."""
        own = {"model": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}
        return own if self.adversary is None else {**own, "adversary": self.adversary.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.net.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])

    def weights(self) -> Weights:
        """The net, its weights folded into plain ones."""
        return Weights(fold_weights(self.net.state_dict()), {"system": self.config.system})

    def _chosen(self, step: int) -> list[tuple[Piece, int, float]]:
        """Pieces, where in them the crop begins, in mel frames, and its gain."""
        train, training = self.config.train, self.pieces.training
        turn = self.engine.turn(step)
        rows = choose_clips(train.seed, turn, batch=train.batch, clips=len(training)).tolist()
        generator = step_generator(train.seed, turn)
        chances = torch.rand(len(rows), 2, generator=generator, dtype=torch.float64).tolist()
        low, high = train.gain_db
        chosen: list[tuple[Piece, int, float]] = []
        for row, (place, level) in zip(rows, chances, strict=True):
            spare = max(training[row].frames - train.crop, 0)
            gain = 10 ** ((low + level * (high - low)) / 20)
            chosen.append((training[row], int(place * (spare + 1)), gain))
        return chosen

    def _heard(self) -> list[Audio]:
        recordings, rate = self.pieces.recordings, self.picture.sample_rate
        return beginnings(recordings, self.pieces.held_out, sample_rate=rate, most=_MOST_HEARD)


def _judges(config: VocoderRunConfig) -> nn.Module | None:
    judge = config.judge
    if not (judge.scales or judge.periods or judge.windows):
        return None
    return WaveformJudges(scales=judge.scales, periods=judge.periods, windows=judge.windows, width=judge.width)

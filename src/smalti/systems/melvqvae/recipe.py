"""How the mel codec learns: crops of pictures, rebuilt through codebooks that begin and restart among the latents.

The adversarial half of the published system is one more entry in the table of losses and an update of its own behind
the codec's; another quantiser is another class behind `smalti.quantize.Quantizer`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from smalti.core import Audio
from smalti.data.batches import choose_clips, step_generator
from smalti.data.manifest import Manifest
from smalti.data.waveforms import ManifestRecordings, Piece, WaveformRecordings
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.features import log_mel
from smalti.losses import loud_l2, picture_l1
from smalti.quantize import perplexity
from smalti.store import Weights
from smalti.systems.melvqvae.autoencoder import MelAutoencoder, Rebuilt
from smalti.systems.melvqvae.clips import PictureClips
from smalti.systems.melvqvae.config import FramesNetConfig, MelVQVAEConfig
from smalti.systems.melvqvae.model import MelVQVAE
from smalti.systems.melvqvae.vocoder import griffin_lim_vocoder
from smalti.train import Engine, Samples, Schedule, set_rate, update

_OVER = 2  # token frames that a crop may reach over a recording's ends
_START_BATCHES = 8  # whose latents place the first code vectors
_MOST_HEARD = 8  # recordings of an evaluation
_LONGEST = 10  # seconds of each
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown.

    Attributes:
        picture: with the context that the encoder needs for `inside.shape[1]` token frames.
        inside: which token frames belong to their recording.
    """

    picture: Float[Tensor, "batch band frame"]
    inside: Bool[Tensor, "batch token"]


class MelVQVAERecipe:
    """A `train.Recipe` for a manifest of recordings, or for waveforms in memory.

    Attributes:
        model: being trained.
        pictures: what it learns from.
    """

    def __init__(
        self,
        config: MelVQVAEConfig,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        held_out: int = 0,
        engine: Engine | None = None,
    ) -> None:
        """Build the model and lay out the recordings.

        Args:
            config: of the run.
            source: recordings with their splits, or waveforms at the model's rate.
            held_out: how many of the waveforms, the last ones, are kept out of training.
            engine: where to compute; by default what the settings say.
        Raises:
            DataError: if there is nothing to learn from.
            ParameterError: if the settings do not fit each other.
        """
        self.config, self.engine = config, engine or Engine(config.engine)
        with torch.random.fork_rng():
            torch.manual_seed(config.train.seed)
            model = MelAutoencoder(config.model)
        optimiser = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.99), weight_decay=config.train.weight_decay, fused=True
        )
        self.model = model
        self._trained, self.optimiser = self.engine.setup(model, optimiser)
        net, picture = model.net, model.picture
        # the image net's windows are whole; the frames net's crops may have any length
        self._tokens = config.train.crop if isinstance(config.model.net, FramesNetConfig) else net.window
        self._lead = net.context * net.stride + net.left
        recordings = (
            ManifestRecordings(source, picture.sample_rate)
            if isinstance(source, Manifest)
            else WaveformRecordings(source, held_out=held_out)
        )
        margin = _OVER * net.stride + self._lead + max(net.context * net.stride + net.right, 0)
        self.pictures = PictureClips(recordings, picture, margin=margin, memory=config.train.memory)
        steps = config.train.steps
        self.rate = Schedule(peak=config.train.learning_rate, warmup=config.train.warmup, shape="cosine").resolve(steps)
        self._quantize_from = round(config.train.quantize_from * steps)
        self._restart_until = round(config.train.restart_until * steps)

    def codec(self) -> MelVQVAE:
        """The codec as it is now, ready to encode and decode; training goes on with the same weights."""
        self.model.eval()
        return MelVQVAE(self.model, griffin_lim_vocoder(self.config.vocoder, self.model.picture))

    def batch(self, step: int) -> Crops:
        """Random crops of the step's pieces, the same whenever they are asked for."""
        net = self.model.net
        tokens = self._tokens + 2 * net.context
        frames = net.left + tokens * net.stride + net.right
        pictures, inside = [], torch.zeros(self.config.train.batch, tokens, dtype=torch.bool)
        places = (torch.arange(tokens) - net.context) * net.stride
        for row, (piece, start) in enumerate(self._chosen(step)):
            pictures.append(self.pictures.crop(piece, start=start - self._lead, frames=frames))
            place = piece.first + start + places
            inside[row] = (place > -net.stride) & (place < self.pictures.frames_of(piece))
        return Crops(torch.stack(pictures), inside)

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update of net and codebooks; the picture's distance is in dB."""
        train = self.config.train
        rate = self.rate.at(step)
        set_rate(self.optimiser, rate)
        self._trained.train()
        if step == self._quantize_from:
            self._start_codebooks(step)
        picture, inside = self.engine.move([batch.picture, batch.inside])
        rebuilt = self._trained(
            picture,
            inside,
            quantize=step >= self._quantize_from,
            restart_below=train.restart_below if step < self._restart_until else 0.0,
        )
        losses = self._losses(rebuilt, picture, inside)
        weights = {"picture": 1.0, "loud": train.loud, "commitment": train.commitment}
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        update(loss, parameters=self.model.parameters(), optimiser=self.optimiser, engine=self.engine, clip=train.clip)
        found = {name: float(value.detach()) for name, value in losses.items()}
        decibels = {"mel_l1_db": found["picture"] * self.model.picture.range_db}
        return {"loss": float(loss.detach()), **decibels, **found, "learning_rate": rate}

    def evaluate(self) -> Mapping[str, float]:
        """Codec and picture distances in dB, and perplexity of each codebook, on recordings kept out of training."""
        codec, heard = self.codec(), self._heard()
        if not heard:
            return {}
        tokens = [codec.encode(original) for original in heard]
        rebuilt = [codec.decode(each) for each in tokens]
        rate = self.model.picture.sample_rate
        distances = [log_mel_l1_db(a.samples[0], b.samples[0], rate) for a, b in zip(heard, rebuilt, strict=True)]
        used = perplexity(torch.cat([each.codes[0] for each in tokens], dim=1), self.model.quantizer.vocab)
        return {
            "log_mel_l1_db": sum(distances) / len(distances),
            **{f"perplexity_{codebook}": float(value) for codebook, value in enumerate(used)},
        }

    def samples(self) -> Samples:
        """Recordings kept out of training beside what the codec makes of them."""
        codec = self.codec()
        sounds: dict[str, Audio] = {}
        for number, original in enumerate(self._heard()[:_SHOWN]):
            sounds[f"{number}/original"] = original
            sounds[f"{number}/reconstruction"] = codec.decode(codec.encode(original))
        images = {name: log_mel(audio.samples, self.model.picture)[0] for name, audio in sounds.items()}
        return Samples(images, sounds)

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        return [self.pictures.recordings.name(piece.clip) for piece, _ in self._chosen(step)]

    def state_dict(self) -> Mapping[str, Any]:
        """Net, codebooks and optimiser."""
        return {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])

    def weights(self) -> Weights:
        """Net and codebooks."""
        return Weights(dict(self.model.state_dict()), {"system": self.config.system})

    def _chosen(self, step: int) -> list[tuple[Piece, int]]:
        """Pieces and where in them the decoded part of the crop begins, in mel frames."""
        train, pieces, stride = self.config.train, self.pictures.training, self.model.net.stride
        turn = step * self.engine.world + self.engine.rank  # processes take turns, so that each sees other pieces
        rows = choose_clips(train.seed, turn, batch=train.batch, clips=len(pieces)).tolist()
        chances = torch.rand(len(rows), generator=step_generator(train.seed, turn), dtype=torch.float64).tolist()
        chosen: list[tuple[Piece, int]] = []
        for row, chance in zip(rows, chances, strict=True):
            spare = pieces[row].frames - self._tokens * stride
            low, high = min(0, spare) - _OVER * stride, max(0, spare) + _OVER * stride
            chosen.append((pieces[row], low + int(chance * (high - low + 1))))
        return chosen

    def _losses(self, rebuilt: Rebuilt, picture: Tensor, inside: Tensor) -> dict[str, Tensor]:
        """The table of losses; a new one is a line here and a weight in the settings."""
        net = self.model.net
        frames = rebuilt.picture.shape[2]
        wanted = picture[:, :, self._lead : self._lead + frames]
        judged = inside[:, net.context : inside.shape[1] - net.context].repeat_interleave(net.stride, dim=1)
        return {
            "picture": picture_l1(rebuilt.picture, wanted, judged),
            "loud": loud_l2(rebuilt.picture, wanted, judged, loudness=self.config.train.loudness),
            "commitment": rebuilt.commitment,
        }

    @torch.no_grad()
    def _start_codebooks(self, step: int) -> None:
        """Place the code vectors among latents of the steps that follow, so that nothing need be remembered for it."""
        with self.engine.autocast():
            pictures = [self.engine.move(self.batch(step + ahead).picture) for ahead in range(_START_BATCHES)]
            latents = torch.cat([self.model.net.analyse(picture).float() for picture in pictures])
        self.model.quantizer.start(latents)

    def _heard(self) -> list[Audio]:
        """Some recordings kept out of training, evenly chosen, their first seconds."""
        held_out, rate = self.pictures.held_out, self.model.picture.sample_rate
        count = min(len(held_out), _MOST_HEARD)
        chosen = [held_out[round(i * (len(held_out) - 1) / max(count - 1, 1))] for i in range(count)]
        return [Audio.single(self.pictures.recordings.read(clip, 0, _LONGEST * rate), rate) for clip in chosen]

"""How the mel codec learns: crops of pictures, rebuilt through codebooks that begin and restart among the latents.

The adversarial half of the published system is one more entry in the table of losses and an update of its own behind
the codec's; another quantiser is another class behind `smalti.quantize.Quantizer`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from smalti.config import mix
from smalti.core import Audio
from smalti.data.batches import choose_clips, step_generator
from smalti.data.given_pictures import ManifestPictures
from smalti.data.manifest import Manifest
from smalti.data.waveforms import Piece, WaveformRecordings
from smalti.losses import loud_l2, picture_l1
from smalti.quantize import PlainQuantizer
from smalti.store import Weights
from smalti.systems.melvqvae.autoencoder import MelAutoencoder, Rebuilt
from smalti.systems.melvqvae.clips import PictureClips
from smalti.systems.melvqvae.config import ImageNetConfig, MelVQVAEConfig
from smalti.systems.melvqvae.held_out import heard, score
from smalti.systems.melvqvae.judging import PictureAdversary, PictureEar
from smalti.systems.melvqvae.model import MelVQVAE
from smalti.systems.melvqvae.pictures import coded_picture, picture_codes
from smalti.systems.melvqvae.variety import vary
from smalti.systems.melvqvae.vocoder import griffin_lim_vocoder
from smalti.train import Engine, Samples, Schedule, set_rate, update
from smalti.train.held_out import HeldOutScores

_OVER = 2  # token frames that a crop may reach over a recording's ends
_START_BATCHES = 8  # whose latents place the first code vectors
_SHOWN = 3
_VARY = 1  # so that crops and what is done to them are independent


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown.

    Attributes:
        picture: with the context that the encoder needs for `inside.shape[1]` token frames.
        inside: which token frames belong to their recording.
        labels: positions of the recordings' labels in sorted order; -1 for none.
    """

    picture: Float[Tensor, "batch band frame"]
    inside: Bool[Tensor, "batch token"]
    labels: Int64[Tensor, " batch"]


class MelVQVAERecipe:
    """A `train.Recipe` for a manifest of recordings, or for waveforms in memory.

    Attributes:
        model: being trained.
        pictures: what it learns from.
        adversary: the judge, if the settings ask for one.
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
            self._labels = _label_positions(source)
            self._tokens = config.train.crop
            if isinstance(config.model.net, ImageNetConfig):
                self._tokens = model.net.window  # which attention hears whole; the other nets' crops have any length
            self.adversary, self._ear = self._judges(model)
        decays = {"weight_decay": config.train.weight_decay, "params": list(model.net.parameters())}
        stays = {"weight_decay": 0.0, "params": list(model.quantizer.parameters())}
        groups = [group for group in (decays, stays) if group["params"]]
        optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
        self.model = model
        self._trained, self.optimiser = self.engine.setup(model, optimiser)
        net, picture = model.net, model.picture
        self._lead = net.context * net.stride + net.left
        recordings = (
            ManifestPictures(source, picture)
            if isinstance(source, Manifest)
            else WaveformRecordings(source, held_out=held_out)
        )
        margin = _OVER * net.stride + self._lead + max(net.context * net.stride + net.right, 0)
        self.pictures = PictureClips(recordings, picture, margin=margin, memory=config.train.memory)
        steps = config.train.steps
        self.rate = Schedule(peak=config.train.learning_rate, warmup=config.train.warmup, shape="cosine").resolve(steps)
        quantizer = config.model.quantizer
        # what does not begin among the latents need not wait for them
        self._quantize_from = round(config.train.quantize_from * steps) if quantizer.starts_among_latents else 0
        self._restart_until = round(config.train.restart_until * steps) if quantizer.restarts else 0
        self._scores: HeldOutScores | None = None

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
        chosen = self._chosen(step)
        for row, (piece, start) in enumerate(chosen):
            pictures.append(self.pictures.crop(piece, start=start - self._lead, frames=frames))
            place = piece.first + start + places
            inside[row] = (place > -net.stride) & (place < self.pictures.frames_of(piece))
        labels = torch.tensor([self._labels.get(piece.clip, -1) for piece, _ in chosen])
        generator = step_generator(mix(self.config.train.seed, _VARY), self.engine.turn(step))
        varied = vary(torch.stack(pictures), self.config.train.vary, self.model.picture, generator=generator)
        return Crops(varied, inside, labels)

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
            noise=train.noise_sigma,
        )
        self._forget_restarted()
        losses, made, real = self._losses(rebuilt, picture, inside, step)
        pull, told = self._pull(step, losses, made, real)
        loss = torch.stack([self._weights[name] * value for name, value in losses.items()]).sum() + pull
        update(loss, parameters=self.model.parameters(), optimiser=self.optimiser, engine=self.engine, clip=train.clip)
        told |= self._teach(step, batch, made.detach(), real, rate)
        found = {name: float(value.detach()) for name, value in losses.items()}
        decibels = {"mel_l1_db": found["picture"] * self.model.picture.range_db}
        return {"loss": float(loss.detach()), **decibels, **found, **told, "learning_rate": rate}

    def evaluate(self) -> Mapping[str, float]:
        """Distances in dB and codes in use on all that is kept out of training; see `score`."""
        self._scores = score(self.codec(), self.pictures)
        if self._scores is None:
            return {}
        heard_by_judge = self._opinion() if self.adversary is not None else {}
        return {**self._scores.metrics, **heard_by_judge}

    def samples(self) -> Samples:
        """Recordings kept out of training beside what the codec makes of them, and how often it chose each code."""
        codec, clips = self.codec(), self.pictures
        images: dict[str, Tensor] = {}
        sounds: dict[str, Audio] = {}
        for number, clip in enumerate(clips.held_out[:_SHOWN]):
            images[f"{number}/original"] = picture = clips.shown(clip)
            codes = picture_codes(self.model, picture)
            images[f"{number}/reconstruction"] = coded_picture(self.model, codes)[:, : picture.shape[1]]
        for number, original in enumerate(heard(clips, self.model.picture.sample_rate)[:_SHOWN]):
            sounds[f"{number}/original"] = original
            sounds[f"{number}/reconstruction"] = codec.decode(codec.encode(original))
        hits = {} if self._scores is None else {"code_hits": self._scores.hits.flatten()}
        return Samples(images, sounds, hits)

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        return [self.pictures.recordings.name(piece.clip) for piece, _ in self._chosen(step)]

    def state_dict(self) -> Mapping[str, Any]:
        """Net, codebooks and optimiser; of the judges as much."""
        state: dict[str, Any] = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        if self.adversary is not None:
            state["adversary"] = self.adversary.adversary.state_dict()
        if self._ear is not None:
            state |= {"perceptual": self._ear.classifier.state_dict(), "hearing": self._ear.optimiser.state_dict()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.adversary is not None:
            self.adversary.adversary.load_state_dict(state["adversary"])
        if self._ear is not None:
            self._ear.classifier.load_state_dict(state["perceptual"])
            self._ear.optimiser.load_state_dict(state["hearing"])

    def weights(self) -> Weights:
        """Net and codebooks."""
        return Weights(dict(self.model.state_dict()), {"system": self.config.system})

    def _chosen(self, step: int) -> list[tuple[Piece, int]]:
        """Pieces and where in them the decoded part of the crop begins, in mel frames."""
        train, pieces, stride = self.config.train, self.pictures.training, self.model.net.stride
        turn = self.engine.turn(step)
        rows = choose_clips(train.seed, turn, batch=train.batch, clips=len(pieces)).tolist()
        chances = torch.rand(len(rows), generator=step_generator(train.seed, turn), dtype=torch.float64).tolist()
        chosen: list[tuple[Piece, int]] = []
        for row, chance in zip(rows, chances, strict=True):
            spare = pieces[row].frames - self._tokens * stride
            low, high = min(0, spare) - _OVER * stride, max(0, spare) + _OVER * stride
            chosen.append((pieces[row], low + int(chance * (high - low + 1))))
        return chosen

    def _judges(self, model: MelAutoencoder) -> tuple[PictureAdversary | None, PictureEar | None]:
        """Those that the settings ask for."""
        config, cells = self.config, (model.picture.bands, self._tokens * model.net.stride)
        adversary = ear = None
        if config.adversary.kind != "none":
            adversary = PictureAdversary(config.adversary, engine=self.engine, cells=cells)
        if config.perceptual.kind != "none":
            labels = max(self._labels.values(), default=-1) + 1
            ear = PictureEar(config.perceptual, engine=self.engine, labels=labels, steps=config.train.steps)
        return adversary, ear

    @property
    def _weights(self) -> Mapping[str, float]:
        train, book = self.config.train, self.config.train.codebook_weight
        own = {"picture": 1.0, "loud": train.loud, "commitment": book * train.commitment, "codebook": book}
        return {**own, "perceptual": self.config.perceptual.weight}

    def _losses(
        self, rebuilt: Rebuilt, picture: Tensor, inside: Tensor, step: int
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """The table of losses (a new one is a line here and a weight above), and the pictures that they compare."""
        net = self.model.net
        frames = rebuilt.picture.shape[2]
        wanted = picture[:, :, self._lead : self._lead + frames]
        judged = inside[:, net.context : inside.shape[1] - net.context].repeat_interleave(net.stride, dim=1)
        losses = {
            "picture": picture_l1(rebuilt.picture, wanted, judged),
            "loud": loud_l2(rebuilt.picture, wanted, judged, loudness=self.config.train.loudness),
            "commitment": rebuilt.commitment,
            "codebook": rebuilt.codebook,
        }
        made, real = (one * judged[:, None] for one in (rebuilt.picture, wanted))
        if self._ear is not None:
            losses["perceptual"] = self._ear.distance(step, made=made, real=real)
        return losses, made, real

    def _pull(
        self, step: int, losses: Mapping[str, Tensor], made: Tensor, real: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """What the adversary adds to the loss, weighed against the reconstruction."""
        if self.adversary is None:
            return made.new_zeros(()), {}
        parts = [self._weights[name] * losses[name] for name in ("picture", "loud", "perceptual") if name in losses]
        reconstruction, last = torch.stack(parts).sum(), self.model.net.last_layer
        return self.adversary.pull(step, made=made, real=real, reconstruction=reconstruction, last_layer=last)

    def _opinion(self) -> Mapping[str, float]:
        """What the adversary thinks of held-out pictures and their reconstructions, the first seconds of each."""
        told: list[Mapping[str, float]] = []
        for clip in self.pictures.held_out:
            real = self.pictures.shown(clip)
            made = coded_picture(self.model, picture_codes(self.model, real))[:, : real.shape[1]]
            if self.adversary is not None and self.adversary.can_judge(real):
                told.append(self.adversary.opinion(*self.engine.move([made[None], real[None]])))
        return {name: sum(one[name] for one in told) / len(told) for name in (told[0] if told else ())}

    def _teach(self, step: int, batch: Crops, made: Tensor, real: Tensor, rate: float) -> dict[str, float]:
        """The judges learn from the pictures of the step."""
        told: dict[str, float] = {}
        if self.adversary is not None:
            own = rate * self.config.adversary.learning_rate
            told |= self.adversary.learn(step, made=made, real=real, rate=own)
        if self._ear is not None:
            told |= self._ear.learn(step, real=real, labels=self.engine.move(batch.labels))
        return told

    def _forget_restarted(self) -> None:
        """The optimiser's moments of code vectors that begin anew belong to what stood there before."""
        for part in self.model.quantizer.modules():
            if isinstance(part, PlainQuantizer) and part.restarted is not None:
                for moment in self.optimiser.state[part.vectors].values():
                    if moment.shape == part.vectors.shape:
                        moment[part.restarted] = 0

    @torch.no_grad()
    def _start_codebooks(self, step: int) -> None:
        """Place the code vectors among latents of the steps that follow, so that nothing need be remembered for it."""
        with self.engine.autocast():
            pictures = [self.engine.move(self.batch(step + ahead).picture) for ahead in range(_START_BATCHES)]
            latents = torch.cat([self.model.net.analyse(picture).float() for picture in pictures])
        self.model.quantizer.start(latents)


def _label_positions(source: Manifest | Sequence[Float[Tensor, " _"]]) -> dict[int, int]:
    """By row of a manifest the place of its label among all, sorted; rows without one are left out."""
    if not isinstance(source, Manifest):
        return {}
    labels = source.labels()
    places = {label: place for place, label in enumerate(source.schema([]).labels)}
    return {row: places[label] for row, label in enumerate(labels) if label}

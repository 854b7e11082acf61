"""How the codec learns: frames through queries and codes first, then their sound as well, at a rate drawn per step."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, ParameterError
from smalti.data.manifest import Manifest
from smalti.features import log_mel
from smalti.store import Weights
from smalti.systems.almtokenizer.clips import Crops, SoundClips
from smalti.systems.almtokenizer.codec import ALMTokenizer
from smalti.systems.almtokenizer.config import ALMTokenizerConfig, CodesConfig
from smalti.systems.almtokenizer.held_out import HeldOutScores, heard, score
from smalti.systems.almtokenizer.net import QueryNet
from smalti.systems.almtokenizer.objective import Objective, yardstick
from smalti.train import Engine, Muon, Samples, Schedule, load_prior, set_rate, update

_SHOWN = 3
_SHOWN_WINDOWS = (3, 6, 10)


class ALMTokenizerRecipe:
    """A `train.Recipe` for a manifest of recordings, or for waveforms in memory.

    Attributes:
        net: being trained.
        sounds: what it learns from.
        objective: what it learns by.
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
            net = QueryNet(config.model, centres=_centres(config.model.codes))
        inner = net.inner_matrices() if train.matrix_rate else []
        optimiser = Muon(
            inner,
            [weight for weight in net.parameters() if all(weight is not each for each in inner)],
            betas=train.betas,
            weight_decay=train.weight_decay,
            matrix_rate=train.matrix_rate,
        )
        self.net = net
        self._trained, self.optimiser = self.engine.setup(net, optimiser)
        self.sounds = SoundClips(source, model=config.model, train=train, hop=net.hop, held_out=held_out)
        self.objective = Objective(train.lambdas, sample_rate=config.model.sample_rate, hop=net.hop)
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
        return self.sounds.crops(step, turn=self._turn(step))

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update of net and codebooks."""
        train = self.config.train
        rate = self.rate.at(step)
        set_rate(self.optimiser, rate)
        self._trained.train()
        if step == self._quantize_from:
            self._start_codebooks(step)
        sound, lengths = self.engine.move([batch.sound, batch.lengths])
        batch = Crops(sound, lengths, batch.window, batch.depth)
        rebuilt = self._trained(
            batch.sound,
            batch.window,
            depth=batch.depth,
            quantize=step >= self._quantize_from,
            audible=step >= self._sound_from,
            restart_below=train.restart_below if step < self._restart_until else 0.0,
        )
        losses = self.objective.losses(rebuilt, batch)
        loss = self.objective.total(losses)
        update(loss, parameters=self.net.parameters(), optimiser=self.optimiser, engine=self.engine, clip=train.clip)
        found = {name: float(value.detach()) for name, value in losses.items()}
        return {"loss": float(loss.detach()), **found, "window": float(batch.window), "learning_rate": rate}

    def evaluate(self) -> Mapping[str, float]:
        """Distances in dB and codes in use on recordings kept out of training; see `score`."""
        self._scores = score(self.codec(), heard(self.sounds.pieces, self.config.model.sample_rate))
        return {} if self._scores is None else self._scores.metrics

    def samples(self) -> Samples:
        """Recordings kept out of training beside what the codec makes of them at some windows, and use of the codes."""
        codec, sounds = self.codec(), dict[str, Audio]()
        low, high = self.config.model.windows
        for number, original in enumerate(heard(self.sounds.pieces, self.config.model.sample_rate, most=_SHOWN)):
            sounds[f"{number}/original"] = original
            for window in sorted({min(max(window, low), high) for window in _SHOWN_WINDOWS}):
                view = codec.at(window=window)
                sounds[f"{number}/window {window}"] = view.decode(view.encode(original))
        picture = yardstick(self.config.model.sample_rate).pictures[-1]
        images = {name: log_mel(audio.samples, picture)[0] for name, audio in sounds.items()}
        hits = [] if self._scores is None else self._scores.hits
        return Samples(images, sounds, {f"code_hits/{book}": row for book, row in enumerate(hits)})

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        return [self.sounds.pieces.recordings.name(piece.clip) for piece in self.sounds.chosen(self._turn(step))]

    def state_dict(self) -> Mapping[str, Any]:
        """Net, codebooks and optimiser."""
        return {"model": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.net.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])

    def weights(self) -> Weights:
        """Net and codebooks."""
        return Weights(dict(self.net.state_dict()), {"system": self.config.system})

    def _turn(self, step: int) -> int:
        """Processes take turns, so that each hears other pieces."""
        return step * self.engine.world + self.engine.rank

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


def _centres(codes: CodesConfig) -> Float[Tensor, "centre feature"] | None:
    """Those of the prior that the settings name; None if they name none."""
    if not codes.prior:
        return None
    prior = load_prior(Path(codes.prior))
    if len(prior.centres) != codes.vocab:
        raise ParameterError(
            f"{codes.prior} holds {len(prior.centres)} centres, wanted {codes.vocab} (model.codes.vocab); "
            f"make one with `smalti prior --vocab {codes.vocab}`"
        )
    return prior.centres

"""How a wav2tok tokenizer learns: takes of one label by other speakers, varied, are to find each other by strings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.config import mix
from smalti.core import ParameterError, nearest
from smalti.data.batches import step_generator
from smalti.data.manifest import Manifest
from smalti.data.pairs import Drawn, Pairs
from smalti.data.split import GROUPS
from smalti.data.waveforms import ManifestRecordings, evenly, held_out
from smalti.evaluate import RetrievalScores
from smalti.losses import Likeness
from smalti.quantize import kmeans
from smalti.store import Weights
from smalti.systems.wav2tok.clips import FrameClips
from smalti.systems.wav2tok.config import Wav2TokConfig
from smalti.systems.wav2tok.fronts import find_front
from smalti.systems.wav2tok.held_out import find_each_other
from smalti.systems.wav2tok.model import Wav2Tok
from smalti.systems.wav2tok.net import Heard, StringNet
from smalti.systems.wav2tok.objective import losses, weighted
from smalti.systems.wav2tok.splicing import spliced
from smalti.systems.wav2tok.variety import Varied, vary
from smalti.train import Engine
from smalti.train.learner import Learner

_MOST_HEARD = 300  # recordings of an evaluation
_MOST_POINTS = 50_000  # vectors that are clustered
_CROPS, _CLUSTERS = 5, 6  # so that the choices of one step are independent
_SPEAKERS = ("session", *GROUPS)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a step is shown."""

    frames: Float[Tensor, "batch frame bin"]
    lengths: Int64[Tensor, " batch"]
    drawn: Drawn


class _Trained(nn.Module):
    """What is learnt: the net, and what compares prototypes."""

    def __init__(self, config: Wav2TokConfig, bins: int) -> None:
        super().__init__()
        self.net = StringNet(config.model, bins)
        self.likeness = Likeness(config.model.codebook.dim, config.objective.likeness)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heard = self.net(frames, lengths)
        return heard.vectors, heard.log_probabilities, heard.frames


class Wav2TokRecipe:
    """A `train.Recipe` for a manifest of recordings; it keeps the weights that found best what was held out."""

    def __init__(self, config: Wav2TokConfig, manifest: Manifest, *, engine: Engine | None = None) -> None:
        """Build the net and sort the recordings.

        Args:
            config: of the run.
            manifest: recordings with their splits, labels and, perhaps, a column of speakers or sessions.
            engine: where to compute; by default what the settings say.
        Raises:
            DataError: if there is nothing to learn from.
            ParameterError: if a column of speakers is named that is not there.
        """
        self.config, self.engine = config, engine or Engine(config.engine)
        front = find_front(config.model.front)
        self.learner = Learner(lambda: _Trained(config, front.bins), config.train, self.engine)
        self.clips_of = FrameClips(ManifestRecordings(manifest, front.sample_rate), front, memory=config.train.memory)
        self._labels, self._speakers = labels_and_speakers(manifest, config)
        self._training = [clip for clip, trains in enumerate(self.clips_of.recordings.trains) if trains]
        self._held_out = held_out(self.clips_of.recordings)
        self.pairs = self._paired()
        self._best: dict[str, Any] = {"score": -1.0, "waited": 0, "weights": {}}

    def tokenizer(self) -> Wav2Tok:
        """As it is now, by the averaged weights."""
        return Wav2Tok(self._averaged.net.eval(), self.config.model)

    def batch(self, step: int) -> Rows:
        """Varied crops of takes that belong together, the same whenever they are asked for."""
        pairs, vary_by, seed = self.config.pairs, self.config.vary, self.config.train.seed
        turn = self.engine.turn(step)
        drawn = self.pairs.draw(turn)
        generator = step_generator(mix(seed, _CROPS), turn)
        clips = [self._training[clip] for clip in drawn.clips]
        frames, lengths = self.clips_of.crops(clips, seconds=pairs.seconds if pairs.clip else None, generator=generator)
        rows = Varied(frames, lengths, drawn)
        if vary_by.splice and pairs.mode == "pair":
            rows = spliced(rows, vary_by.splice, self._said_by(clips), generator)
        shown = vary(
            rows,
            vary_by,
            self.clips_of.front,
            same_length=pairs.same_length,
            generator=generator,
        )
        return Rows(self.clips_of.front.normalised(shown.frames, shown.lengths), shown.lengths, shown.drawn)

    def step(self, batch: Rows, step: int) -> Mapping[str, float]:
        """One update of the net, after a clustering where one is due."""
        codebook = self.config.model.codebook
        if codebook.kind == "kmeans" and step % codebook.every == 0:
            self.cluster(step)
        model = self._model
        frames, lengths = self.engine.move([batch.frames, batch.lengths])
        found: dict[str, Tensor] = {}

        def loss(trained: nn.Module) -> Tensor:
            heard = Heard(*trained(frames, lengths))
            objective = self.config.objective
            found.update(losses(heard, batch.drawn, objective, model.net.codebook, model.likeness))
            return weighted(found, objective)

        rate = self.learner.step(step, loss)
        values = {name: float(value.detach()) for name, value in found.items()}
        whole = sum(getattr(self.config.objective, name) * value for name, value in values.items())
        return {"loss": whole, **values, "learning_rate": rate}

    def evaluate(self) -> Mapping[str, float]:
        """Scores of finding held-out recordings, or, where these have nothing to find, those that it learns from."""
        used = 0.0
        for prefix, clips in (("", self._held_out), ("training_", self._training)):
            scores, used = self._scores(evenly(clips, _MOST_HEARD))
            if scores is not None:
                if not prefix:
                    self._remember(scores.map)
                return {f"{prefix}map": scores.map, f"{prefix}mrr": scores.mrr, "codes_used": used}
        return {"codes_used": used}

    @property
    def ended(self) -> bool:
        """Whether held-out recordings have long not been found any better."""
        patience = self.config.train.patience
        return 0 < patience <= self._best["waited"]

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        drawn = self.pairs.draw(self.engine.turn(step))
        return [self.clips_of.recordings.name(self._training[clip]) for clip in drawn.clips]

    def state_dict(self) -> Mapping[str, Any]:
        """Net, optimiser, average, and the best weights so far."""
        return {**self.learner.state_dict(), "best": dict(self._best)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.learner.load_state_dict({name: state[name] for name in ("model", "optimiser", "average")})
        self._best = dict(state["best"])

    def weights(self) -> Weights:
        """Those that found best what was held out; the last ones if nothing was."""
        return Weights(self._best["weights"] or self._now(), {"system": self.config.system})

    @property
    def _model(self) -> _Trained:
        return cast(_Trained, self.learner.model)

    @property
    def _averaged(self) -> _Trained:
        return cast(_Trained, self.learner.average.module)

    def _now(self) -> dict[str, Tensor]:
        prefix = "net."
        return {
            name.removeprefix(prefix): value.detach().clone()
            for name, value in self.learner.tensors().items()
            if name.startswith(prefix)
        }

    def _remember(self, score: float) -> None:
        if score > self._best["score"]:
            self._best = {"score": score, "waited": 0, "weights": self._now()}
        else:
            self._best = {**self._best, "waited": self._best["waited"] + 1}

    @torch.no_grad()
    def _scores(self, chosen: Sequence[int]) -> tuple[RetrievalScores | None, float]:
        if not chosen:
            return None, 0.0
        tokenizer = self.tokenizer()
        heard = [tokenizer.hear(self.clips_of.frames(clip)) for clip in chosen]
        used = torch.cat([one.codes[0] for one in heard]).unique()
        labels = [self._labels[clip] for clip in chosen]
        speakers = [self._speakers[clip] for clip in chosen] if self._speakers else None
        return find_each_other(heard, labels, speakers), len(used) / self.config.model.codebook.tokens

    def _said_by(self, clips: Sequence[int]) -> list[str]:
        return [self._speakers[clip] if self._speakers else "" for clip in clips]

    def _paired(self) -> Pairs:
        pairs = self.config.pairs
        return Pairs(
            [self._labels[clip] for clip in self._training],
            speakers=[self._speakers[clip] for clip in self._training] if self._speakers else None,
            mode=pairs.mode,
            classes=pairs.classes,
            takes=pairs.takes,
            subset=pairs.subset,
            sizes=[self.clips_of.recordings.samples[clip] for clip in self._training] if pairs.alike else None,
            seed=self.config.train.seed,
        )

    @torch.no_grad()
    def cluster(self, step: int) -> None:
        """Code vectors from clusters of what the net now makes of its clips, beginning where they were."""
        model = self._model
        config, generator = self.config.model.codebook, step_generator(mix(self.config.train.seed, _CLUSTERS), step)
        order = torch.randperm(len(self._training), generator=generator)
        chosen = [self._training[place] for place in order[: max(1, round(config.share * len(order)))].tolist()]
        tokenizer = Wav2Tok(model.net.eval(), self.config.model)
        points = torch.cat([tokenizer.hear(self.clips_of.frames(clip)).vectors[0] for clip in chosen])
        points = points[torch.randperm(len(points), generator=generator)[:_MOST_POINTS]]
        before = model.net.codebook.directions if step else None
        centres = kmeans(points, centres=config.tokens, start=before, generator=generator)
        model.net.codebook.place(centres)
        self._averaged.net.codebook.place(centres)


def labels_and_speakers(manifest: Manifest, config: Wav2TokConfig) -> tuple[list[str], list[str] | None]:
    """What each recording is of, itself if copies of it are its pairs, and who or what was recorded.

    Raises:
        ParameterError: if a column of speakers is named that is not there.
    """
    paths, names = [str(path) for path in manifest.paths()], manifest.table.column_names
    told = manifest.labels() if "label" in names else [None] * manifest.rows
    by_label = config.pairs.by == "label" or (config.pairs.by == "auto" and any(told))
    labels = [label or path for label, path in zip(told, paths, strict=True)] if by_label else paths
    column = config.pairs.speaker
    if column == "auto":
        column = next((name for name in _SPEAKERS if name in names), "")
    if column and column not in names:
        raise ParameterError(f"pairs.speaker names the column {column!r}, which is none; {nearest(column, names)}")
    speakers = [str(value) for value in manifest.table[column].to_pylist()] if column else None
    return labels, speakers

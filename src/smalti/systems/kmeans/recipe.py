"""How clusters are learnt: a step is a mini-batch of recordings, and the centres are means of what chose them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, Encoder, ParameterError
from smalti.data.batches import choose_clips
from smalti.data.manifest import Manifest
from smalti.data.waveforms import ManifestRecordings, Piece, beginnings, held_out, pieces, read_padded
from smalti.quantize import MiniBatchKMeans, Prior, code_counts, codebook_usage, nearest_centre, perplexity
from smalti.store import Weights
from smalti.systems.kmeans.config import KMeansConfig
from smalti.train import Engine, Samples
from smalti.train.prior import prior_weights


class KMeansRecipe:
    """A `train.Recipe` for a manifest of recordings.

    Attributes:
        clusters: being learnt.
    """

    def __init__(
        self, config: KMeansConfig, manifest: Manifest, encoder: Encoder, *, name: str, fingerprint: str, engine: Engine
    ) -> None:
        """Lay out the recordings.

        Args:
            config: of the run.
            manifest: recordings with their splits.
            encoder: whose frames are clustered.
            name, fingerprint: of that encoder, of all that decides its frames.
            engine: where to compute.
        Raises:
            DataError: if there is nothing to learn from.
            ParameterError: for several processes, which would each have centres of their own.
        """
        if engine.world > 1:
            raise ParameterError(f"found engine.devices = {engine.world}, wanted 1: clusters are learnt in one process")
        self.config, self._encoder, self._name, self._fingerprint = config, encoder, name, fingerprint
        self.clusters = MiniBatchKMeans(config.model.vocab, seed=config.train.seed)
        self._recordings = ManifestRecordings(manifest, encoder.sample_rate)
        longest = max(1, int(config.train.seconds * encoder.sample_rate / encoder.hop))
        self._pieces = pieces(self._recordings, hop=encoder.hop, longest=longest)

    def batch(self, step: int) -> Audio:
        """Pieces of recordings, all of them once before any comes again."""
        return Audio.batch(self._read(piece) for piece in self._chosen(step))

    @torch.no_grad()
    def step(self, batch: Audio, step: int) -> Mapping[str, float]:
        """Let the frames of a batch move the centres."""
        self.clusters.push(self._frames(batch))
        return {"frames": float(self.clusters.seen)}

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """How well the centres stand for recordings kept out of training, and how many of them those use."""
        codes, left = self._heard()
        vocab = self.config.model.vocab
        return {
            "left": left,
            "usage": float(codebook_usage(codes, vocab)[0]),
            "perplexity": float(perplexity(codes, vocab)[0]),
        }

    @torch.no_grad()
    def samples(self) -> Samples:
        """How often each cluster occurs in recordings kept out of training."""
        return Samples(counts={"code_hits": code_counts(self._heard()[0], self.config.model.vocab)[0]})

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        return [self._recordings.name(piece.clip) for piece in self._chosen(step)]

    def state_dict(self) -> Mapping[str, Any]:
        """Centres and sample."""
        return {"clusters": self.clusters.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.clusters.load_state_dict(state["clusters"])

    def weights(self) -> Weights:
        """The centres, and whose frames they are of."""
        rate, hop = self._encoder.sample_rate, self._encoder.hop
        return prior_weights(Prior(self.clusters.centres(), self._fingerprint, self._name, rate, hop))

    def _chosen(self, step: int) -> list[Piece]:
        train = self.config.train
        rows = choose_clips(train.seed, step, batch=train.batch, clips=len(self._pieces))
        return [self._pieces[row] for row in rows.tolist()]

    def _read(self, piece: Piece) -> Audio:
        first, hop = piece.first * self._encoder.hop, self._encoder.hop
        count = min(piece.frames * hop, self._recordings.samples[piece.clip] - first)
        return Audio.single(read_padded(self._recordings, piece.clip, first, count), self._encoder.sample_rate)

    def _frames(self, audio: Audio) -> Float[Tensor, "frame dim"]:
        heard = self._encoder.embed(audio)
        inside = torch.arange(heard.frames.shape[1]) < heard.lengths[:, None]
        return heard.frames[inside].float().cpu()

    def _heard(self) -> tuple[Tensor, float]:
        """Codes of held-out recordings, or of training ones where there are none; and the share of variance left."""
        clips = held_out(self._recordings) or range(len(self._recordings.samples))
        rate, most = self._encoder.sample_rate, self.config.train.held_out
        sounds = beginnings(self._recordings, clips, sample_rate=rate, most=most)
        frames, centres = torch.cat([self._frames(sound) for sound in sounds]), self.clusters.centres()
        codes = nearest_centre(frames, centres)
        rest, whole = (frames - centres[codes]).square().sum(), (frames - frames.mean(0)).square().sum()
        return codes[None], float(rest / whole) if whole > 0 else 0.0

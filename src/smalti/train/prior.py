"""Semantic priors: centres of what an encoder hears in recordings, and the file that keeps them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, DataError, Encoder, ParameterError, StoreError
from smalti.data.waveforms import Recordings, pieces
from smalti.quantize import MiniBatchKMeans, Prior
from smalti.store import Weights, load_weights, save_weights

_PIECE_SECONDS = 10
_KIND, _RUN = "prior", "weights.safetensors"


@dataclass(frozen=True, slots=True)
class FittedPrior:
    """A prior and how it came about.

    Attributes:
        prior: the centres.
        frames: heard, in all passes.
        audio_seconds: of sound, once.
        left: share of the frames' variance that the centres leave unexplained, mean over sources.
        failed: `path` and `reason` of each recording that could not be read.
    """

    prior: Prior
    frames: int
    audio_seconds: float
    left: float
    failed: tuple[dict[str, str], ...]


@torch.no_grad()
def fit_prior(
    encoder: Encoder,
    sources: Sequence[Recordings],
    *,
    name: str,
    fingerprint: str,
    vocab: int = 2048,
    passes: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FittedPrior:
    """Cluster an encoder's frames of recordings for training, in pieces of ten seconds and random order.

    Several sources share the centres equally, however much there is of each, as speech and other sounds do.

    Args:
        encoder: gives one frame per started hop.
        sources: recordings at its rate; memory does not grow with them.
        name, fingerprint: of the encoder.
        vocab: centres in all.
        passes: over all recordings.
        seed: of order and start; the same gives the same centres.
        progress: told (pieces done, in all).
    Raises:
        ParameterError: if there are fewer frames than centres, or they are not finite.
        DataError: if no source has a recording for training.
    """
    if not sources or passes < 1:
        raise ParameterError(
            f"found {len(sources)} sources and {passes} passes, wanted one of each at least; give more"
        )
    longest = max(1, _PIECE_SECONDS * encoder.sample_rate // encoder.hop)
    cut = [pieces(source, hop=encoder.hop, longest=longest) for source in sources]
    total, done, samples = passes * sum(map(len, cut)), 0, 0
    found, left, failed, frames = list[Tensor](), list[float](), dict[str, str](), 0
    for number, (source, parts) in enumerate(zip(sources, cut, strict=True)):
        share = (vocab + number) // len(sources)
        clusters = MiniBatchKMeans(share, seed=seed)
        order = torch.Generator().manual_seed(seed)
        for turn in range(passes):
            for place in torch.randperm(len(parts), generator=order).tolist():
                piece = parts[place]
                heard = _heard(encoder, source, piece.clip, piece.first, piece.frames, failed)
                if heard is not None:
                    clusters.push(heard)
                    samples += 0 if turn else len(heard) * encoder.hop
                done += 1
                progress(done, total)
        found.append(clusters.centres())
        left.append(clusters.left(found[-1]))
        frames += clusters.seen
    prior = Prior(torch.cat(found), fingerprint, name, encoder.sample_rate, encoder.hop)
    reasons = tuple({"path": path, "reason": reason} for path, reason in failed.items())
    return FittedPrior(prior, frames, samples / encoder.sample_rate, sum(left) / len(left), reasons)


def save_prior(path: Path, prior: Prior) -> None:
    """Keep a prior in a file of weights.

    Raises:
        ParameterError: if the name does not end in .safetensors.
        StoreError: if it cannot be written.
    """
    if path.suffix != ".safetensors":
        raise ParameterError(f"{path} ends in {path.suffix or 'nothing'}, wanted .safetensors; name such a file")
    weights = prior_weights(prior)
    save_weights(path, weights.tensors, weights.metadata)


def prior_weights(prior: Prior) -> Weights:
    """A prior as it is kept, in a file of its own or as what a run has learnt."""
    words = {"encoder": prior.encoder, "name": prior.name, "sample_rate": str(prior.sample_rate), "hop": str(prior.hop)}
    return Weights({"centres": prior.centres}, {"kind": _KIND, **words})


def load_prior(path: Path) -> Prior:
    """Read a prior: a file, or a run of clusters.

    Raises:
        StoreError: if the file is missing, damaged or holds something else.
    """
    held = load_weights(path / _RUN if path.is_dir() else path)
    words, centres = held.metadata, held.tensors.get("centres")
    if words.get("kind") != _KIND or centres is None or centres.ndim != 2:
        raise StoreError(f"{path} holds no prior; make one with `smalti prior`")
    return Prior(centres.float(), words["encoder"], words["name"], int(words["sample_rate"]), int(words["hop"]))


def _heard(
    encoder: Encoder, source: Recordings, clip: int, first: int, frames: int, failed: dict[str, str]
) -> Float[Tensor, "frame dim"] | None:
    """Frames of a piece; None, and the reason noted, if it cannot be read."""
    try:
        samples = source.read(clip, first * encoder.hop, frames * encoder.hop)
    except DataError as error:
        failed[source.name(clip)] = str(error)
        return None
    found = encoder.embed(Audio.single(samples, encoder.sample_rate))
    return found.frames[0, : int(found.lengths[0])].float().cpu()

"""How well the codec does on what training never saw: all of it, whole."""

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.core import Audio
from smalti.data.waveforms import beginnings
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.quantize import code_counts, perplexity
from smalti.systems.melvqvae.clips import PictureClips
from smalti.systems.melvqvae.model import MelVQVAE
from smalti.systems.melvqvae.pictures import coded_picture, picture_codes
from smalti.train.held_out import HeldOutScores

_MOST_HEARD = 8  # recordings whose sound is compared, as phases take long to find


def score(codec: MelVQVAE, clips: PictureClips) -> HeldOutScores | None:
    """Scores over all recordings kept out of training; None if there are none.

    `picture_l1_db` is the mean absolute difference over all cells of all pictures; `log_mel_l1_db` is of the sound of
    a few of them. `perplexity_i` is of codebook i, `perplexity` of what rows share, over all rows together;
    `zero_hit_codes` counts the entries that nothing chose.
    """
    if not clips.held_out:
        return None
    model = codec.autoencoder
    streams: list[Tensor] = []
    distance = cells = 0.0
    for clip in clips.held_out:
        picture = clips.whole(clip)
        codes = _codes(codec, clips, clip, picture)
        made = coded_picture(model, codes)[:, : picture.shape[1]]
        distance += float((made - picture).abs().sum(dtype=torch.float64))
        cells += picture.numel()
        streams.append(codes)
    codes = torch.cat(streams, dim=1)
    vocab, rows = model.quantizer.vocab, model.net.rows
    # streams come row by row, each with the codebooks that it says one after another
    books = codes.unflatten(0, (rows, -1)).transpose(0, 1).flatten(1)
    hits = code_counts(books, vocab)
    metrics = {"picture_l1_db": distance / max(cells, 1) * model.picture.range_db}
    metrics |= {f"perplexity_{i}": float(value) for i, value in enumerate(perplexity(codes, vocab))}
    if rows > 1:
        metrics["perplexity"] = float(perplexity(books, vocab).mean())
    metrics["zero_hit_codes"] = float((hits == 0).sum())
    pairs = [(sound, codec.decode(codec.encode(sound))) for sound in heard(clips, model.picture.sample_rate)]
    distances = [log_mel_l1_db(a.samples[0], b.samples[0], a.sample_rate) for a, b in pairs]
    if distances:
        metrics = {"log_mel_l1_db": sum(distances) / len(distances), **metrics}
    return HeldOutScores(metrics, hits)


def heard(clips: PictureClips, sample_rate: int) -> list[Audio]:
    """Some recordings kept out of training that have sound, evenly chosen, their first seconds."""
    sounding = [clip for clip in clips.held_out if clips.sounds(clip)]
    return beginnings(clips.recordings, sounding, sample_rate=sample_rate, most=_MOST_HEARD)


def _codes(codec: MelVQVAE, clips: PictureClips, clip: int, picture: Tensor) -> Int64[Tensor, "codebook token"]:
    """What the codec says of a recording, or of the picture given in its place."""
    if not clips.sounds(clip):
        return picture_codes(codec.autoencoder, picture)
    rate, samples = codec.autoencoder.picture.sample_rate, clips.recordings.samples[clip]
    return codec.encode(Audio.single(clips.recordings.read(clip, 0, samples), rate)).codes[0]

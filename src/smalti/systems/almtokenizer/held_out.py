"""How well the codec does on what training never saw."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from smalti.core import Audio
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.systems.almtokenizer.clips import Crops
from smalti.systems.almtokenizer.codec import ALMTokenizer
from smalti.systems.almtokenizer.config import ModelConfig
from smalti.systems.almtokenizer.net import QueryNet
from smalti.train.held_out import HeldOutScores


def as_crops(sound: Audio, model: ModelConfig, hop: int) -> Crops:
    """A recording as a step would be shown it, at the codec's own window and with all codebooks."""
    padded = functional.pad(sound.samples, (0, -sound.samples.shape[1] % (model.window * hop)))
    return Crops(padded, sound.lengths, model.window, model.codes.codebooks)


@torch.no_grad()
def rebuilt_sound(net: QueryNet, sound: Audio) -> Audio:
    """A recording as frames and back, without queries and codes."""
    samples = sound.samples.to(next(net.parameters()).device)
    made = net.rebuild(functional.pad(samples, (0, -samples.shape[1] % net.hop))).sound
    assert made is not None
    return Audio(made[:, : samples.shape[1]].to(sound.samples), sound.sample_rate, sound.lengths)


def score_ends(net: QueryNet, sounds: Sequence[Audio]) -> dict[str, float]:
    """The distance in dB of recordings kept out of training from what both ends alone make of them."""
    pairs = [(sound, rebuilt_sound(net, sound)) for sound in sounds]
    found = [log_mel_l1_db(real.samples[0], made.samples[0], real.sample_rate) for real, made in pairs]
    return {"log_mel_l1_db": sum(found) / len(found)}


def score(codec: ALMTokenizer, sounds: Sequence[Audio]) -> HeldOutScores:
    """Scores over recordings kept out of training.

    `log_mel_l1_db` is at the codec's own window, `log_mel_l1_db_2` at 2 frames, its least. `usage_i` and
    `perplexity_i` are of codebook i at the least window, where most codes are spoken.
    """
    low = codec.net.config.windows[0]
    fine = codec.at(window=low)
    streams: list[Tensor] = []
    distances: dict[str, list[float]] = {"log_mel_l1_db": [], f"log_mel_l1_db_{low}": []}
    for sound in sounds:
        for name, view in zip(distances, (codec, fine), strict=True):
            tokens = view.encode(sound)
            made = view.decode(tokens).samples[0]
            distances[name].append(log_mel_l1_db(sound.samples[0], made, sound.sample_rate))
            if view is fine:
                streams.append(tokens.codes[0])
    return HeldOutScores.of(distances, torch.cat(streams, dim=1), fine.spec.vocab)

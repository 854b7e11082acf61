"""How well the codec does on what training never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.nn import functional

from smalti.core import Audio
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.quantize import code_counts, codebook_usage, perplexity
from smalti.systems.dac.net import DACNet
from smalti.systems.dac.objective import Objective


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """What an evaluation found.

    Attributes:
        metrics: losses, distances in dB, and how many codes are in use.
        hits: how often each code was chosen.
    """

    metrics: Mapping[str, float]
    hits: Int64[Tensor, "codebook code"]


@torch.no_grad()
def rebuilt(net: DACNet, sound: Audio) -> tuple[Audio, Int64[Tensor, "codebook frame"]]:
    """One recording through its codes and back, and the codes."""
    samples = sound.samples.to(next(net.parameters()).device)
    count = samples.shape[1]
    codes = net.quantizer.encode(net.encoder(functional.pad(samples, (0, -count % net.config.hop))))
    made = net.decoder(net.quantizer.decode(codes)).cpu()
    # odd strides lose samples at the end
    made = functional.pad(made, (0, max(count - made.shape[1], 0)))[:, :count]
    return Audio(made, sound.sample_rate, sound.lengths), codes[0].cpu()


def score(net: DACNet, sounds: Sequence[Audio], objective: Objective) -> HeldOutScores:
    """Scores over recordings kept out of training, at all codebooks.

    `log_mel_l1_db` is the yardstick; `usage_i` and `perplexity_i` are of codebook i; the losses are unweighted.
    """
    found: dict[str, list[float]] = {}
    streams: list[Tensor] = []
    for sound in sounds:
        made, codes = rebuilt(net, sound)
        streams.append(codes)
        losses = {
            name: float(value) for name, value in objective.of_sound(made.samples, sound.samples, told=True).items()
        }
        distance = log_mel_l1_db(sound.samples[0], made.samples[0], sound.sample_rate)
        for name, value in {"log_mel_l1_db": distance, **losses}.items():
            found.setdefault(name, []).append(value)
    codes, vocab = torch.cat(streams, dim=1), net.config.vocab
    metrics = {name: sum(values) / len(values) for name, values in found.items()}
    metrics |= {f"usage_{i}": float(value) for i, value in enumerate(codebook_usage(codes, vocab))}
    metrics |= {f"perplexity_{i}": float(value) for i, value in enumerate(perplexity(codes, vocab))}
    return HeldOutScores(metrics, code_counts(codes, vocab))

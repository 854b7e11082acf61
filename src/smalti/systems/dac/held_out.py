"""How well the codec does on what training never saw."""

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.nn import functional

from smalti.core import Audio
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.systems.dac.net import DACNet
from smalti.systems.dac.objective import Objective
from smalti.train.held_out import HeldOutScores


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
    return HeldOutScores.of(found, torch.cat(streams, dim=1), net.config.vocab)

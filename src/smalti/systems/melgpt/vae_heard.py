"""What a GPT-VAE sounds like while it learns: the way from one clip to another, and a clip from the prior."""

import torch

from smalti.core import Audio, Codec, LatentLM, Tokens
from smalti.data.token_clips import TokenClips
from smalti.generate import Sampling, between, generate
from smalti.train import Samples

_STEPS = 5
_GREEDY = Sampling(temperature=0)
_SEED = 0


@torch.no_grad()
def heard(lm: LatentLM, data: TokenClips, codec: Codec) -> Samples:
    """Sounds of latents between two clips, kept out of training if there are any, and of the prior; codes as pictures.

    Both ends and all between are told what is true of the first clip, so that what changes is the latent's doing.

    Source: the published test interpolates between the first two clips of a batch in five steps.
    """
    clips = (data.held_out if len(data.held_out) else data.training)[[0, -1]].tolist()
    codes = [data.codes(clip)[None, :, : lm.heard] for clip in clips]
    told = data.condition(clips[0], start=0, frames=codes[0].shape[2])
    ends = torch.cat([lm.infer(_tokens(codec, one)).mean for one in codes])
    shares = [step / (_STEPS - 1) for step in range(_STEPS)]
    latents = torch.stack([between(ends[0], ends[1], share) for share in shares])
    made = generate(lm.at(latents), told, sampling=_GREEDY, seeds=[_SEED] * _STEPS).cpu()
    named = {f"interpolation/{share:.2f}": row[None] for share, row in zip(shares, made, strict=True)}
    named["prior"] = generate(lm, told, sampling=Sampling(), seeds=[_SEED]).cpu()
    named |= {"first/reconstruction": codes[0], "second/reconstruction": codes[1]}
    return Samples(
        images={f"codes/{name}": one[0].flip(0) / codec.spec.vocab for name, one in named.items()},
        audio={name: _sound(codec, one) for name, one in named.items()},
    )


def _tokens(codec: Codec, codes: torch.Tensor) -> Tokens:
    return Tokens(codes, codec.spec, torch.tensor([codes.shape[2] * codec.spec.hop]))


def _sound(codec: Codec, codes: torch.Tensor) -> Audio:
    return codec.decode(_tokens(codec, codes))

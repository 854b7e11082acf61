"""The codec's streams as steps of one window each, for export: the same networks, their past as plain tensors.

All state is zeros at the beginning. Look-ahead becomes delay: what the front hears `ahead` of a frame has to come
first, so the codes are those of the sound with `ahead` samples of silence in front.
"""

import copy
from collections.abc import Mapping
from dataclasses import fields

import torch
from torch import Tensor, nn

from smalti.features.matrix_stft import MatrixInverse, MatrixMel
from smalti.nn.fixed_step import FixedStep
from smalti.nn.sliding import History, SlidingCache
from smalti.nn.transformer import TransformerSettings
from smalti.systems.almtokenizer.ends import Back, Front, Past
from smalti.systems.almtokenizer.net import QueryNet
from smalti.systems.almtokenizer.spectral import SpectralBack, SpectralFront

_HISTORY = tuple(field.name for field in fields(History))


class EncoderStep(nn.Module):
    """window · hop samples [1, sample] and the state to codes [1, codebook, 1] and the state."""

    def __init__(self, net: QueryNet, *, window: int, codebooks: int) -> None:
        super().__init__()
        self.front = _front_by_products(net.front)
        self.encoder, self.to_codes, self.quantizer = net.encoder, net.to_codes, net.quantizer
        self.window, self.codebooks = window, codebooks

    def forward(self, samples: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The next code, and the state behind it."""
        cache = SlidingCache(History(*state[-len(_HISTORY) :]))
        frames, past = self.front.step(samples, state[: -len(_HISTORY)])
        queries = self.encoder(frames, self.window, cache)
        codes = self.quantizer.encode(self.to_codes(queries).mT, depth=self.codebooks)
        return (codes, *past, *_parts(cache.history()))


class DecoderStep(nn.Module):
    """Codes [1, codebook, 1] and the state to window · hop samples [1, sample] and the state."""

    def __init__(self, net: QueryNet, *, window: int) -> None:
        super().__init__()
        self.back = _back_by_products(net.back)
        self.decoder, self.to_frames, self.quantizer = net.decoder, net.to_frames, net.quantizer
        self.window = window

    def forward(self, codes: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The next samples, and the state behind them."""
        cache = SlidingCache(History(*state[-len(_HISTORY) :]))
        hidden = self.decoder(self.quantizer.decode(codes).mT, self.window, cache)
        samples, past = self.back.step(self.to_frames(hidden), hidden, state[: -len(_HISTORY)])
        return (samples, *past, *_parts(cache.history()))


@torch.no_grad()
def fixed_steps(net: QueryNet, *, window: int, codebooks: int) -> Mapping[str, FixedStep]:
    """Encoder and decoder of a view."""
    samples, codes = torch.zeros(1, window * net.hop), torch.zeros(1, codebooks, 1, dtype=torch.int64)
    front, back = net.front, net.back
    _, heard = front.step(torch.zeros(1, front.ahead + samples.shape[1]))
    hidden = torch.zeros(1, window, net.config.decoder.width)
    _, sounded = back.step(torch.zeros(1, window, back.dim), hidden)
    return {
        "encoder": FixedStep(
            net=EncoderStep(net, window=window, codebooks=codebooks).eval(),
            given="samples",
            example=samples,
            late={"codes": front.ahead},
            state=_nothing("front", heard, net.encoder.transformer.settings),
        ),
        "decoder": FixedStep(
            net=DecoderStep(net, window=window).eval(),
            given="codes",
            example=codes,
            late={"sound": back.delay},
            state=_nothing("back", sounded, net.decoder.transformer.settings),
        ),
    }


def _nothing(end: str, past: Past, settings: TransformerSettings) -> Mapping[str, Tensor]:
    """The state before the first step."""
    ends = {f"{end}_{place}": torch.zeros_like(part) for place, part in enumerate(past)}
    kept = torch.zeros(settings.layers, 1, settings.heads, settings.window, settings.head_dim)
    return {**ends, **dict(zip(_HISTORY, (kept, kept.clone(), torch.zeros(1, settings.window)), strict=True))}


def _parts(history: History) -> tuple[Tensor, ...]:
    return tuple(getattr(history, name) for name in _HISTORY)


def _front_by_products(front: Front) -> Front:
    """A copy with matrix products in place of Fourier transforms; exporters leave their traces in what they export."""
    front = copy.deepcopy(front)
    if isinstance(front, SpectralFront):
        front.drawn = nn.ModuleList(MatrixMel(picture) for picture in front.pictures)
    return front


def _back_by_products(back: Back) -> Back:
    back = copy.deepcopy(back)
    if isinstance(back, SpectralBack):
        back.inverse = MatrixInverse(back.n_fft)
    return back

"""G.711 µ-law companding: a sign, three bits of octave, four bits of place within it; eight bits a sample."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_BIAS = 33
_LARGEST = 8191
_SIGN, _MAGNITUDE = 0x80, 0x7F


def compress(samples: Float[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """Waveform to µ-law bytes, as they go over the wire: all bits inverted, silence is 255.

    A sample is taken as a 16-bit integer (full scale ±1, clipped), its magnitude in 14-bit steps. Worked example:
    0.5 is 16384, magnitude 4096, biased 4129 = 2^12 + 33: octave 7, place 0, byte ~0x70 = 143. Negative zero is
    code 127, so that every byte survives `compress(expand(code))`.

    Source: ITU-T G.711 (11/88), table 2a; equals libsndfile on all 65,536 16-bit integers.
    """
    integer = (samples.double() * 32768).round().clamp(-32768, 32767)
    biased = (integer.abs().long() // 4 + _BIAS).clamp(max=_LARGEST)
    octave = torch.frexp(biased.double()).exponent.long() - 6
    place = (biased >> (octave + 1)) & 0x0F
    sign = torch.signbit(samples).long() * _SIGN
    return 0xFF - (sign | octave << 4 | place)


def expand(codes: Int64[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """µ-law bytes to the waveform values they stand for, the middle of each interval.

    Source: ITU-T G.711 (11/88), table 2b.
    """
    plain = 0xFF - codes
    octave, place = (plain & _MAGNITUDE) >> 4, plain & 0x0F
    magnitude = ((2 * place + _BIAS) << octave) - _BIAS
    samples = magnitude.float() / 8192
    return torch.where(plain >= _SIGN, -samples, samples)

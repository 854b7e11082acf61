"""Opus as a peer: the codec that everybody has, on the same clips and the same yardstick.

libsndfile maps its compression level to a bit rate: 0 is 256 kbit/s, 1 is 6 kbit/s, linear between. Bits are counted
in the Opus packets of the Ogg stream, without page headers, identification and comment.
"""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import soundfile
import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import resample
from smalti.core import Audio, ParameterError, signals_held

_RATES = (8000, 12000, 16000, 24000, 48000)
_LOWEST, _HIGHEST = 6000, 256000


@dataclass(frozen=True, slots=True)
class PeerClip:
    """What a peer made of one clip: as many samples as went in, and the bits that it spent."""

    samples: Float[Tensor, " sample"]
    bits: int


Peer = Callable[[Audio], PeerClip]


def opus_peer(bits_per_second: int = _LOWEST) -> Peer | None:
    """Opus through libsndfile at about this rate (VBR); None where libsndfile was built without it.

    Sounds at other rates than 8, 12, 16, 24 and 48 kHz are resampled to the next higher of these and back.

    Raises:
        ParameterError: outside 6…256 kbit/s.
    """
    if not _LOWEST <= bits_per_second <= _HIGHEST:
        raise ParameterError(f"{bits_per_second} bit/s is outside {_LOWEST}…{_HIGHEST}; choose a rate in that range")
    if "OPUS" not in soundfile.available_subtypes("OGG"):
        return None
    level = (_HIGHEST - bits_per_second) / (_HIGHEST - _LOWEST)
    return lambda audio: _round_trip(audio, level)


def _round_trip(audio: Audio, level: float) -> PeerClip:
    """One clip there and back; `audio` holds one row."""
    rate = next((rate for rate in _RATES if rate >= audio.sample_rate), _RATES[-1])
    file = io.BytesIO()
    there = resample(audio, rate).samples[0].cpu().numpy()
    with signals_held():
        soundfile.write(file, there, rate, format="OGG", subtype="OPUS", compression_level=level)
        file.seek(0)
        heard = torch.from_numpy(soundfile.read(file, dtype="float32")[0])
    bits = 8 * sum(_packet_bytes(file.getvalue()))
    back, length = resample(Audio.single(heard, rate), audio.sample_rate).samples[0], audio.samples.shape[1]
    return PeerClip(torch.nn.functional.pad(back[:length], (0, max(0, length - len(back)))), bits)


def _packet_bytes(stream: bytes) -> Iterator[int]:
    """Payload of each page that carries sound: its granule position is above zero (RFC 7845, section 4)."""
    place = 0
    while place + 27 <= len(stream):
        (granule,) = struct.unpack_from("<q", stream, place + 6)
        segments = stream[place + 26]
        payload = sum(stream[place + 27 : place + 27 + segments])
        place += 27 + segments + payload
        if granule != 0:
            yield payload

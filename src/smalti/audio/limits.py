"""The limits of what counts as a recording, in one place, so that no header's claim can cost more than they allow."""

from jaxtyping import Float
from torch import Tensor

from smalti.core import DataError

MIN_SAMPLE_RATE = 1_000  # Hz
MAX_SAMPLE_RATE = 768_000  # Hz
MAX_CHANNELS = 64
MAX_SECONDS = 48 * 3600.0  # of one file
MAX_READ_SAMPLES = 2**28  # of one `read`, about 1 GiB; longer files are read in blocks
MAX_CHUNKS = 2**16  # of one RIFF-like file
MAX_MAGNITUDE = 1e10  # full scale is 1; beyond this (or NaN, or infinite) it is not sound and is refused

SHORT_SECONDS = 0.05  # flagged "short": not even one frame of most models
SILENCE_PEAK = 1e-4  # -80 dBFS; flagged "silent" at or below
CLIP_LEVEL = 0.99  # three or more equal samples at or above it are a clipped run
CLIP_SHARE = 1e-3  # flagged "clipped" when this share of all samples lies in clipped runs
EXACT_HEADROOM = 1.0  # peak of PCM and float files above which they are flagged "over-full-scale"
LOSSY_HEADROOM = 1.5  # the same for lossy decoders, which overshoot a little by nature
ANTIPHASE = 0.1  # flagged "antiphase" when the mono mix has less than this part of the power of unrelated channels


def require_shape(sample_rate: float, channels: int) -> None:
    """Refuse rates and channel counts outside the limits.

    Raises:
        DataError: naming what was found and what is allowed.
    """
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise DataError(
            f"claims a sample rate of {sample_rate:.0f} Hz; {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz can be read"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise DataError(f"claims {channels} channels; 1 to {MAX_CHANNELS} can be read")


def require_sound(samples: Float[Tensor, "batch sample"], before: int, sample_rate: int) -> None:
    """Refuse samples that are no sound, in a stream of it.

    Args:
        samples: the next ones.
        before: how many came before them.
        sample_rate: Hz.
    Raises:
        DataError: if one is NaN, infinite or beyond any sense; says where.
    """
    if samples.numel() and not bool(samples.abs().amax() <= MAX_MAGNITUDE):  # NaN compares as false
        row, place = (int(i) for i in (~(samples.abs() <= MAX_MAGNITUDE)).nonzero()[0])
        where = f"at {(before + place) / sample_rate:.3f} s" + (f" of item {row}" if len(samples) > 1 else "")
        raise DataError(
            f"a sample {where} is {float(samples[row, place]):g}, which is no sound; repair or leave it out"
        )

"""What the samples themselves say, block by block: silence, clipping, cancelling channels, values that are no sound."""

import numpy as np
from jaxtyping import Float32

from smalti.audio.claims import FLAGS
from smalti.audio.limits import (
    ANTIPHASE,
    CLIP_LEVEL,
    CLIP_SHARE,
    EXACT_HEADROOM,
    LOSSY_HEADROOM,
    MAX_MAGNITUDE,
    SHORT_SECONDS,
    SILENCE_PEAK,
)
from smalti.core import DataError


class Quality:
    """Running judgement of one recording."""

    def __init__(self, *, sample_rate: int, channels: int, lossy: bool) -> None:
        """Judge frames at `sample_rate` Hz; `lossy` decoders may overshoot full scale a little."""
        self.frames = 0
        self._sample_rate, self._lossy = sample_rate, lossy
        self._low, self._high = np.full(channels, np.inf, np.float32), np.full(channels, -np.inf, np.float32)
        self._power, self._mix_power, self._clipped = 0.0, 0.0, 0

    def update(self, block: Float32[np.ndarray, "frame channel"], mix: Float32[np.ndarray, " frame"]) -> None:
        """Take the next frames and their mono mix.

        Raises:
            DataError: at the first sample that is NaN, infinite or beyond any sense, with its time in seconds.
        """
        low, high = block.min(axis=0), block.max(axis=0)
        if not (np.abs(low).max() <= MAX_MAGNITUDE and np.abs(high).max() <= MAX_MAGNITUDE):
            self._refuse(block)
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        self._power += float(np.square(block, dtype=np.float64).sum()) / block.shape[1]
        self._mix_power += float(np.square(mix, dtype=np.float64).sum())
        if max(-low.min(), high.max()) >= CLIP_LEVEL:
            flat = (block[1:] == block[:-1]) & (np.abs(block[1:]) >= CLIP_LEVEL)
            self._clipped += int((flat[1:] & flat[:-1]).sum())
        self.frames += len(block)

    def flags(self) -> tuple[str, ...]:
        """Names of `claims.FLAGS` that hold for what was heard so far."""
        peak = float(max(-self._low.min(), self._high.max()))
        swing = float((self._high - self._low).max())
        channels = len(self._low)
        found = {
            "short": self.frames < SHORT_SECONDS * self._sample_rate,
            "silent": peak <= SILENCE_PEAK,
            "constant": peak > SILENCE_PEAK >= swing,
            "clipped": self._clipped > CLIP_SHARE * self.frames * channels,
            "over-full-scale": peak > (LOSSY_HEADROOM if self._lossy else EXACT_HEADROOM),
            "antiphase": channels > 1 and self._mix_power < ANTIPHASE * self._power / channels and peak > SILENCE_PEAK,
        }
        return tuple(name for name in FLAGS if found.get(name))

    def _refuse(self, block: Float32[np.ndarray, "frame channel"]) -> None:
        wrong = ~(np.abs(block) <= MAX_MAGNITUDE)
        frame, channel = (int(i) for i in np.argwhere(wrong)[0])
        seconds = (self.frames + frame) / self._sample_rate
        raise DataError(
            f"a sample at {seconds:.3f} s is {block[frame, channel]:g}, which is no sound; repair or leave out the file"
        )

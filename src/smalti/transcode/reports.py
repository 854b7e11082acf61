"""What a piece of transcoding did."""

import time
from dataclasses import dataclass, replace

from smalti.core import TokenSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscodeReport:
    """Work on files or clips.

    Attributes:
        files: that were done.
        failed: `path` and `reason` of each that could not be.
        audio_seconds: of sound that went through.
        seconds: that it took.
        real_time_factor: seconds of work per second of sound: below one is faster than real time.
        bitrate: bits per second of sound, before entropy coding.
    """

    files: int
    failed: tuple[dict[str, str], ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float
    bitrate: float

    def with_failed(self, failed: tuple[dict[str, str], ...]) -> "TranscodeReport":
        """The same, with more that could not be done."""
        return replace(self, failed=(*failed, *self.failed))


def report(
    spec: TokenSpec, *, files: int, samples: int, begin: float, failed: tuple[dict[str, str], ...] = ()
) -> TranscodeReport:
    """A report of work on so many samples since `begin`, as of `time.perf_counter`."""
    sound, seconds = samples / spec.sample_rate, time.perf_counter() - begin
    return TranscodeReport(
        files=files,
        failed=failed,
        audio_seconds=sound,
        seconds=seconds,
        real_time_factor=seconds / sound if sound else 0.0,
        bitrate=spec.bitrate,
    )

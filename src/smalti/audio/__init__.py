"""Files ↔ Audio: the one reader that can be trusted, the writer, and the change of rate."""

from smalti.audio.claims import FLAGS
from smalti.audio.limits import require_sound
from smalti.audio.loudness import at_loudness, loudness
from smalti.audio.reading import AudioFile, DamageWarning, FileReport, blocks, inspect, read
from smalti.audio.refusals import shown
from smalti.audio.resampling import Resampler, resample
from smalti.audio.sniff import is_recording
from smalti.audio.writing import AudioWriter, write

__all__ = [
    "FLAGS",
    "AudioFile",
    "AudioWriter",
    "DamageWarning",
    "FileReport",
    "Resampler",
    "at_loudness",
    "blocks",
    "inspect",
    "is_recording",
    "loudness",
    "read",
    "require_sound",
    "resample",
    "shown",
    "write",
]

"""Floor 1, signal: waveforms to spectra and back."""

from smalti.features.array_files import ArrayFile, array_bytes
from smalti.features.cepstrum import MfccEncoder, cepstra, log_power, mfcc, normalised, trimmed
from smalti.features.frame_lm import FrameGuess, FrameLM, FrameStepper
from smalti.features.frames import FRAMES, LogMelEncoder
from smalti.features.griffin_lim import griffin_lim, mel_to_magnitude
from smalti.features.log_mel_files import is_log_mel, may_hold_log_mel, open_log_mel
from smalti.features.mel import (
    MEL_PRESETS,
    MelSettings,
    find_picture,
    from_log_mel,
    hop_by_hop,
    log_mel,
    mel,
    mel_filterbank,
    natural_log,
    preset_of,
    to_log_mel,
    warped_bands,
)
from smalti.features.melody import MELODY_BINS, PITCH, RELATIVE_BINS, melody_frames, relative_frames
from smalti.features.picture_files import is_picture, read_picture
from smalti.features.pitch import PitchSettings, pitch_salience, pitch_track
from smalti.features.power_mel import MATPAC_PICTURE, SILENCE, power_log_mel, power_mel_frames
from smalti.features.stft import inverse_stft, overlap_add, stft, stft_magnitude
from smalti.features.stretch import shift_pitch, stretch
from smalti.features.vocoder import PictureCodec, QuickVocoder, Vocoder, VocoderStream

__all__ = [
    "FRAMES",
    "MATPAC_PICTURE",
    "MELODY_BINS",
    "MEL_PRESETS",
    "PITCH",
    "RELATIVE_BINS",
    "SILENCE",
    "ArrayFile",
    "FrameGuess",
    "FrameLM",
    "FrameStepper",
    "LogMelEncoder",
    "MelSettings",
    "MfccEncoder",
    "PictureCodec",
    "PitchSettings",
    "QuickVocoder",
    "Vocoder",
    "VocoderStream",
    "array_bytes",
    "cepstra",
    "find_picture",
    "from_log_mel",
    "griffin_lim",
    "hop_by_hop",
    "inverse_stft",
    "is_log_mel",
    "is_picture",
    "log_mel",
    "log_power",
    "may_hold_log_mel",
    "mel",
    "mel_filterbank",
    "mel_to_magnitude",
    "melody_frames",
    "mfcc",
    "natural_log",
    "normalised",
    "open_log_mel",
    "overlap_add",
    "pitch_salience",
    "pitch_track",
    "power_log_mel",
    "power_mel_frames",
    "preset_of",
    "read_picture",
    "relative_frames",
    "shift_pitch",
    "stft",
    "stft_magnitude",
    "stretch",
    "to_log_mel",
    "trimmed",
    "warped_bands",
]

"""Floor 1, signal: waveforms to spectra and back."""

from smalti.features.griffin_lim import griffin_lim, mel_to_magnitude
from smalti.features.mel import MEL_PRESETS, MelSettings, from_log_mel, log_mel, mel, mel_filterbank, to_log_mel
from smalti.features.picture_files import is_picture, picture_bytes, read_picture
from smalti.features.stft import inverse_stft, stft, stft_magnitude

__all__ = [
    "MEL_PRESETS",
    "MelSettings",
    "from_log_mel",
    "griffin_lim",
    "inverse_stft",
    "is_picture",
    "log_mel",
    "mel",
    "mel_filterbank",
    "mel_to_magnitude",
    "picture_bytes",
    "read_picture",
    "stft",
    "stft_magnitude",
    "to_log_mel",
]

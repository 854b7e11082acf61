"""The picture that MATPAC hears: natural logarithms of mel power, every window wholly inside the sound.

It has no floor or ceiling in dB: what is silent reads `SILENCE`, and a network normalises by numbers of its own.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.features.mel import MelSettings, mel_filterbank
from smalti.features.stft import stft

EPSILON = torch.finfo(torch.float32).eps
"""Added to every mel power, 1.1920929e-7."""
SILENCE = float(torch.tensor(EPSILON).log())
"""What digital silence reads, -15.942."""
MATPAC_PICTURE = MelSettings(sample_rate=16000, n_fft=400, hop=160, bands=80, low_hz=50.0, high_hz=8000.0)
"""100 frames a second: windows of 25 ms every 10 ms, 80 bands on Slaney's scale, of unit area."""


def power_mel_frames(samples: int, settings: MelSettings = MATPAC_PICTURE) -> int:
    """How many windows begin, a hop apart, and end within so many samples; one if there are fewer than a window's.

    10 s of `MATPAC_PICTURE` have 1 + (160000 - 400) // 160 = 998.
    """
    return 1 + max(samples - settings.n_fft, 0) // settings.hop


def power_log_mel(
    samples: Float[Tensor, "batch sample"], settings: MelSettings = MATPAC_PICTURE
) -> Float[Tensor, "batch band frame"]:
    """ln(mel power + `EPSILON`) of every whole window; frame t begins at sample t · hop.

    Args:
        samples: waveforms at `settings.sample_rate`, full scale ±1; silence follows what is shorter than one window.
        settings: the picture: rate, window, hop and bands; its range in dB is not used.
    Source: `power_mel_frames` frames as of torchaudio's MelSpectrogram(center=False), the filterbank as librosa's.
    """
    missing = max(settings.n_fft - samples.shape[1], 0)
    samples = torch.nn.functional.pad(samples, (0, missing))
    spectrum = stft(samples, n_fft=settings.n_fft, hop=settings.hop, centred=False)
    power = spectrum.real.square() + spectrum.imag.square()
    return (mel_filterbank(settings).to(power) @ power + EPSILON).log()

"""The short-time Fourier transform and its inverse, with the silence extension every codec here relies on.

Outside its samples a waveform is zeros, so a frame near an end is the frame of the zero-extended sound, and a block
with its neighbours' samples in place of zeros gives exactly the frames of the whole.
"""

from functools import cache

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from smalti.core import ParameterError


def stft(
    samples: Float[Tensor, "batch sample"], *, n_fft: int, hop: int, window: int | None = None, centred: bool = True
) -> Complex[Tensor, "batch bin frame"]:
    """Short-time Fourier transform with a periodic Hann window.

    Args:
        samples: waveforms.
        n_fft: samples per frame, even.
        hop: samples from one frame to the next.
        window: samples of the window, in the middle of the frame; by default all of it.
        centred: frame t is centred on sample t·hop (1 + N // hop frames, zeros beyond the ends);
            otherwise it begins there and only frames that lie inside are given.
    Returns:
        Bins from 0 to half the sample rate, n_fft // 2 + 1 of them.
    Raises:
        ParameterError: if an uncentred waveform is shorter than one frame.
    Source: equals librosa.stft(pad_mode="constant") within float32 rounding.
    """
    if centred:
        samples = torch.nn.functional.pad(samples, (n_fft // 2, n_fft // 2))
    if samples.shape[1] < n_fft:
        raise ParameterError(f"{samples.shape[1]} samples hold no frame of {n_fft}; give more, or centre the frames")
    frames = samples.unfold(1, n_fft, hop)
    return torch.fft.rfft(frames * _window(n_fft, window or n_fft).to(samples)).mT


def stft_magnitude(
    samples: Float[Tensor, "batch sample"], *, n_fft: int, hop: int, window: int | None = None, centred: bool = True
) -> Float[Tensor, "batch bin frame"]:
    """|STFT|; a full-scale sine in the middle of a bin reads n_fft / 4. Arguments as in `stft`."""
    return stft(samples, n_fft=n_fft, hop=hop, window=window, centred=centred).abs()


def inverse_stft(spectrum: Complex[Tensor, "batch bin frame"], *, hop: int) -> Float[Tensor, "batch sample"]:
    """The waveform whose centred STFT is nearest to `spectrum` in least squares.

    Args:
        spectrum: n_fft // 2 + 1 bins; frame t is centred on sample t·hop.
        hop: samples; must divide n_fft / 2.
    Returns:
        (frames - 1)·hop samples, from the centre of the first frame to the centre of the last.
    Raises:
        ParameterError: if `hop` does not divide half a frame.
    Source: Griffin & Lim 1984, eq. 6.
    """
    n_fft = 2 * (spectrum.shape[1] - 1)
    if n_fft // 2 % hop:
        raise ParameterError(f"hop {hop} does not divide half a frame of {n_fft}; choose one that does")
    window = _window(n_fft, n_fft).to(spectrum.real)
    frames = torch.fft.irfft(spectrum.mT, n=n_fft) * window
    energy = overlap_add((window * window).expand(1, frames.shape[1], n_fft), hop)
    inside = slice(n_fft // 2, n_fft // 2 + (frames.shape[1] - 1) * hop)
    return overlap_add(frames, hop)[:, inside] / energy[:, inside]


def overlap_add(frames: Float[Tensor, "batch frame sample"], hop: int) -> Float[Tensor, "batch total"]:
    """Sum frames, each a multiple of the hop long, one hop after another.

    By whole hops it is several times faster than fold on a CPU.
    """
    batch, count, length = frames.shape
    parts = length // hop
    total = frames.new_zeros(batch, count + parts - 1, hop)
    pieces = frames.reshape(batch, count, parts, hop)
    for part in range(parts):
        total[:, part : part + count] += pieces[:, :, part]
    return total.reshape(batch, -1)


@cache
def _window(n_fft: int, length: int) -> Float[Tensor, " sample"]:
    missing = n_fft - length
    hann = torch.hann_window(length, periodic=True, dtype=torch.float64).float()
    return torch.nn.functional.pad(hann, (missing // 2, missing - missing // 2))

"""Spectra by matrix products with fixed kernels, for networks that run where there is no Fourier transform.

A real frame y splits into y[n] + y[N - n], which only cosines see, and y[n] - y[N - n], which only sines see; so two
kernels of N/2 rows do what one of N would, and back.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.features.mel import MelSettings, mel_filterbank


class MatrixMel(nn.Module):
    """`smalti.features.mel` of uncentred frames, for one picture, within rounding.

    Attributes:
        picture: the only one.
    """

    window: Tensor
    cosines: Tensor
    sines: Tensor
    bands: Tensor

    def __init__(self, picture: MelSettings) -> None:
        super().__init__()
        self.picture = picture
        half = picture.n_fft // 2
        angles = _angles(picture.n_fft, torch.arange(1, half + 1), torch.arange(half + 1))
        self.register_buffer("window", torch.hann_window(picture.n_fft))
        self.register_buffer("cosines", angles.cos().float())
        self.register_buffer("sines", angles[:-1].sin().float())
        self.register_buffer("bands", mel_filterbank(picture).clone())

    def forward(self, samples: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch band frame"]:
        """Mel magnitudes of the frames that lie inside."""
        size, hop = self.picture.n_fft, self.picture.hop
        begins = range(0, samples.shape[1] - size + 1, hop)
        frames = torch.stack([samples[:, begin : begin + size] for begin in begins], dim=1) * self.window
        half = size // 2
        # the window is 0 at n = 0, and n = N/2 is its own mirror
        early, middle, late = frames[..., 1:half], frames[..., half : half + 1], frames[..., half + 1 :].flip(-1)
        even = torch.cat([early + late, middle], dim=-1) @ self.cosines
        odd = (early - late) @ self.sines
        return self.bands @ (even.square() + odd.square()).sqrt().mT


class MatrixInverse(nn.Module):
    """torch.fft.irfft of spectra in real and imaginary parts, within rounding."""

    cosines: Tensor
    sines: Tensor

    def __init__(self, n_fft: int) -> None:
        super().__init__()
        half = n_fft // 2
        bins = torch.arange(half + 1)
        weight = torch.full((half + 1, 1), 2.0 / n_fft, dtype=torch.float64)
        weight[0] = weight[-1] = 1.0 / n_fft  # these bins have no mirror
        angles = _angles(n_fft, bins, torch.arange(half + 1))
        self.register_buffer("cosines", (weight * angles.cos()).float())
        self.register_buffer("sines", (weight * angles.sin())[:, 1:-1].float())

    def forward(
        self, real: Float[Tensor, "*batch bin"], imaginary: Float[Tensor, "*batch bin"]
    ) -> Float[Tensor, "*batch sample"]:
        """One frame of n_fft samples for each spectrum."""
        even, odd = real @ self.cosines, imaginary @ self.sines
        inside = even[..., 1:-1]
        return torch.cat([even[..., :1], inside - odd, even[..., -1:], (inside + odd).flip(-1)], dim=-1)


def _angles(n_fft: int, rows: Tensor, columns: Tensor) -> Float[Tensor, "row column"]:
    """2π · row · column / n_fft, exact in the whole turns."""
    turns = (rows[:, None] * columns[None]) % n_fft
    return turns.double() * (2 * torch.pi / n_fft)

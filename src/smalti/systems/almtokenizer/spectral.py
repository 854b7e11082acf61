"""The spectral ends: log-mel frames in, and a head that makes them audible by an inverse STFT.

Source of the head: Siuzdak 2023 (Vocos, arXiv:2306.00814). Differs: causal blocks, frames in the middle of their hops.
"""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.features import MelSettings, mel, overlap_add
from smalti.nn.causal import CausalConvNeXtBlock
from smalti.systems.almtokenizer.config import SpectralEndsConfig
from smalti.systems.almtokenizer.ends import Past

_FLOOR_DB = -80.0
_MIDDLE_DB, _SPREAD_DB = -60.0, 25.0
_QUIETEST, _LOUDEST = -14.0, 5.5  # ln of a magnitude


class SpectralFront(nn.Module):
    """Log-mel levels at several windows, centred on the middle of each hop: (dB + 60) / 25. Nothing is learnt.

    Attributes:
        hop, dim, ahead: as of `Front`.
        pictures: the mel pictures it draws.
        drawn: how each of them is drawn: uncentred mel magnitudes of samples.
    """

    def __init__(self, config: SpectralEndsConfig, sample_rate: int) -> None:
        super().__init__()
        self.hop, self.dim = config.hop, config.bands * len(config.windows)
        self.pictures = [
            MelSettings(
                sample_rate=sample_rate,
                n_fft=window,
                hop=config.hop,
                bands=config.bands,
                low_hz=0.0,
                high_hz=sample_rate / 2,
                norm="sum",
                unit="sine",
                floor_db=_FLOOR_DB,
                ceiling_db=0.0,
                aligned="middle",
            )
            for window in config.windows
        ]
        self.drawn: Iterable[Callable[[Tensor], Tensor]] = [
            partial(mel, settings=picture, centred=False) for picture in self.pictures
        ]
        self.lead = max(picture.lead for picture in self.pictures)
        self.ahead = self.lead

    def forward(self, samples: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch frame dim"]:
        """A frame for each whole hop; silence beyond the ends."""
        return self.valid(nn.functional.pad(samples, (self.lead, self.ahead)))

    def step(
        self, samples: Float[Tensor, "batch sample"], past: Past | None = None
    ) -> tuple[Float[Tensor, "batch frame dim"], Past]:
        """The next frames; see `Front`. The past is the samples around the frame to come."""
        before = samples.new_zeros(len(samples), self.lead) if past is None else past[0]
        heard = torch.cat([before, samples], dim=1)
        return self.valid(heard), (heard[:, heard.shape[1] - self.lead - self.ahead :].clone(),)

    def valid(self, samples: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch frame dim"]:
        """Frames whose `lead` samples before and `ahead` samples behind are given as well."""
        frames = (samples.shape[1] - self.lead - self.ahead) // self.hop
        if not frames:
            return samples.new_zeros(len(samples), 0, self.dim)
        levels: list[Tensor] = []
        for picture, draw in zip(self.pictures, self.drawn, strict=True):
            first = self.lead - picture.lead
            inside = samples[:, first : first + (frames - 1) * self.hop + picture.n_fft]
            with torch.autocast(samples.device.type, enabled=False):
                heard = draw(inside.float())
            levels.append(20 * heard.clamp(min=10 ** (_FLOOR_DB / 20)).log10())
        return ((torch.cat(levels, dim=1) - _MIDDLE_DB) / _SPREAD_DB).mT


class SpectralBack(nn.Module):
    """Causal ConvNeXt blocks, then magnitude and phase of every frame, then overlapping windows.

    Attributes:
        hop, dim, delay: as of `Back`.
        inverse: frames of real and imaginary parts of spectra.
    """

    def __init__(self, config: SpectralEndsConfig, *, width: int) -> None:
        """Lay the head out.

        Args:
            config: of the ends.
            width: of what the decoder knows beside its frames.
        Raises:
            ParameterError: if the hop does not divide half of n_fft.
        """
        super().__init__()
        self.hop, self.dim = config.hop, config.bands * len(config.windows)
        self.n_fft = config.n_fft
        if config.n_fft % (2 * config.hop):
            raise ParameterError(f"n_fft {config.n_fft} is no multiple of twice the hop {config.hop}; choose one")
        self.inverse: Callable[[Tensor, Tensor], Tensor] = partial(_inverse, n_fft=config.n_fft)
        self.delay = (config.n_fft - config.hop) // 2
        self.from_frames = nn.Linear(self.dim, config.width)
        self.from_hidden = nn.Linear(width, config.width)
        blocks = [CausalConvNeXtBlock(config.width, config.hidden, scale=0.3) for _ in range(config.blocks)]
        self.blocks: nn.ModuleList = nn.ModuleList(blocks)
        self._blocks = tuple(blocks)
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        self.out = nn.Linear(config.width, config.n_fft + 2)
        nn.init.trunc_normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)
        nn.init.constant_(self.out.bias[: config.n_fft // 2 + 1], -2.0)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    window: Tensor

    def forward(
        self,
        frames: Float[Tensor, "batch frame dim"],
        hidden: Float[Tensor, "batch frame width"] | None = None,
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch sample"]:
        """hop samples for each frame; see `Back`."""
        count = frames.shape[1]
        present = None
        if lengths is not None:
            present = torch.arange(count, device=frames.device) < lengths[:, None]
        sound, (*_, total, weight) = self.step(frames, hidden, None, present)
        return torch.cat([sound, _balanced(total, weight)], dim=1)[:, self.delay : self.delay + count * self.hop]

    def step(
        self,
        frames: Float[Tensor, "batch frame dim"],
        hidden: Float[Tensor, "batch frame width"] | None = None,
        past: Past | None = None,
        present: Bool[Tensor, "batch frame"] | None = None,
    ) -> tuple[Float[Tensor, "batch sample"], Past]:
        """The next samples; see `Back`.

        The past is that of each block, then the sound and the windows' energy that reach beyond the last hop.
        """
        inner = self.from_frames(frames)
        if hidden is not None:
            inner = inner + self.from_hidden(hidden)
        inner, kept = inner.mT, list[Tensor]()
        for place, block in enumerate(self._blocks):
            inner, held = block.step(inner, None if past is None else past[place])
            kept.append(held)
        told = self.out(self.norm(inner.mT))
        with torch.autocast(frames.device.type, enabled=False):
            pieces, energy = self._pieces(told.float()), self.window.square().expand(*frames.shape[:2], -1)
            if present is not None:
                pieces, energy = pieces * present[..., None], energy * present[..., None]
            total, weight = overlap_add(pieces, self.hop), overlap_add(energy, self.hop)
            if past is not None:
                total, weight = _carried(past[-2], total), _carried(past[-1], weight)
            done = frames.shape[1] * self.hop
            rest = total[:, done:].clone(), weight[:, done:].clone()
            return _balanced(total[:, :done], weight[:, :done]), (*kept, *rest)

    def _pieces(self, told: Float[Tensor, "batch frame numbers"]) -> Float[Tensor, "batch frame sample"]:
        """Windowed waveform of every frame."""
        level, angle = told.chunk(2, dim=-1)
        magnitude = level.clamp(_QUIETEST, _LOUDEST).exp()
        return self.inverse(magnitude * angle.cos(), magnitude * angle.sin()) * self.window


def _inverse(real: Tensor, imaginary: Tensor, n_fft: int) -> Tensor:
    return torch.fft.irfft(torch.complex(real, imaginary), n=n_fft)


def _carried(rest: Float[Tensor, "batch shorter"], total: Float[Tensor, "batch total"]) -> Float[Tensor, "batch total"]:
    """What earlier pieces left over, added to the beginning."""
    return total + nn.functional.pad(rest, (0, total.shape[1] - rest.shape[1]))


def _balanced(total: Tensor, weight: Tensor) -> Tensor:
    """The nearest sound in least squares (Griffin & Lim 1984, eq. 6); where no frame is, nothing sounds."""
    return total / weight.clamp(min=1e-3)

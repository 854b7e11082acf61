"""The default net: frames stay frames all the way, and an inverse STFT makes samples of them.

Source: Siuzdak 2023 (Vocos, arXiv:2306.00814). Differs, where asked: the net may begin with the magnitudes that the
picture itself asks for and only correct them, and may end in a few iterations of Griffin-Lim that it learns through.
Hidden layers see zeros beyond the ends, as published; a stream gives the net context enough that this is not heard.
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from smalti.features import MelSettings, from_log_mel, inverse_stft, mel_filterbank, mel_to_magnitude, natural_log, stft
from smalti.nn.convnext import KERNEL, ConvNeXtBlock
from smalti.systems.vocoder.config import VocosNetConfig

_INVERSION_STEPS = 3
_FAINTEST = 1e-5
_LOUDEST = {"free": 1e2, "mel": 1e3}  # as published; but a full-scale sine reads n_fft / 4
_TINY = 1e-8


class VocosNet(nn.Module):
    """Pictures to waveforms.

    Attributes:
        context: frames at either side of a sample's own that it depends on.
    """

    def __init__(self, config: VocosNetConfig, picture: MelSettings) -> None:
        super().__init__()
        self._config, self._picture = config, picture
        width = config.width
        self.embed = nn.Conv1d(picture.bands, width, KERNEL, padding=KERNEL // 2)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.convnext = nn.ModuleList(
            ConvNeXtBlock(width, config.hidden, scale=1 / config.blocks) for _ in range(config.blocks)
        )
        self.final_layer_norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, picture.n_fft + 2)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear) and module.bias is not None:
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        reach = picture.n_fft // picture.hop - 1
        self.context = (1 + config.blocks) * (KERNEL // 2) + config.iterations * reach + (reach + 1) // 2 + 1

    def forward(self, frames: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch sample"]:
        """hop samples a frame."""
        picture = self._picture
        read = natural_log(frames, picture) if self._config.reads == "natural" else frames
        hidden = self.norm(self.embed(read).mT).mT
        for block in self.convnext:
            hidden = block(hidden)
        told = self.out(self.final_layer_norm(hidden.mT)).mT
        with torch.autocast(frames.device.type, enabled=False):
            level, angle = told.float().chunk(2, dim=1)
            return self._sound(frames.float(), level, angle)

    def _sound(
        self, frames: Float[Tensor, "batch band frame"], level: Tensor, angle: Tensor
    ) -> Float[Tensor, "batch sample"]:
        if self._config.start == "mel":
            level = level + self._asked(frames).log()
        magnitude = level.exp().clamp(max=_LOUDEST[self._config.start])
        hop = self._picture.hop
        spectrum = torch.polar(magnitude, angle)
        previous = torch.zeros_like(spectrum)
        for _ in range(self._config.iterations):
            rebuilt = stft(inverse_stft(spectrum, hop=hop), n_fft=self._picture.n_fft, hop=hop)
            ahead = rebuilt - previous * (self._config.momentum / (1 + self._config.momentum))
            spectrum, previous = magnitude * _unit(ahead), rebuilt
        # behind the last frame there is silence, and with it the last hop
        return inverse_stft(torch.nn.functional.pad(spectrum, (0, 1)), hop=hop)

    @torch.no_grad()
    def _asked(self, frames: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch bin frame"]:
        """Magnitudes that the picture itself asks for; bins of no band are as loud as their nearest neighbour."""
        found = mel_to_magnitude(from_log_mel(frames, self._picture), self._picture, steps=_INVERSION_STEPS)
        covered = mel_filterbank(self._picture).sum(dim=0).nonzero()[:, 0]
        first, last = int(covered[0]), int(covered[-1])
        inner = found[:, first : last + 1]
        around = torch.nn.functional.pad(inner, (0, 0, first, found.shape[1] - 1 - last), mode="replicate")
        return around.clamp(min=_FAINTEST)


def _unit(spectrum: Complex[Tensor, "batch bin frame"]) -> Complex[Tensor, "batch bin frame"]:
    return spectrum / spectrum.abs().clamp(min=_TINY)

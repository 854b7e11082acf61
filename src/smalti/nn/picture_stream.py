"""A net that makes waveforms of pictures, as a stream: fixed windows with all the context that the net hears."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.features import MelSettings
from smalti.nn.overlap import Windows

Sound = Callable[[Float[Tensor, "batch band frame"]], Float[Tensor, "batch sample"]]


class PictureStream:
    """Log-mel frames (0…1) in, waveform out; equal for blocks of any size, and to the net on the whole within rounding.

    Args:
        net: n frames to n·hop samples, those within `context` frames of either end to be thrown away.
        picture: of the frames.
        window: frames per call that sound comes of.
        context: frames at either side that the net hears besides.
    """

    def __init__(self, net: Sound, picture: MelSettings, *, window: int, context: int) -> None:
        self._net, self._hop, self._context = net, picture.hop, context
        self._windows = Windows(self._sound, channels=picture.bands, window=window, left=context, right=context)
        self._owed = 0

    def push(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        """Sound of the windows whose context is complete."""
        self._owed += frames.shape[1] * self._hop
        return self._give([*self._windows.push(frames)])

    def flush(self) -> Float[Tensor, " sample"]:
        """The rest, up to the end of the last frame's hop."""
        return self._give([*self._windows.flush()])

    def _give(self, pieces: list[Tensor]) -> Tensor:
        sound = torch.cat([torch.zeros(0), *pieces])[: self._owed]
        self._owed -= len(sound)
        return sound

    @torch.no_grad()
    def _sound(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        edge = self._context * self._hop
        sound = self._net(frames[None])[0].float().cpu()
        return sound[edge : len(sound) - edge]

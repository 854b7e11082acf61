"""A vocoder that was trained or imported: pictures to sound, whole or in blocks, as the same sequence of windows."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, ParameterError
from smalti.features import find_picture
from smalti.nn.picture_stream import PictureStream
from smalti.systems.vocoder.config import ModelConfig
from smalti.systems.vocoder.nets import Net

_QUICK = 8  # frames of a window


class NetVocoder:
    """A net as a `smalti.features.Vocoder`.

    Every window is computed alone and in the same shape, with all the context that the net hears, so an item's sound
    is the same bits alone, in any batch and in any blocks. Beyond its ends a picture is silence.

    Attributes:
        net: put in evaluation mode by whoever passes it.
        config: of the model.
        picture: the net's pictures.
    """

    def __init__(self, net: Net, config: ModelConfig) -> None:
        self.net, self.config = net, config
        self.picture = find_picture(config.picture)

    @property
    def parameter_count(self) -> int:
        """Numbers that it has learnt."""
        return sum(value.numel() for value in self.net.parameters())

    def stream(self) -> PictureStream:
        """Log-mel frames (0…1) in, waveform out; a window of frames is given as soon as its context has come."""
        return PictureStream(self._sound, self.picture, window=self.config.window, context=self.net.context)

    def quick(self) -> "NetVocoder":
        """The same in short windows: equal within rounding, as each has all the context that the net hears."""
        return NetVocoder(self.net, self.config.model_copy(update={"window": min(self.config.window, _QUICK)}))

    def sound(
        self, pictures: Float[Tensor, "batch band frame"], lengths: Int64[Tensor, " batch"] | None = None
    ) -> Audio:
        """Sound of every item; what lies behind an item's length never matters.

        Args:
            pictures: log-mel (0…1).
            lengths: samples of each item; by default hop a frame.
        Raises:
            ParameterError: if the pictures have another number of bands, or a length is longer than its picture.
        """
        picture, frames = self.picture, pictures.shape[2]
        if pictures.shape[1] != picture.bands:
            raise ParameterError(f"found {pictures.shape[1]} bands, this vocoder has {picture.bands}; draw its picture")
        lengths = torch.full((len(pictures),), frames * picture.hop) if lengths is None else lengths.cpu()
        if len(lengths) and int(lengths.max()) > frames * picture.hop:
            raise ParameterError(f"{int(lengths.max())} samples of {frames} frames of {picture.hop}; give more frames")
        rows: list[Tensor] = []
        for item, length in zip(pictures, lengths.tolist(), strict=True):
            stream = self.stream()
            heard = torch.cat([stream.push(item[:, : -(-length // picture.hop)]), stream.flush()])
            rows.append(heard[:length])
        return Audio(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), picture.sample_rate, lengths)

    def _sound(self, frames: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch sample"]:
        return self.net(frames.to(next(self.net.parameters()).device))

"""The codec block by block: every sound goes the same way in blocks of one size, whole or as it comes.

The net hears both ways, so a code comes when what lies ahead of its frame has come, and sound when no later code can
change it. Nothing is computed twice, the ends are heard as in one pass over the whole, and as the blocks always begin
at the same places, how the input arrives cannot change a bit.
"""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.audio import require_sound
from smalti.core.audio import require_one_channel
from smalti.systems.dac.net import DACNet
from smalti.systems.dac.stages import InRow

_BLOCK_SECONDS = 0.1  # so that sound starts early


class Analysis:
    """Samples of one sound in, latent frames out."""

    def __init__(self, net: DACNet) -> None:
        """Hear nothing yet.

        Args:
            net: in evaluation mode.
        """
        self._net = net
        self._begin()

    def _begin(self) -> None:
        encoder, size = self._net.encoder, _frames(self._net) * self._net.config.hop
        self._blocks = _Blocks(encoder.children(), channels=1, size=size, like=encoder.stem.weight)
        self._heard = 0

    def push(self, samples: Float[Tensor, " sample"]) -> list[Float[Tensor, "batch latent _"]]:
        """The frames that no later sample changes, a piece for each block that brings some.

        Raises:
            DataError: if a sample is NaN, infinite or beyond any sense: it would spoil all that comes after it.
        """
        require_sound(samples[None], self._heard, self._net.config.sample_rate)
        self._heard += len(samples)
        return self._blocks.push(samples[None, None])

    def flush(self) -> list[Float[Tensor, "batch latent _"]]:
        """The rest, the frame that the last samples began included; then it begins anew."""
        missing = torch.zeros(1, 1, -self._heard % self._net.config.hop)
        found = [*self._blocks.push(missing), *self._blocks.flush()]
        self._begin()
        return found


class Synthesis:
    """Codes of one sound in, or latent frames in their place, samples out."""

    def __init__(self, net: DACNet, *, latents: bool = False) -> None:
        """Know nothing yet.

        Args:
            net: in evaluation mode.
            latents: whether latent frames are given and not codes.
        """
        self._net, self._enter = net, _same if latents else net.quantizer.decode
        self._begin()

    def _begin(self) -> None:
        decoder, net = self._net.decoder, self._net
        channels, like = net.config.latent_width, decoder.stem.weight
        self._blocks = _Blocks(decoder.children(), channels=channels, size=_frames(net), like=like, enter=self._enter)
        self._owed = 0

    def push(self, frames: Float[Tensor, "dim frame"] | Int64[Tensor, "dim frame"]) -> Float[Tensor, " sample"]:
        """The samples that no later frame can change."""
        self._owed += frames.shape[1] * self._net.config.hop
        return self._sound(self._blocks.push(frames[None]))

    def flush(self) -> Float[Tensor, " sample"]:
        """The rest, up to the end of the last frame, silent where an odd stride ends earlier; then it begins anew."""
        found = self._sound(self._blocks.flush())
        silent = found.new_zeros(self._owed)
        self._begin()
        return torch.cat([found, silent])

    def _sound(self, pieces: list[Tensor]) -> Tensor:
        found = torch.cat([torch.zeros(0), *(piece[0, 0].cpu() for piece in pieces)])
        self._owed -= len(found)
        return found


class DACEncoderStream:
    """One sound in, its codes out."""

    def __init__(self, net: DACNet, *, codebooks: int) -> None:
        self._net, self._codebooks = net, codebooks
        self._analysis = Analysis(net)

    @torch.no_grad()
    def push(self, block: Float[Tensor, " sample"]) -> Int64[Tensor, "codebook frame"]:
        """Codes of the frames that no later sample changes.

        Raises:
            ParameterError: if it is more than one channel.
            DataError: as of `Analysis.push`.
        """
        require_one_channel(block)
        return self._codes(self._analysis.push(block))

    @torch.no_grad()
    def flush(self) -> Int64[Tensor, "codebook frame"]:
        """The rest, the frame that the last samples began included."""
        return self._codes(self._analysis.flush())

    def _codes(self, pieces: list[Tensor]) -> Tensor:
        codes = [self._net.quantizer.encode(piece, depth=self._codebooks)[0].cpu() for piece in pieces]
        return torch.cat([torch.zeros(self._codebooks, 0, dtype=torch.int64), *codes], dim=1)


class DACDecoderStream:
    """Codes in, sound out."""

    def __init__(self, net: DACNet) -> None:
        self._synthesis = Synthesis(net)

    @torch.no_grad()
    def push(self, block: Int64[Tensor, "codebook frame"]) -> Float[Tensor, " sample"]:
        """Samples that no later code can change."""
        return self._synthesis.push(block)

    @torch.no_grad()
    def flush(self) -> Float[Tensor, " sample"]:
        """The rest, up to the end of the last frame."""
        return self._synthesis.flush()


def _same(steps: Tensor) -> Tensor:
    return steps


class _Blocks:
    """Runs layers over a stream of steps, a block at a time.

    Args:
        layers: of the net, in the order in which they are run.
        channels: that the first of them takes.
        size: steps of a block.
        like: a tensor where they lie.
        enter: makes of a block what the first layer takes.
    """

    def __init__(
        self,
        layers: Iterable[nn.Module],
        *,
        channels: int,
        size: int,
        like: Tensor,
        enter: Callable[[Tensor], Tensor] = _same,
    ) -> None:
        self._row, self._size, self._enter = InRow(layers), size, enter
        self._nothing = like.new_zeros(1, channels, 0)
        self._waiting: Tensor | None = None
        self._came = self._given = 0

    def push(self, steps: Tensor) -> list[Tensor]:
        """What the blocks that are now complete bring."""
        self._came += steps.shape[2]
        waiting = steps if self._waiting is None else torch.cat([self._waiting, steps], dim=2)
        whole = waiting.shape[2] // self._size * self._size
        self._waiting = waiting[:, :, whole:].clone()
        blocks = waiting[:, :, :whole].split(self._size, dim=2) if whole else ()
        return self._kept([self._row.step(self._entered(block), None)[0] for block in blocks])

    def flush(self) -> list[Tensor]:
        """The rest."""
        if self._waiting is None or not self._came:
            return []
        behind = self._nothing.new_zeros(*self._nothing.shape[:2], self._row.ahead(0))
        found, limit = self._row.step(torch.cat([self._entered(self._waiting), behind], dim=2), self._came)
        assert limit is not None
        return self._kept([found[:, :, : limit - self._given]])

    def _entered(self, block: Tensor) -> Tensor:
        return self._enter(block.to(self._nothing.device)) if block.shape[2] else self._nothing

    def _kept(self, found: list[Tensor]) -> list[Tensor]:
        self._given += sum(steps.shape[2] for steps in found)
        return [steps for steps in found if steps.shape[2]]


def _frames(net: DACNet) -> int:
    """Of a block."""
    return max(1, round(_BLOCK_SECONDS * net.config.sample_rate / net.config.hop))

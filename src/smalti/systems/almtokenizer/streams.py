"""The codec block by block: what it needs of the past is carried, so memory stays the same however long a sound is.

    samples -> front -> query encoder -> codes          codes -> query decoder -> back -> samples

A code comes as soon as its window and the front's look-ahead have come, sound as soon as no later frame can change it.
Whole items go the same way in big blocks: what is long costs time, never memory.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from smalti.audio import require_sound
from smalti.core.audio import require_one_channel
from smalti.nn.ring import RingCache
from smalti.systems.almtokenizer.ends import Past
from smalti.systems.almtokenizer.net import QueryNet

_BLOCK_SECONDS = 10.0  # of all items of a batch together, so that many short ones need no more than a long one
_LEAST_SECONDS = 2.0  # of each


class Analysis:
    """Samples of a batch in, query vectors out."""

    def __init__(self, net: QueryNet, window: int, *, batch: int = 1) -> None:
        """Hear nothing yet.

        Args:
            net: in evaluation mode.
            window: frames of a query.
            batch: items.
        """
        self._net, self._window, self._batch = net, window, batch
        self._hop = window * net.hop
        self._begin()

    def _begin(self) -> None:
        device = _device(self._net)
        self._waiting = torch.zeros(self._batch, 0, device=device)
        self._past: Past | None = None
        self._heard = 0
        self._cache: RingCache = self._net.encoder.transformer.cache(self._batch, device)

    def push(self, samples: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch query width"]:
        """The queries whose windows, and what lies `ahead` of them, have come.

        Raises:
            DataError: if a sample is NaN, infinite or beyond any sense: it would spoil all that comes after it.
        """
        require_sound(samples, self._heard, self._net.config.sample_rate)
        self._heard += samples.shape[1]
        return self._steps(samples)

    def flush(self) -> Float[Tensor, "batch query width"]:
        """The rest, the query of a window that has begun included; then it begins anew."""
        missing = -self._heard % self._hop + self._net.front.ahead if self._heard else 0
        rest = self._steps(self._waiting.new_zeros(self._batch, missing))
        self._begin()
        return rest

    def _steps(self, samples: Tensor) -> Tensor:
        self._waiting = torch.cat([self._waiting, samples.to(self._waiting)], dim=1)
        found = [self._waiting.new_zeros(self._batch, 0, self._net.config.encoder.width)]
        most = _block(self._hop, self._net.config.sample_rate, self._batch)
        first = 0
        while True:
            extra = self._net.front.ahead if self._past is None else 0
            queries = min((self._waiting.shape[1] - first - extra) // self._hop, most)
            if queries < 1:
                break
            upto = first + extra + queries * self._hop
            frames, self._past = self._net.front.step(self._waiting[:, first:upto], self._past)
            found.append(self._net.encoder(frames, self._window, self._cache))
            first = upto
        self._waiting = self._waiting[:, first:].clone() if first else self._waiting
        return torch.cat(found, dim=1)


class Synthesis:
    """Codes of a batch in, or vectors in their place, samples out."""

    def __init__(self, net: QueryNet, window: int, *, batch: int = 1) -> None:
        """Know nothing yet; arguments as of `Analysis`."""
        self._net, self._window, self._batch = net, window, batch
        self._begin()

    def _begin(self) -> None:
        self._past: Past | None = None
        self._early = self._net.back.delay
        self._cache: RingCache = self._net.decoder.transformer.cache(self._batch, _device(self._net))

    def push(self, codes: Int64[Tensor, "batch codebook query"]) -> Float[Tensor, "batch sample"]:
        """The samples that no later code can change; `codes` of as many codebooks in every call."""
        return self.speak(self._net.vectors(codes.to(self._cache.offsets.device)))

    def speak(
        self, vectors: Float[Tensor, "batch query dim"], present: Bool[Tensor, "batch query"] | None = None
    ) -> Float[Tensor, "batch sample"]:
        """The samples that no later vector can change.

        Args:
            vectors: quantised queries, or whatever is to be heard in their place.
            present: which of them are there, once absent, absent to the end; None if all are.
        """
        net, window = self._net, self._window
        device = self._cache.offsets.device
        found = [torch.zeros(self._batch, 0, device=device)]
        size = _block(window * net.hop, net.config.sample_rate, self._batch)
        for first in range(0, vectors.shape[1], size):
            piece = slice(first, first + size)
            hidden = net.decoder(vectors[:, piece].to(device), window, self._cache)
            there = None if present is None else present[:, piece].to(device).repeat_interleave(window, dim=1)
            sound, self._past = net.back.step(net.to_frames(hidden), hidden, self._past, there)
            found.append(self._timely(sound))
        return torch.cat(found, dim=1)

    def flush(self) -> Float[Tensor, "batch sample"]:
        """The rest, up to the end of the last frame; then it begins anew."""
        net = self._net
        rest = torch.zeros(self._batch, 0, device=self._cache.offsets.device)
        if self._past is not None and net.back.delay:
            frames = rest.new_zeros(self._batch, -(-net.back.delay // net.hop), net.back.dim)
            hidden = rest.new_zeros(*frames.shape[:2], net.config.decoder.width)
            sound, _ = net.back.step(frames, hidden, self._past, torch.zeros_like(frames[..., 0], dtype=torch.bool))
            late = net.back.delay - self._early
            rest = self._timely(sound)[:, :late]
        self._begin()
        return rest

    def _timely(self, sound: Tensor) -> Tensor:
        """Without what lies before the beginning."""
        early = min(self._early, sound.shape[1])
        self._early -= early
        return sound[:, early:]


class ALMEncoderStream:
    """One sound in, its codes out."""

    def __init__(self, net: QueryNet, *, window: int, codebooks: int) -> None:
        self._net, self._codebooks = net, codebooks
        self._analysis = Analysis(net, window)

    @torch.no_grad()
    def push(self, block: Float[Tensor, " sample"]) -> Int64[Tensor, "codebook frame"]:
        """Codes of the windows that are complete with what lies ahead of them.

        Raises:
            ParameterError: if it is more than one channel.
            DataError: as of `Analysis.push`.
        """
        require_one_channel(block)
        return self._codes(self._analysis.push(block[None]))

    @torch.no_grad()
    def flush(self) -> Int64[Tensor, "codebook frame"]:
        """The rest, that of a window begun by the last samples included."""
        return self._codes(self._analysis.flush())

    def _codes(self, queries: Tensor) -> Tensor:
        if not queries.shape[1]:  # blocks of a sample seldom complete a window; asking the codebooks for nothing costs
            return torch.zeros(self._codebooks, 0, dtype=torch.int64)
        return self._net.codes(queries, depth=self._codebooks)[0].cpu()


class ALMDecoderStream:
    """Codes in, sound out."""

    def __init__(self, net: QueryNet, *, window: int) -> None:
        self._synthesis = Synthesis(net, window)

    @torch.no_grad()
    def push(self, block: Int64[Tensor, "codebook frame"]) -> Float[Tensor, " sample"]:
        """Samples that no later code can change."""
        return self._synthesis.push(block[None])[0].cpu()

    @torch.no_grad()
    def flush(self) -> Float[Tensor, " sample"]:
        """The rest, up to the end of the last window."""
        return self._synthesis.flush()[0].cpu()


def _block(hop: int, sample_rate: int, batch: int) -> int:
    """Queries of a call."""
    seconds = max(_LEAST_SECONDS, _BLOCK_SECONDS / batch)
    return max(1, int(seconds * sample_rate) // hop)


def _device(net: QueryNet) -> torch.device:
    return net.to_codes.weight.device

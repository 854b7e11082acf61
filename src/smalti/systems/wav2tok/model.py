"""A tokenizer for search: sound as strings of learnt tokens, and how sure it is of them."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, Embedding, Tokens, TokenSpec
from smalti.nn.threads import spread
from smalti.store import LiveFingerprint
from smalti.systems.wav2tok.config import ModelConfig
from smalti.systems.wav2tok.fronts import FrontEnd, find_front
from smalti.systems.wav2tok.net import Heard, StringNet

_BLOCK, _MARGIN = 1000, 200  # frames heard at once of a long recording, and those at each end that another block gives
_TOGETHER = 16  # blocks

_Parted = tuple[list[Tensor], Tensor]


class Wav2Tok:
    """A `SoftTokenizer`, `AcousticTokenizer` and `Encoder`.

    Every recording is heard alone, so that its tokens are the same bits in any batch; a long one in blocks whose frames
    are those of the middle. What lies between pauses is heard as a clip of its own, as those are that it learnt from.
    Quiet is not heard: its frames are named as the last that is, or before the first one as that.

    Args:
        net: what was learnt; put in evaluation mode by whoever passes it.
        config: of the net.
    """

    def __init__(self, net: StringNet, config: ModelConfig) -> None:
        self.net, self.config = net, config
        self.front: FrontEnd = find_front(config.front)
        self._fingerprint = LiveFingerprint()

    @property
    def spec(self) -> TokenSpec:
        """One code for every `hop` samples."""
        return TokenSpec(
            sample_rate=self.sample_rate,
            hop=self.hop,
            codebooks=1,
            vocab=self.config.codebook.tokens,
            tokenizer=self._fingerprint.of(self.net.state_dict(), f"wav2tok {self.config.model_dump_json()}"),
        )

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.front.sample_rate

    @property
    def hop(self) -> int:
        """Samples of a token frame."""
        return self.front.hop * self.config.net.stride

    @property
    def dim(self) -> int:
        """Of the vectors."""
        return self.config.codebook.dim

    def encode(self, audio: Audio) -> Tokens:
        """The likeliest token of every frame.

        Raises:
            SpecError: if the audio has another rate.
        """
        spec = self.spec
        rows = [found.codes[0] for found in self._heard(audio)]
        codes = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)[:, None]
        return Tokens(codes, spec, audio.lengths)

    def log_probabilities(self, audio: Audio) -> Embedding:
        """Natural logarithms of every token's chance in every frame; zeros behind an item's own.

        Raises:
            SpecError: if the audio has another rate.
        """
        return self._rows(audio, [found.log_probabilities[0] for found in self._heard(audio)])

    def embed(self, audio: Audio) -> Embedding:
        """The vectors that tokens are chosen by, of length one; zeros behind an item's own.

        Raises:
            SpecError: if the audio has another rate.
        """
        return self._rows(audio, [found.vectors[0] for found in self._heard(audio)])

    def beliefs_and_acoustics(self, audio: Audio) -> tuple[Embedding, Embedding]:
        """`log_probabilities`, and what each token frame sounds like before anything was learnt.

        The latter are of speech cepstra and their slopes; of other front ends nothing, dim 0.

        Raises:
            SpecError: if the audio has another rate.
        """
        audio.require_rate(self.sample_rate, "this tokenizer")
        found = [*spread(lambda item: self._both(self._parted(item.samples[0])), audio.items())]
        logs, sounds = ([each[part] for each in found] for part in (0, 1))
        return self._rows(audio, logs), self._rows(audio, sounds)

    def hear(self, frames: Float[Tensor, "frame bin"]) -> Heard:
        """What the net makes of frames of the front end; of many of them, in blocks.

        Of each block the middle is taken; all are of one size, and the last one ends with the frames.
        """
        if len(frames) <= _BLOCK:
            return self._net(frames[None])
        stride = self.config.net.stride
        frames = torch.cat([frames, frames[-1:].expand(-len(frames) % stride, -1)])
        starts = [*range(0, len(frames) - _BLOCK, _BLOCK - 2 * _MARGIN), len(frames) - _BLOCK]
        pieces = [frames[start : start + _BLOCK] for start in starts]
        parts = [self._net(torch.stack(pieces[i : i + _TOGETHER])) for i in range(0, len(pieces), _TOGETHER)]
        vectors, logs = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("vectors", "log_probabilities")
        )
        whole = len(frames) // stride
        owner, place = _owners(torch.tensor(starts) // stride, _BLOCK // stride, _MARGIN // stride, whole)
        return Heard(vectors[owner, place][None], logs[owner, place][None], torch.tensor([whole]))

    def _rows(self, audio: Audio, rows: list[Tensor]) -> Embedding:
        return Embedding(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), -(-audio.lengths // self.hop))

    def _heard(self, audio: Audio) -> Iterator[Heard]:
        audio.require_rate(self.sample_rate, "this tokenizer")
        return spread(lambda item: self._alone(self._parted(item.samples[0])), audio.items())

    def _both(self, parted: _Parted) -> tuple[Tensor, Tensor]:
        return self._alone(parted).log_probabilities[0], self._sounds_of(parted)

    def _alone(self, parted: _Parted) -> Heard:
        pieces, place = parted
        if not pieces:
            codebook = self.config.codebook
            empty = torch.zeros(1, 0, codebook.dim), torch.zeros(1, 0, codebook.tokens)
            return Heard(*empty, torch.tensor([0]))
        vectors, logs = (torch.cat(rows) for rows in zip(*self._pieces(pieces), strict=True))
        return Heard(vectors[None, place], logs[None, place], torch.tensor([len(place)]))

    def _sounds_of(self, parted: _Parted) -> Float[Tensor, "token dim"]:
        """Acoustics of one recording; of long clips in blocks, each normalised by itself."""
        pieces, place = parted
        if not pieces:
            return self.front.acoustics(torch.zeros(0, self.front.bins))
        blocks = [block for piece in pieces for block in piece.split(_BLOCK)]
        return torch.cat([self._sound_of(block) for block in blocks])[place]

    def _sound_of(self, frames: Float[Tensor, "frame bin"]) -> Float[Tensor, "token dim"]:
        """Of one clip's frames, the mean over those of a token."""
        heard = self.front.normalised(frames[None], torch.tensor([len(frames)]))[0]
        found, stride = self.front.acoustics(heard), self.config.net.stride
        whole = torch.cat([found, found[-1:].expand(-len(found) % stride, -1)])
        return whole.unflatten(0, (-1, stride)).mean(dim=1)

    def _parted(self, samples: Float[Tensor, " sample"]) -> _Parted:
        """Frames of the clips between pauses, and for each token frame its row among those of all the clips."""
        count, stride = -(-len(samples) // self.hop), self.config.net.stride
        if not count:
            return [], torch.zeros(0, dtype=torch.int64)
        frames = self.front.frames(samples)
        stretches = self.front.stretches(frames)
        firsts = [stretch.start // stride for stretch in stretches]
        pieces = [frames[first * stride : span.stop] for first, span in zip(firsts, stretches, strict=True)]
        sizes = torch.tensor([-(-len(piece) // stride) for piece in pieces])
        starts, places = torch.tensor(firsts), torch.arange(count)
        owner = (torch.searchsorted(starts, places, right=True) - 1).clamp(min=0)
        place = (places - starts[owner]).clamp(min=0).minimum(sizes[owner] - 1) + (sizes.cumsum(0) - sizes)[owner]
        return pieces, place

    def _pieces(self, pieces: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Vectors and chances of frames that are clips of their own, short ones together."""
        for first in range(0, len(pieces), _TOGETHER):
            some = pieces[first : first + _TOGETHER]
            if len(some) == 1 or max(map(len, some)) > _BLOCK:
                alone = (self.hear(piece) for piece in some)
                yield from ((found.vectors[0], found.log_probabilities[0]) for found in alone)
                continue
            lengths = torch.tensor([len(piece) for piece in some])
            frames = torch.nn.utils.rnn.pad_sequence(some, batch_first=True)
            found = self.net(self.front.normalised(frames, lengths), lengths)
            for row, count in enumerate(found.frames.tolist()):
                yield found.vectors[row, :count], found.log_probabilities[row, :count]

    def _net(self, frames: Float[Tensor, "block frame bin"]) -> Heard:
        lengths = torch.full((len(frames),), frames.shape[1])
        return self.net(self.front.normalised(frames, lengths), lengths)


def _owners(
    starts: Int64[Tensor, " block"], size: int, margin: int, count: int
) -> tuple[Int64[Tensor, " place"], Int64[Tensor, " place"]]:
    """Which block names each place, and where in it: the last one that begins at least a margin before."""
    places = torch.arange(count)
    owner = (torch.searchsorted(starts, places - margin, right=True) - 1).clamp(0, len(starts) - 1)
    return owner, (places - starts[owner]).clamp(0, size - 1)

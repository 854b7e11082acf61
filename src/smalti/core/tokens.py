"""Tokens and the spec that says which parts fit them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.core.errors import ParameterError, SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """The plug between tokenizers, stores and language models: equal specs fit, others do not.

    Attributes:
        sample_rate: Hz, of the waveform the tokens stand for.
        hop: samples per token frame; exact, where a rate in Hz would round.
        codebooks: Q, parallel code streams.
        vocab: V, entries per codebook.
        tokenizer: fingerprint, the SHA-256 of the weights and settings that affect codes.
    """

    sample_rate: int
    hop: int
    codebooks: int
    vocab: int
    tokenizer: str

    @property
    def frame_rate(self) -> float:
        """Token frames per second, in Hz."""
        return self.sample_rate / self.hop

    @property
    def bitrate(self) -> float:
        """Bits per second before entropy coding: Q · log2(V) · frame_rate."""
        return self.codebooks * math.log2(self.vocab) * self.frame_rate

    def frames(self, samples: int) -> int:
        """Token frames that stand for this many samples: the last one may be partly filled."""
        return -(-samples // self.hop)

    def require(self, found: "TokenSpec", what: str = "these tokens") -> None:
        """Refuse anything made for another tokenizer.

        Raises:
            SpecError: naming every field that differs, found and wanted.
        """
        names = ("tokenizer", "sample_rate", "hop", "codebooks", "vocab")
        wrong = [n for n in names if getattr(self, n) != getattr(found, n)]
        if wrong:
            pairs = "; ".join(
                f"{n} found {_short(getattr(found, n))}, wanted {_short(getattr(self, n))}" for n in wrong
            )
            raise SpecError(f"{what} belong to another tokenizer: {pairs}; encode the audio again with this one")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Codes of a batch, with the number of audio SAMPLES each row stands for.

    Attributes:
        codes: integers in 0…vocab-1; frames behind an item's own are padding and zero.
        spec: what made them.
        lengths: samples of audio, so that decoding gives back exactly what went in.
    """

    codes: Int64[Tensor, "batch codebook frame"]
    spec: TokenSpec
    lengths: Int64[Tensor, " batch"]

    def __post_init__(self) -> None:
        if self.codes.dtype != torch.int64:
            raise ParameterError(f"codes are {self.codes.dtype}, wanted torch.int64; give the whole numbers themselves")
        batch, codebooks, frames = self.codes.shape
        if codebooks != self.spec.codebooks:
            raise SpecError(f"codes have {codebooks} codebooks, their spec {self.spec.codebooks}; they do not fit")
        if self.lengths.numel() != batch:
            raise ParameterError(f"{self.lengths.numel()} lengths for {batch} rows; give one each")
        if batch and self.spec.frames(int(self.lengths.max())) > frames:
            raise ParameterError(f"{int(self.lengths.max())} samples need more than {frames} frames of {self.spec.hop}")
        if batch and int(self.lengths.min()) < 0:
            raise ParameterError(f"lengths {self.lengths.tolist()} hold a negative number of samples")
        self._refuse_codes_out_of_range()

    def _refuse_codes_out_of_range(self) -> None:
        if not self.codes.numel():
            return
        lowest, highest = (int(code) for code in self.codes.aminmax())
        if lowest < 0 or highest >= self.spec.vocab:
            wrong = (self.codes < 0) | (self.codes >= self.spec.vocab)
            row, codebook, frame = (int(i) for i in wrong.nonzero()[0])
            found = int(self.codes[row, codebook, frame])
            where = f"row {row}, codebook {codebook}, frame {frame}"
            raise ParameterError(f"code {found} at {where} is outside 0…{self.spec.vocab - 1}; codes are never clamped")

    @property
    def frames(self) -> Int64[Tensor, " batch"]:
        """True token frames of each row."""
        return -(-self.lengths // self.spec.hop)

    @classmethod
    def batch(cls, items: Iterable["Tokens"]) -> "Tokens":
        """Stack items of one spec, zero-padded to the most frames.

        Raises:
            SpecError: if the specs differ.
        """
        rows = [row for tokens in items for row in tokens.items()]
        for row in rows[1:]:
            rows[0].spec.require(row.spec)
        codes = torch.nn.utils.rnn.pad_sequence([row.codes[0].T for row in rows], batch_first=True).mT
        return cls(codes, rows[0].spec, torch.cat([row.lengths for row in rows]))

    def items(self) -> list["Tokens"]:
        """Every row alone, cut to its true frames."""
        triples = zip(self.codes, self.frames.tolist(), self.lengths, strict=True)
        return [Tokens(row[None, :, :frames], self.spec, length[None]) for row, frames, length in triples]


def _short(value: object) -> str:
    return value[:12] if isinstance(value, str) else str(value)

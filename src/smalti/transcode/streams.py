"""Every tokenizer as a stream: block by block where it can, by waiting for the whole where it cannot."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import (
    Audio,
    Codec,
    DecoderStream,
    EncoderStream,
    StreamingCodec,
    StreamingTokenizer,
    Tokenizer,
    Tokens,
)


def encoder_stream(tokenizer: Tokenizer) -> EncoderStream:
    """Blocks of audio in, codes out; all of them together equal `encode` of the whole."""
    return tokenizer.encoder_stream() if isinstance(tokenizer, StreamingTokenizer) else _WholeEncoder(tokenizer)


def decoder_stream(codec: Codec) -> DecoderStream:
    """Blocks of codes in, audio out; all of it together equals `decode` of the whole, before cutting to length."""
    return codec.decoder_stream() if isinstance(codec, StreamingCodec) else _WholeDecoder(codec)


class _WholeEncoder:
    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._blocks: list[Tensor] = []

    def push(self, block: Float[Tensor, " sample"]) -> Int64[Tensor, "codebook frame"]:
        self._blocks.append(block)
        return torch.zeros(self._tokenizer.spec.codebooks, 0, dtype=torch.int64)

    def flush(self) -> Int64[Tensor, "codebook frame"]:
        whole = torch.cat([torch.zeros(0), *self._blocks])
        self._blocks.clear()
        return self._tokenizer.encode(Audio.single(whole, self._tokenizer.spec.sample_rate)).codes[0]


class _WholeDecoder:
    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._blocks: list[Tensor] = []

    def push(self, block: Int64[Tensor, "codebook frame"]) -> Float[Tensor, " sample"]:
        self._blocks.append(block)
        return torch.zeros(0)

    def flush(self) -> Float[Tensor, " sample"]:
        spec = self._codec.spec
        codes = torch.cat([torch.zeros(spec.codebooks, 0, dtype=torch.int64), *self._blocks], dim=1)
        self._blocks.clear()
        return self._codec.decode(Tokens(codes[None], spec, torch.tensor([codes.shape[1] * spec.hop]))).samples[0]

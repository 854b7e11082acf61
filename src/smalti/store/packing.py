"""Codes at ceil(log2 V) bits each: frame by frame, codebook by codebook, highest bit first, last byte zero-filled."""

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor


def bits_per_code(vocab: int) -> int:
    """Smallest number of bits that holds 0…vocab-1, at least one."""
    return max(1, (vocab - 1).bit_length())


def packed_bytes(codes: int, vocab: int) -> int:
    """Bytes that so many codes take."""
    return -(-codes * bits_per_code(vocab) // 8)


def pack(codes: Int64[Tensor, "codebook frame"], vocab: int) -> bytes:
    """Codes as bytes; they must lie in 0…vocab-1."""
    shifts = np.arange(bits_per_code(vocab) - 1, -1, -1, dtype=np.uint32)
    flat = codes.cpu().numpy().T.reshape(-1, 1).astype(np.uint32)
    return np.packbits(((flat >> shifts) & 1).astype(np.uint8)).tobytes()


def unpack(data: bytes, *, codebooks: int, frames: int, vocab: int) -> Int64[Tensor, "codebook frame"]:
    """The codes that `pack` packed; what the bits say, in range or not."""
    bits = bits_per_code(vocab)
    flat = np.unpackbits(np.frombuffer(data, np.uint8), count=codebooks * frames * bits).reshape(-1, bits)
    values = flat.astype(np.int64) @ (1 << np.arange(bits - 1, -1, -1, dtype=np.int64))
    return torch.from_numpy(values.reshape(frames, codebooks)).T.contiguous()

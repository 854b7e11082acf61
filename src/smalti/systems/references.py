"""What a language model is held against, out of a manifest: real clips of both splits, and their tokens.

Of a `.dac` file the codes are taken as they are, and its sound is what the codec makes of them, as loud as it learnt.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.audio import read
from smalti.core import Audio, Codec, LanguageModel, Schema, Tokens
from smalti.data.given_codes import holds_codes, inspect_codes, read_codes
from smalti.data.manifest import Manifest
from smalti.evaluate import ConditionedCodes, LabelledClip, References
from smalti.store import TokenStore
from smalti.transcode.versions import RECORDING, SHIFT

_MOST_CLIPS = 400
TRAIN, TEST = "train", "test"


def references_of(manifest: Manifest, lm: LanguageModel, codec: Codec, *, tokens: Path | None = None) -> References:
    """Real clips of both splits, at most 400 of each, and their tokens.

    Args:
        manifest: with the splits "train" and "test".
        lm: whose schema conditions are told in.
        codec: hears them.
        tokens: a store of the same recordings; all of its tokens are taken. None encodes the clips.
    Raises:
        DataError, StoreError: if a split, a recording or the store cannot be read, or codes cannot be the codec's.
    """
    training, held_out = _splits(manifest)
    heard, unheard = (_labelled(side, partial(_sound, codec=codec)) for side in (training, held_out))
    if tokens is not None:
        known, new = stored_codes(manifest, TokenStore.open(tokens), lm.schema)
    else:
        known = _codes(training, codec, heard)
        new = _told(_codes(held_out, codec, unheard), held_out, lm.schema)
    return References(training=heard, held_out=unheard, training_codes=known, held_out_codes=new)


def sounds_of(manifest: Manifest, sample_rate: int) -> References:
    """The clips alone, at a rate in Hz, for a model that makes no tokens; errors as of `references_of`."""
    heard, unheard = (_labelled(side, partial(_read, sample_rate=sample_rate)) for side in _splits(manifest))
    return References(training=heard, held_out=unheard)


def stored_codes(
    manifest: Manifest, store: TokenStore, schema: Schema
) -> tuple[list[Int64[Tensor, "codebook _"]], list[ConditionedCodes]]:
    """Tokens of a manifest's training recordings, shifted versions too, and of its test recordings as they are."""
    known = {str(path): row for row, path in enumerate(manifest.table["path"].to_pylist())}
    splits = manifest.table["split"].to_pylist()
    training: list[Tensor] = []
    tested: list[tuple[int, Tensor]] = []
    versions = zip(store.clips[RECORDING].to_pylist(), store.clips[SHIFT].to_pylist(), strict=True)
    for i, (path, shift) in enumerate(versions):
        if splits[known[path]] == TRAIN:
            training.append(store.codes(i))
        elif shift == 0:
            tested.append((known[path], store.codes(i)))
    rows = manifest.select(np.array([row for row, _ in tested], dtype=np.int64))
    return training, _told([codes for _, codes in tested], rows, schema) if tested else []


def _told(codes: Sequence[Tensor], manifest: Manifest, schema: Schema) -> list[ConditionedCodes]:
    """Codes of every row of a manifest, with what it says of them held over all frames."""
    told = manifest.conditions(schema)
    rows = [told.rows(torch.tensor([row])) for row in range(len(codes))]
    return [ConditionedCodes(each, row.held(1, each.shape[1])) for each, row in zip(codes, rows, strict=True)]


def _splits(manifest: Manifest) -> list[Manifest]:
    return [_evenly(manifest.split(name)) for name in (TRAIN, TEST)]


def _evenly(manifest: Manifest) -> Manifest:
    return manifest.select(np.unique(np.linspace(0, manifest.rows - 1, _MOST_CLIPS).astype(np.int64)))


def _labelled(manifest: Manifest, heard: Callable[[Path], Float[Tensor, " sample"]]) -> Sequence[LabelledClip]:
    sounds = [heard(path) for path in manifest.paths()]
    return [LabelledClip(*pair) for pair in zip(sounds, manifest.labels(), strict=True)]


def _read(path: Path, *, sample_rate: int) -> Float[Tensor, " sample"]:
    return read(path, sample_rate=sample_rate).samples[0]


@torch.no_grad()
def _sound(path: Path, *, codec: Codec) -> Float[Tensor, " sample"]:
    if not holds_codes(path):
        return _read(path, sample_rate=codec.spec.sample_rate)
    samples = round(inspect_codes(path).seconds * codec.spec.sample_rate)
    codes = read_codes(path, codec.spec, samples=samples)
    return codec.decode(Tokens(codes[None], codec.spec, torch.tensor([samples]))).samples[0].cpu()


def _codes(manifest: Manifest, codec: Codec, clips: Sequence[LabelledClip]) -> list[Int64[Tensor, "codebook _"]]:
    """Codes of every row: those of a file of codes, or of its sound."""
    found: list[Tensor] = []
    for path, clip in zip(manifest.paths(), clips, strict=True):
        if holds_codes(path):
            found.append(read_codes(path, codec.spec, samples=len(clip.samples)))
        else:
            found.append(codec.encode(Audio.single(clip.samples, codec.spec.sample_rate)).codes[0])
    return found

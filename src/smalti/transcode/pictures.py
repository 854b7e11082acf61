"""Tokens of mel pictures that were published in place of their sound."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from smalti.core import DataError, Tokenizer, Tokens, TokenSpec
from smalti.data.given_pictures import picture_samples, read_cut_picture
from smalti.data.picture_corpus import FRAMES
from smalti.features import MelSettings


@runtime_checkable
class PictureTokenizer(Tokenizer, Protocol):
    """A tokenizer that looks at mel pictures, and takes one as well as sound."""

    @property
    def picture(self) -> MelSettings: ...
    def encode_pictures(self, pictures: Sequence[Float[Tensor, "band _"]]) -> Tokens: ...


def given_picture(tokenizer: Tokenizer, path: Path, *, shift: int, samples: int) -> Float[Tensor, "band frame"] | str:
    """The frames of a picture file that a row of a clip table promises, or why there are none.

    Args:
        tokenizer: that is to take it.
        path: of the file.
        shift: samples of the sound left out at its beginning.
        samples: of the sound that it stands for.
    """
    if not isinstance(tokenizer, PictureTokenizer):
        return f"{path} is a mel picture, which this tokenizer does not take; give it the sound"
    hop = tokenizer.picture.hop
    if shift % hop:
        return f"{path} is a mel picture, which cannot begin {shift} samples later; choose --shifts that divide a token"
    try:
        picture = read_cut_picture(path, tokenizer.picture)
    except DataError as error:
        return str(error)
    first, frames = shift // hop, -(-samples // hop)
    if picture.shape[1] != first + frames:
        found, wanted = picture.shape[1], first + frames
        return f"{path} holds {found} frames, its manifest says {wanted}; prepare it again"
    return picture[:, first:]


def published_geometry(picture: MelSettings, spec: TokenSpec) -> dict[str, Any]:
    """What a recording becomes as the published systems take it: ten seconds, cut or followed by silence.

    Returns:
        `picture` (bands, frames), `crop` (frames that whole columns of tokens stand for), `grid` (codebooks, token
        frames) and `tokens`.
    """
    crop = picture_samples(FRAMES, picture)
    frames = spec.frames(crop)
    return {
        "picture": [picture.bands, FRAMES],
        "crop": crop // picture.hop,
        "grid": [spec.codebooks, frames],
        "tokens": spec.codebooks * frames,
    }

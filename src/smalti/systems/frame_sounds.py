"""From a language model of mel frames to files: its frames as they are asked for, heard through a vocoder."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from smalti.audio import AudioWriter, shown
from smalti.core import Audio, Condition, ParameterError, SpecError
from smalti.features import FrameLM, MelSettings, Vocoder, array_bytes, hop_by_hop, preset_of
from smalti.generate import Sampling, generate_frames
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.store import write_bytes
from smalti.systems.hearing import Heard, bridged
from smalti.systems.registry import load_vocoder

_BLOCK = 256  # frames made audible at once
FRAMES, _TOKENS = ".npy", ".smt"


def frame_sounds(
    lm: FrameLM,
    asked: Condition,
    *,
    named: Heard,
    paths: Sequence[Path],
    samples: int,
    prompt: Float[Tensor, "1 band frame"] | None,
    sampling: Sampling,
    seeds: Sequence[int],
) -> int:
    """Write a sound for each seed; gives the samples of each.

    Args:
        lm: that continues.
        asked: of every new frame.
        named: with the vocoder; without one it is Griffin-Lim.
        paths: of the recordings; a `.npy` keeps the log-mel frames (0…1) themselves.
        samples: of each sound, behind the prompt.
        prompt: frames to continue; they are heard through the vocoder, too.
        sampling, seeds: as in `smalti.generate.generate_frames`.
    Raises:
        ParameterError: for a path of tokens, which frames are not, or as `generate_frames`.
        SpecError: if the vocoder's pictures are others and no bridge is named.
        StoreError: if a file cannot be written, or the vocoder's run not be opened.
    """
    for path in paths:
        if path.suffix == _TOKENS:
            raise ParameterError(f"{shown(path)}: this model makes frames and no tokens; name a .wav or {FRAMES}")
    vocoder = vocoder_of(lm.picture, named)
    frames = generate_frames(lm, asked, sampling=sampling, seeds=seeds, prompt=prompt)
    samples += 0 if prompt is None else prompt.shape[2] * lm.picture.hop
    for item, path in zip(frames, paths, strict=True):
        if path.suffix == FRAMES:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, array_bytes(item))
        else:
            _write(vocoder, item, path, samples=samples)
    return samples


def frames_of(audio: Audio, picture: MelSettings) -> Float[Tensor, "1 band frame"]:
    """The frames of a recording that lie within it as a whole, so that none of them fades into silence at its end.

    Raises:
        ParameterError: if it is too short for one.
    """
    least = picture.n_fft - picture.lead
    if audio.samples.shape[1] < least:
        found, wanted = audio.seconds, least / picture.sample_rate
        raise ParameterError(f"a prompt of {found:.3f} s holds no frame, it needs {wanted:.3f} s; give more of it")
    whole = (audio.samples.shape[1] - least) // picture.hop + 1
    return hop_by_hop(audio.samples, picture)[:, :, :whole]


def vocoder_of(picture: MelSettings, named: Heard) -> Vocoder:
    """What frames of a picture are heard through: the vocoder that is named, without one Griffin-Lim.

    Raises:
        SpecError: if the vocoder's pictures are others and no bridge is named.
        StoreError: if its run cannot be opened.
    """
    if named.vocoder is None:
        return GriffinLimVocoder(picture)
    vocoder = load_vocoder(named.vocoder)
    if vocoder.picture != picture and not named.bridge:
        found, wanted = preset_of(vocoder.picture), preset_of(picture)
        raise SpecError(
            f"found a vocoder of the picture {found}, wanted one of {wanted}, which this model draws; take another, "
            "or name a bridge (--bridge magnitude)"
        )
    return bridged(picture, vocoder, named, who="the model")


def _write(vocoder: Vocoder, frames: Float[Tensor, "band frame"], path: Path, *, samples: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream, left = vocoder.stream(), samples
    with AudioWriter(path, vocoder.picture.sample_rate) as writer:
        for block in frames.split(_BLOCK, dim=1):
            heard = stream.push(block)[:left]
            writer.push(heard)
            left -= len(heard)
        writer.push(stream.flush()[:left])

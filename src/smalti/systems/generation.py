"""Generate by the name of a run: what is asked becomes tokens, and the run's own codec makes them sound."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.audio import read
from smalti.core import Audio, Codec, ParameterError, Tokens
from smalti.generate import Sampling, condition, parse_setting
from smalti.generate import generate as generate_codes
from smalti.systems.registry import TOKENIZER, find_run, load_codec, load_lm
from smalti.transcode import write_decoded

_BLOCK = 256  # frames decoded at once


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateReport:
    """What was generated.

    Attributes:
        files: sounds written.
        paths: where they lie.
        seeds: of each.
        audio_seconds: of sound, prompts included.
        seconds: taken.
        real_time_factor: seconds per second of sound.
        bitrate: of the tokens, bits per second.
    """

    files: int
    paths: tuple[str, ...]
    seeds: tuple[int, ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float
    bitrate: float


@torch.no_grad()
def generate(
    run: str | Path,
    *,
    to: Path,
    seconds: float,
    label: str | None = None,
    settings: Sequence[str] = (),
    prompt: Path | None = None,
    sampling: Sampling,
    seeds: Sequence[int] = (0,),
) -> GenerateReport:
    """Generate one sound per seed and write each; what cannot be asked is refused before the model is called.

    Args:
        run: a language model's run folder or shipped name.
        to: `OUT.wav`; with several seeds `OUT-1.wav`, `OUT-2.wav`, …
        seconds: length of each, behind the prompt.
        label: class of sound; None asks for none.
        settings: parameters as people write them, such as `rate=0:2,10:16`.
        prompt: a recording to continue; its last frame is left out if it is not full.
        sampling: how codes are chosen.
        seeds: one for each sound.
    Raises:
        ParameterError: for an unknown label or parameter, a value out of range, or a prompt shorter than a frame.
        SpecError: if the codec in the run is another than the model's.
        DataError, StoreError: if prompt, run or target cannot be used.
    """
    begin = time.perf_counter()
    folder = find_run(run)
    lm, codec = load_lm(folder), load_codec(folder / TOKENIZER)
    spec = codec.spec
    lm.spec.require(spec, f"the tokens of {folder / TOKENIZER}")
    asked = condition(
        lm.schema,
        label=label,
        settings=[parse_setting(text) for text in settings],
        seconds=seconds,
        frame_rate=spec.frame_rate,
    )
    heard = _prompt(codec, prompt) if prompt is not None else None
    codes = generate_codes(lm, asked, sampling=sampling, seeds=seeds, prompt=heard)
    samples = round(seconds * spec.sample_rate) + (int(heard.lengths[0]) if heard is not None else 0)
    paths = _write(codec, codes, to, samples=samples)
    spent, sound = time.perf_counter() - begin, len(paths) * samples / spec.sample_rate
    return GenerateReport(
        files=len(paths),
        paths=paths,
        seeds=tuple(seeds),
        audio_seconds=sound,
        seconds=spent,
        real_time_factor=spent / sound,
        bitrate=spec.bitrate,
    )


def _prompt(codec: Codec, path: Path) -> Tokens:
    """A recording as whole frames: a last one that is partly silence would be continued as silence."""
    audio = read(path, sample_rate=codec.spec.sample_rate)
    whole = int(audio.lengths[0]) // codec.spec.hop * codec.spec.hop
    if not whole:
        wanted = codec.spec.hop / codec.spec.sample_rate
        raise ParameterError(f"{path} holds {audio.seconds:.3f} s, a prompt needs {wanted:.3f} s; give a longer one")
    return codec.encode(Audio.single(audio.samples[0, :whole], audio.sample_rate))


def _write(codec: Codec, codes: Int64[Tensor, "batch codebook frame"], to: Path, *, samples: int) -> tuple[str, ...]:
    many = len(codes) > 1
    paths = [to.with_name(f"{to.stem}-{i}{to.suffix}") if many else to for i in range(1, len(codes) + 1)]
    for row, path in zip(codes, paths, strict=True):
        write_decoded(codec, row.split(_BLOCK, dim=1), path, samples=samples)
    return tuple(str(path) for path in paths)

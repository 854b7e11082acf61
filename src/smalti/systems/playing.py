"""Play by the name of a run: its sound is heard while it is made, and its knobs are live."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from smalti.core import Codec, MaskedLM, ParameterError, QuickCodec, SpecError, TokenLM, TokenSpec
from smalti.features import FrameLM, MelSettings, QuickVocoder, Vocoder
from smalti.generate import Knobs, Sampling, block_frames, course, parse_setting, sound_stream, stream, stream_frames
from smalti.play import (
    Controls,
    FileOutput,
    NullDevice,
    Output,
    Panel,
    SoundCard,
    SoundQueue,
    StandardOutput,
    hearing_keys,
    listening,
)
from smalti.play import play as play_pieces
from smalti.systems.frame_sounds import vocoder_of
from smalti.systems.hearing import RunName, heard_as
from smalti.systems.registry import TOKENIZER, find_run, load_codec_of, load_generator
from smalti.transcode import decoder_stream

_KEYBOARD, _OUT = 0, 1  # file descriptors: stdin may be wrapped, and stdout is kept for results


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How a sound is heard while it is made.

    Attributes:
        ahead: milliseconds of sound that are kept ready, more where a piece of it takes long to make.
        glide: seconds that a knob takes to where it is turned.
        osc: port of UDP, or HOST:PORT, at which OSC is heard; None for none.
        keys: whether the terminal's keys turn knobs.
        quick: whether a codec that can waits for less before it sounds, and sounds a little different for it; None is
            wherever it is heard, which is not in a file.
    """

    ahead: float = 75.0
    glide: float = 0.0
    osc: str | None = None
    keys: bool = False
    quick: bool | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.ahead <= 60_000 and 0 <= self.glide <= 3600):
            raise ParameterError(f"found ahead {self.ahead:g} ms and glide {self.glide:g} s; choose 1…60000 and 0…3600")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A knob that was turned.

    Attributes:
        name: of the parameter, or `label`, `temperature`, `guidance`.
        value: that it was turned to.
        at: second of the sound that first obeys; None if it ended before.
        lag_ms: milliseconds from the turn until that second was given to be heard; None likewise.
    """

    name: str
    value: float | str
    at: float | None
    lag_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayReport:
    """How playing went.

    Attributes:
        to: where the sound went.
        audio_seconds: of sound.
        seconds: from the first step to the end, loading not counted.
        real_time_factor: seconds of work per second of sound; below 1 it keeps up.
        first_audio_ms: milliseconds until the first sample was given to be heard; None if none was.
        underruns: blocks that a device had to fill up with silence.
        changes: the last thousand.
        refused: how many asked for what cannot be.
        interrupted: whether Ctrl-C ended it.
    """

    to: str
    audio_seconds: float
    seconds: float
    real_time_factor: float | None
    first_audio_ms: float | None
    underruns: int
    changes: tuple[Change, ...]
    refused: int
    interrupted: bool


def play(
    run: RunName,
    *,
    to: str = "sound",
    label: str | None = None,
    settings: Sequence[str] = (),
    seconds: float | None = None,
    sampling: Sampling,
    seed: int = 0,
    live: Live = Live(),
) -> PlayReport:
    """Hear a language model while it makes sound; unless it is quick, the samples are those that `generate` writes.

    Args:
        run: a language model's run folder or shipped name, maybe with a vocoder for its codec or its frames.
        to: `sound` for the sound card, `-` for a WAV stream on standard output, `null` for a device that only keeps
            the time; or a file's name.
        label: class of sound at first; None asks for none.
        settings: parameters as people write them, such as `rate=0:2,10:16`.
        seconds: length; None plays on until it is stopped.
        sampling: how codes are chosen at first.
        seed: of the dice.
        live: how it is heard and steered.
    Raises:
        ParameterError: for what cannot be asked, a port that cannot be had, or a sound card that is not there.
        SpecError: if the model fills gaps, or its codec or vocoder is another.
        StoreError: if run or target cannot be used.
    """
    lm, decoder = _opened(run)
    spec = _clock(lm)
    frame_rate = spec.sample_rate / spec.hop
    written = [parse_setting(text) for text in settings]
    asked = course(lm.schema, label=label, settings=written, seconds=seconds, frame_rate=frame_rate)
    knobs = Knobs(lm.schema, asked, sampling=sampling, glide=live.glide * frame_rate)
    output = output_of(to)
    quick = live.quick or (live.quick is None and not isinstance(output, FileOutput))
    decoder = decoder.quick() if quick and isinstance(decoder, QuickCodec | QuickVocoder) else decoder
    pieces = sound_of(lm, decoder, knobs, seconds=seconds, seed=seed)
    sound = SoundQueue(
        ahead=round(live.ahead / 1000 * spec.sample_rate), heard=lambda taken: knobs.hear(taken / spec.hop)
    )
    controls = Controls(knobs, sound.stop)
    with ExitStack() as around:
        if live.osc is not None:
            around.enter_context(listening(live.osc, controls))
        if live.keys:
            panel = Panel(knobs, controls, lambda: _state(sound, spec.sample_rate))
            around.enter_context(hearing_keys(panel, _KEYBOARD))
        played = play_pieces(pieces, sound, output, sample_rate=spec.sample_rate)
    heard = played.samples / spec.sample_rate
    return PlayReport(
        to=to,
        audio_seconds=heard,
        seconds=played.seconds,
        real_time_factor=played.working / heard if heard else None,
        first_audio_ms=None if played.first_audio is None else 1000 * played.first_audio,
        underruns=played.underruns,
        changes=tuple(_changes(knobs, 1 / frame_rate)),
        refused=controls.refused,
        interrupted=played.interrupted,
    )


def sound_of(
    lm: TokenLM | FrameLM, decoder: Codec | Vocoder, knobs: Knobs, *, seconds: float | None, seed: int
) -> Iterator[Float[Tensor, " _"]]:
    """The sound that a model makes of what its knobs ask, piece by piece, as it is wanted.

    Args:
        lm: that continues.
        decoder: the codec of its tokens, or a vocoder of its frames.
        knobs: its own.
        seconds: length; None for no end.
        seed: of the dice.
    """
    spec = _clock(lm)
    frames = None if seconds is None else math.ceil(seconds * (spec.sample_rate / spec.hop) - 1e-6)
    samples = None if seconds is None else round(seconds * spec.sample_rate)
    last = None if frames is None else frames - 1
    if isinstance(lm, FrameLM):
        made = stream_frames(lm, knobs.condition_at, sampling=knobs.sampling, seeds=[seed], last=last)
    else:
        made = stream(lm, knobs.condition_at, sampling=knobs.sampling, seeds=[seed], last=last)
    heard = decoder.stream() if isinstance(decoder, Vocoder) else decoder_stream(decoder)
    return sound_stream(islice(made, frames), heard, block=block_frames(spec), samples=samples)


def output_of(to: str) -> Output:
    """Where the sound goes, by its name; see `play`.

    Raises:
        ParameterError: if the sound card cannot be used.
    """
    match to:
        case "sound":
            return SoundCard()
        case "null":
            return NullDevice()
        case "-":
            return StandardOutput(os.fdopen(_OUT, "wb", closefd=False))
        case _:
            return FileOutput(Path(to))


def _opened(run: RunName) -> tuple[TokenLM | FrameLM, Codec | Vocoder]:
    """A model that continues sounds, and what makes its tokens or frames audible."""
    folder, named = find_run(run), heard_as(run)
    lm = load_generator(folder)
    if isinstance(lm, FrameLM):
        return lm, vocoder_of(lm.picture, named)
    if isinstance(lm, MaskedLM):
        raise SpecError(f"{folder} fills gaps in a sound that is there, wanted a model that continues one")
    return lm, load_codec_of(named.of(folder / TOKENIZER), lm.spec)


def _clock(lm: TokenLM | FrameLM) -> TokenSpec | MelSettings:
    """What says the model's rate and the samples of its frames."""
    return lm.picture if isinstance(lm, FrameLM) else lm.spec


def _changes(knobs: Knobs, frame: float) -> Iterator[Change]:
    for turn in knobs.turns():
        at = None if turn.frame is None or turn.heard is None else turn.frame * frame
        lag = None if turn.heard is None else 1000 * (turn.heard - turn.at)
        yield Change(name=turn.name, value=turn.value, at=at, lag_ms=lag)


def _state(sound: SoundQueue, sample_rate: int) -> str:
    waiting = 1000 * sound.waiting / sample_rate
    return f"{sound.taken / sample_rate:.1f} s  ahead {waiting:.0f} ms  underruns {sound.underruns}"

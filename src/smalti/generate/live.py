"""Knobs that may be turned while the sound is made, and the sound itself, piece by piece.

A generating thread asks `Knobs.condition_at` for every frame; any other thread may turn them. What is written before
(`--label`, `--set`) holds until somebody turns the knob, and then no longer for that knob.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from smalti.core import Condition, DecoderStream, ParameterError, Schema, TokenSpec
from smalti.features import MelSettings, VocoderStream
from smalti.generate.morphs import parse_labels
from smalti.generate.sampling import Sampling
from smalti.generate.trajectories import COURSES, Setting, condition

_REMEMBERED = 1000  # changes
_BLOCK = 0.05  # seconds of codes that are decoded at once; a change need not wait longer


@dataclass(slots=True)
class Turn:
    """One change.

    Attributes:
        name: of a parameter, or `label`, `temperature`, `guidance`.
        value: in its own unit; the name of a label, empty for none.
        at: when, on the clock of `time.perf_counter`.
        frame: the first that was asked with it; None as long as none was.
        heard: when that frame was heard, on the same clock; None as long as it was not.
    """

    name: str
    value: float | str
    at: float
    frame: int | None = None
    heard: float | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    """What a knob shows: its value in its unit, None where nothing is asked."""

    name: str
    unit: str
    value: float | None


@dataclass(frozen=True, slots=True)
class _Move:
    """From one place of 0…1 to another, beginning at a frame that is known once it is asked for."""

    start: float
    target: float
    first: int | None = None

    def at(self, frame: int, glide: float) -> float:
        if self.first is None or math.isnan(self.start) or glide <= 0:
            return self.target
        return self.start + (self.target - self.start) * min(1.0, (frame - self.first + 1) / glide)


class Knobs:
    """What is asked of every frame, by what was written and by who turns what; safe to use from several threads."""

    def __init__(self, schema: Schema, course: Condition, *, sampling: Sampling, glide: float = 0.0) -> None:
        """Begin with what was written.

        Args:
            schema: what the model knows.
            course: one row, asked frame by frame; its last frame holds for all behind it.
            sampling: how codes are chosen at first.
            glide: frames that a knob takes to its new place, evenly in its own scale.
        """
        self.schema = schema
        self._course, self._sampling, self._glide = course, sampling, glide
        self._guided = sampling.guidance != 1
        self._chosen: int | None = None  # a label, or -1 for none; None is that of the course
        self._moves = dict[int, _Move]()
        self._turns = deque[Turn](maxlen=_REMEMBERED)
        self._last = 0
        self._lock = threading.Lock()

    @property
    def label(self) -> str | None:
        """The class of sound that is asked for now."""
        place = int(self._written(self._last).labels[0, 0]) if self._chosen is None else self._chosen
        return None if place < 0 else self.schema.labels[place]

    def condition_at(self, frame: int) -> Condition:
        """What is asked of this frame, for `smalti.generate.stream`: turns since the last call begin here."""
        with self._lock:
            self._last = frame
            for turn in takewhile(lambda turn: turn.frame is None, reversed(self._turns)):
                turn.frame = frame
            for index, move in self._moves.items():
                if move.first is None:
                    self._moves[index] = replace(move, first=frame)
            return self._asked(frame)

    def hear(self, frames: float) -> None:
        """Note that so many frames have been heard."""
        with self._lock:
            for turn in self._turns:
                if turn.heard is None and turn.frame is not None and turn.frame < frames:
                    turn.heard = time.perf_counter()

    def turns(self) -> list[Turn]:
        """What was changed, the first one first; the last thousand of them."""
        with self._lock:
            return list(self._turns)

    def sampling(self) -> Sampling:
        """How codes are chosen now."""
        return self._sampling

    def turn(self, name: str, value: float) -> None:
        """Move a parameter of the label to a value in its unit.

        Raises:
            ParameterError: if the label has none of that name (names the nearest) or the value is outside its range.
        """
        with self._lock:
            index = self.schema.parameter_index(name, self.label)
            self._move(index, self.schema.parameters[index].normalise(value))

    def nudge(self, name: str, share: float) -> None:
        """Move a parameter by a share of its range, in its own scale, as far as the range goes.

        Raises:
            ParameterError: if the label has none of that name.
        """
        with self._lock:
            index = self.schema.parameter_index(name, self.label)
            move = self._moves.get(index)
            place = move.target if move else self._place(index)
            self._move(index, min(1.0, max(0.0, (0.5 if math.isnan(place) else place) + share)))

    def choose(self, label: str) -> None:
        """Ask for another class of sound, empty for none; each keeps its own knobs.

        Raises:
            ParameterError: if it is unknown; names the nearest.
        """
        with self._lock:
            self._chosen = self.schema.label_index(label) if label else -1
            self._note("label", label)

    def heat(self, temperature: float) -> None:
        """Choose codes at another temperature.

        Raises:
            ParameterError: if it cannot be one.
        """
        with self._lock:
            self._sampling = replace(self._sampling, temperature=temperature)
            self._note("temperature", temperature)

    def guide(self, guidance: float) -> None:
        """Push harder or less towards what is asked.

        Raises:
            ParameterError: if it cannot be, or the sound began without guidance: the model that is told less must
                have heard it all.
        """
        with self._lock:
            if not self._guided:
                raise ParameterError("guidance is off; begin with any other than 1 (--guidance 1.5) to move it later")
            self._sampling = replace(self._sampling, guidance=guidance)
            self._note("guidance", guidance)

    def dials(self) -> list[Dial]:
        """The parameters of the label as they stand now."""
        with self._lock:
            places = [
                (self.schema.parameters[i], self._place(i)) for i in self.schema.parameters_of(self.label).values()
            ]
        return [Dial(p.name, p.unit, None if math.isnan(at) else p.denormalise(at)) for p, at in places]

    def _move(self, index: int, target: float) -> None:
        parameter = self.schema.parameters[index]
        self._moves[index] = _Move(self._place(index), target)
        self._note(parameter.name, parameter.denormalise(target))

    def _note(self, name: str, value: float | str) -> None:
        self._turns.append(Turn(name, value, time.perf_counter()))

    def _place(self, index: int) -> float:
        return float(self._asked(self._last).values[0, 0, index])

    def _written(self, frame: int) -> Condition:
        at = min(frame, self._course.labels.shape[1] - 1)
        return self._course.at(slice(at, at + 1))

    def _asked(self, frame: int) -> Condition:
        asked = self._written(frame)
        if self._chosen is None and not self._moves:
            return asked
        values = asked.values.clone()
        for index, move in self._moves.items():
            values[0, 0, index] = move.at(frame, self._glide)
        if self._chosen is None:
            return replace(asked, values=values)
        foreign = torch.ones(values.shape[2], dtype=torch.bool)
        foreign[list(self.schema.parameters_of(self.label).values())] = False
        return Condition(torch.full_like(asked.labels, self._chosen), values.masked_fill(foreign, math.nan))


def course(
    schema: Schema, *, label: str | None, settings: Sequence[Setting], seconds: float | None, frame_rate: float
) -> Condition:
    """What is asked at first: `condition` of a sound that may have no end, whose last frame holds.

    Args:
        seconds: length of the sound; None for one without end.
    Raises:
        ParameterError: as `condition`; or if a setting or the label moves over the whole of a sound without end.
    """
    if seconds is None:
        ends = [_end_of_label(label, schema)] if label is not None else []
        seconds = max([*ends, *(_end_of(setting) for setting in settings)], default=0.0) + 1 / frame_rate
    return condition(schema, label=label, settings=settings, seconds=seconds, frame_rate=frame_rate)


def _end_of(setting: Setting) -> float:
    """Seconds after which a setting stands still."""
    points = len(setting.values) if setting.course is None else len(COURSES[setting.course])
    if setting.seconds is None and points > 1:
        raise _endless(setting.name, "rate=0:2,10:16")
    return setting.seconds[-1] if setting.seconds else 0.0


def _end_of_label(label: str, schema: Schema) -> float:
    """Seconds after which the label is one."""
    short, long = (parse_labels(label, schema.labels, seconds=seconds) for seconds in (1.0, 2.0))
    if short != long or (short.seconds is None and len(short.points) > 1):
        raise _endless(label, "0:rain,10:wind")
    return short.seconds[-1] if short.seconds else 0.0


def _endless(what: str, remedy: str) -> ParameterError:
    return ParameterError(
        f"{what!r} moves over the whole sound, which has no end; give its length (--seconds) or say when ({remedy})"
    )


def block_frames(spec: TokenSpec | MelSettings) -> int:
    """Frames that are made audible at once wherever sound is generated, so that streamed equals written."""
    return max(1, round(_BLOCK * (spec.sample_rate / spec.hop)))


def sound_stream(
    frames: Iterator[Shaped[Tensor, "1 row"]],
    decoder: DecoderStream | VocoderStream,
    *,
    block: int,
    samples: int | None,
) -> Iterator[Float[Tensor, " sample"]]:
    """Sound of frames as they come; pieces may be empty while the decoder waits for its context.

    Args:
        frames: of codes, or of a log-mel picture.
        decoder: of the codec that they belong to, or a vocoder's.
        block: frames that it is given at once.
        samples: after which the sound ends, however many frames come; None for all frames.
    """
    left = math.inf if samples is None else samples
    while left > 0 and (codes := list(islice(frames, block))):
        piece = decoder.push(torch.cat(codes).T)
        piece = piece[: int(min(left, len(piece)))]
        left -= len(piece)
        yield piece
    rest = decoder.flush() if left > 0 else torch.zeros(0)
    yield rest[: int(min(left, len(rest)))]

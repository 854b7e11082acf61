"""The sound card, behind a fake of its library."""

import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from smalti.core import ParameterError
from smalti.play import SoundCard, SoundQueue, play


class PortAudioError(Exception):
    """As in sounddevice."""


class CallbackStop(Exception):
    """As in sounddevice."""


class OutputStream:
    """A card that asks for three samples at a time, on a thread of its own."""

    heard: list[np.ndarray]
    asked: dict[str, Any]

    def __init__(self, *, callback: Any, finished_callback: Any, **asked: Any) -> None:
        if asked["samplerate"] > 50_000:
            raise PortAudioError("Invalid sample rate")
        type(self).heard, type(self).asked = [], asked
        self._callback, self._finished = callback, finished_callback

    def __enter__(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        pass

    def _run(self) -> None:
        try:
            while True:
                out = np.full((3, 1), np.nan, np.float32)
                try:
                    self._callback(out, 3, None, None)
                finally:
                    self.heard.append(out[:, 0])
        except CallbackStop:
            self._finished()


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> type[OutputStream]:
    fake = ModuleType("sounddevice")
    fake.__spec__ = sys.__spec__
    fake.__dict__.update(OutputStream=OutputStream, PortAudioError=PortAudioError, CallbackStop=CallbackStop)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return OutputStream


def _pieces() -> Iterator[torch.Tensor]:
    yield torch.arange(1, 5).float()
    yield torch.arange(5, 9).float()


def test_a_card_hears_every_sample_once(card: type[OutputStream]) -> None:
    sound = SoundQueue(ahead=8)
    played = play(_pieces(), sound, SoundCard(), sample_rate=8000)
    heard = np.concatenate(card.heard)
    assert np.array_equal(heard[heard != 0], np.arange(1, 9)) and not np.isnan(heard).any()
    assert played.samples == 8
    assert card.asked == {"samplerate": 8000, "channels": 1, "dtype": "float32"}


def test_a_card_that_cannot_be_opened_is_named(card: type[OutputStream]) -> None:
    with pytest.raises(ParameterError, match=r"no sound card.*96000 Hz.*Invalid sample rate.*--to"):
        play(_pieces(), SoundQueue(ahead=8), SoundCard(), sample_rate=96_000)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smalti.core.extras.find_spec", lambda name: None)
    with pytest.raises(ParameterError, match=r"sounddevice.*pip install 'smalti\[play\]'"):
        SoundCard()


def test_without_portaudio_it_is_named(card: type[OutputStream], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ModuleType:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ParameterError, match=r"PortAudio.*libportaudio2"):
        SoundCard()

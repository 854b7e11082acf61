"""The sound card, through PortAudio, which only comes along when somebody wants to hear something."""

import importlib
import threading
from typing import Any

from smalti.core import ParameterError, need
from smalti.play.queue import SoundQueue

_POLL = 0.1  # seconds; between two looks at whether anybody wants to stop


class SoundCard:
    """The default output of this machine.

    Raises:
        ParameterError: if the library `sounddevice`, PortAudio or a card is missing; says what to do.
    """

    def __init__(self) -> None:
        need("sounddevice", extra="play", what="sounds on a sound card")
        try:
            self._device: Any = importlib.import_module("sounddevice")
        except OSError as error:
            raise ParameterError(
                f"sounddevice finds no PortAudio ({error}); install it (apt install libportaudio2), "
                "or write to a file (--to out.wav) or a player (--to - | aplay)"
            ) from error

    def play(self, sound: SoundQueue, sample_rate: int) -> None:
        """Let the card ask for what it wants, when it wants it.

        Raises:
            ParameterError: if there is no card, or none that can be opened at this rate.
        """
        done = threading.Event()

        def give(out: Any, count: int, clock: Any, status: Any) -> None:
            out[:, 0] = sound.take(count)
            if sound.over:
                raise self._device.CallbackStop

        sound.wait_for_start()
        try:
            stream = self._device.OutputStream(
                samplerate=sample_rate, channels=1, dtype="float32", callback=give, finished_callback=done.set
            )
        except self._device.PortAudioError as error:
            raise ParameterError(
                f"no sound card can be opened at {sample_rate} Hz ({error}); "
                "write to a file (--to out.wav) or a player (--to - | aplay)"
            ) from error
        with stream:
            while not done.wait(_POLL):
                pass

"""Floor 3, play: sound is heard while it is made, and whoever listens turns its knobs."""

from smalti.play.keys import Panel, can_hear_keys, hearing_keys
from smalti.play.osc import Message, read_packet
from smalti.play.outputs import FileOutput, NullDevice, Output, StandardOutput
from smalti.play.player import Played, play
from smalti.play.queue import SoundQueue
from smalti.play.remote import Controls, listening
from smalti.play.sound_card import SoundCard

__all__ = [
    "Controls",
    "FileOutput",
    "Message",
    "NullDevice",
    "Output",
    "Panel",
    "Played",
    "SoundCard",
    "SoundQueue",
    "StandardOutput",
    "can_hear_keys",
    "hearing_keys",
    "listening",
    "play",
    "read_packet",
]

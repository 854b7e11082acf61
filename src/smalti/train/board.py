"""TensorBoard's event file, written as it happens. SummaryWriter writes in a thread, where a full disk goes unheard."""

import time
from pathlib import Path
from typing import Any

from jaxtyping import Float
from tensorboard.compat.proto import event_pb2
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Tensor
from torch.utils.tensorboard import summary

from smalti.core import Audio

_proto: Any = event_pb2  # protocol buffers make their classes at run time


class Board:
    """One event file of a run; TensorBoard shows all of a folder as one."""

    def __init__(self, folder: Path, *, after: int) -> None:
        """Begin a new file; what others in the folder say of later steps is not shown any more."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"events.out.tfevents.{time.time_ns()}").open("xb", buffering=0)
        self._records = RecordWriter(self._file)
        self._write(0, file_version="brain.Event:2")
        self._write(after + 1, session_log=_proto.SessionLog(status=_proto.SessionLog.START))

    def scalar(self, name: str, value: float, step: int) -> None:
        """Add a point to a curve."""
        self._write(step, summary=summary.scalar(name, value))

    def image(self, name: str, image: Float[Tensor, "row column"], step: int) -> None:
        """Add a grey picture, 0…1, its first row on top."""
        self._write(step, summary=summary.image(name, image, dataformats="HW"))

    def audio(self, name: str, audio: Audio, step: int) -> None:
        """Add one item to listen to."""
        samples = audio.samples.detach().cpu().clamp(-1, 1)  # louder ones would be reported on standard output
        self._write(step, summary=summary.audio(name, samples, sample_rate=audio.sample_rate))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, step: int, **what: Any) -> None:
        self._records.write(_proto.Event(wall_time=time.time(), step=step, **what).SerializeToString())

"""TensorBoard's event file, written as it happens. SummaryWriter writes in a thread, where a full disk goes unheard."""

import time
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Tensor
from torch.utils.tensorboard import summary

from smalti.core import Audio

_proto: Any = event_pb2  # protocol buffers make their classes at run time
_summary: Any = summary_pb2
_MOST_BINS = 256


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

    def counts(self, name: str, counts: Int64[Tensor, " kind"], step: int) -> None:
        """Add a histogram of how often kinds 0, 1, 2 … occurred; kinds share bins where there are many."""
        limits, heights = _bins(counts.detach().cpu().double())
        kinds = torch.arange(len(counts)).double()
        total = counts.detach().cpu().double()
        histogram = _summary.HistogramProto(
            min=0.0,
            max=float(max(len(counts) - 1, 0)),
            num=float(total.sum()),
            sum=float((kinds * total).sum()),
            sum_squares=float((kinds.square() * total).sum()),
            bucket_limit=limits,
            bucket=heights,
        )
        value = _summary.Summary.Value(tag=name, histo=histogram)
        self._write(step, summary=_summary.Summary(value=[value]))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, step: int, **what: Any) -> None:
        self._records.write(_proto.Event(wall_time=time.time(), step=step, **what).SerializeToString())


def _bins(counts: Float[Tensor, " kind"]) -> tuple[list[float], list[float]]:
    """Upper ends and heights of at most 256 bins of equally many kinds, kind k lying at k."""
    wide = -(-len(counts) // _MOST_BINS) or 1
    heights = [float(part.sum()) for part in counts.split(wide)]
    return [wide * (i + 1) - 0.5 for i in range(len(heights))], heights

"""How well a tokenizer finds while it learns: what a run keeps its best weights by."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from smalti.core import DataError
from smalti.evaluate import RetrievalScores, evaluate_ranking
from smalti.losses import collapsed, pair_log_likelihoods
from smalti.systems.wav2tok.net import Heard

_TOGETHER = 8  # rows whose likelihoods of all strings are computed at once


def find_each_other(
    heard: Sequence[Heard], labels: Sequence[str], speakers: Sequence[str] | None
) -> RetrievalScores | None:
    """Scores of finding each recording's label among the others; None if nothing is to be found.

    How near two recordings are is how likely the string of each is under the frames of the other, in nats per frame.

    Args:
        heard: each recording alone.
        labels: of each.
        speakers: of each; then those of its own speaker are not to be found, unless that leaves nothing.
    """
    if not heard:
        return None
    distances = -_likeness(heard)
    names = np.array(labels)
    relevant = names[:, None] == names
    others = ~np.eye(len(names), dtype=bool)
    apart = others if speakers is None else np.array(speakers)[:, None] != np.array(speakers)
    for allowed in (apart, others):
        try:
            return evaluate_ranking(lambda row: distances[row], relevant, allowed)
        except DataError:
            continue
    return None


def _likeness(heard: Sequence[Heard]) -> np.ndarray:
    logs, frames = _padded([one.log_probabilities[0] for one in heard])
    strings, tokens = collapsed(logs.argmax(dim=2), frames)
    parts = [
        pair_log_likelihoods(logs[i : i + _TOGETHER], frames[i : i + _TOGETHER], strings, tokens)
        for i in range(0, len(logs), _TOGETHER)
    ]
    found = torch.cat(parts) / frames[:, None]
    return (found + found.T).double().numpy()


def _padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), lengths

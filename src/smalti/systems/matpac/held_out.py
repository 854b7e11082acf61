"""What recordings kept out of training say of an encoder: its losses there, and whose neighbours they are."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.config import mix
from smalti.data.batches import step_generator
from smalti.features import SILENCE
from smalti.systems.matpac.clips import Crops, LogMelClips
from smalti.systems.matpac.hearing import in_chunks
from smalti.systems.matpac.masking import shuffled
from smalti.systems.matpac.net import EncoderNet
from smalti.systems.matpac.pretraining import TrainConfig

_HIDE = 4


def held_out_crops(clips: LogMelClips, train: TrainConfig) -> Crops | None:
    """The beginnings of some recordings kept out of training, evenly chosen; None if there are none."""
    chosen = _evenly(clips.held_out, train.held_out)
    if not chosen:
        return None
    generators = [step_generator(mix(train.seed, _HIDE), clip) for clip in chosen]
    orders = [shuffled(clips.tokens, generator) for generator in generators]
    return Crops(torch.stack([clips.beginning(clip) for clip in chosen]), torch.stack(orders))


def _evenly(clips: Sequence[int], most: int) -> list[int]:
    count = min(len(clips), most)
    return [clips[round(i * (len(clips) - 1) / max(count - 1, 1))] for i in range(count)]


@torch.no_grad()
def neighbour_accuracy(net: EncoderNet, clips: LogMelClips, train: TrainConfig) -> dict[str, float]:
    """Of each set the share of recordings kept out of training whose nearest neighbours in it have their label.

    No label is learnt from. Nothing is said of sets in which nothing labelled is kept out, or nothing is left.
    """
    named: defaultdict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for clip, trains in enumerate(clips.recordings.trains):
        if clips.labels[clip] and clips.recordings.samples[clip]:
            named[clips.sets[clip]][not trains].append(clip)
    found: dict[str, float] = {}
    for name, sides in sorted(named.items()):
        known, asked = (_evenly(side, train.neighbours) for side in sides)
        if not known or not asked:
            continue
        score = _accuracy(net, clips, known, asked)
        found[f"knn_accuracy/{name}" if name else "knn_accuracy"] = score
    return found


def pooled(net: EncoderNet, pictures: Sequence[Float[Tensor, "band _"]]) -> Float[Tensor, "picture dim"]:
    """Mean and standard deviation over time of the last layer."""
    patch = net.config.encoder.patch[1]
    whole = [pad(net.normalise(each[None])[0], -each.shape[1] % patch, net) for each in pictures]
    (heard,) = in_chunks(net, whole, lambda chunks: [net.by_time(net.encode(net.tokens(chunks))).float()])
    return torch.stack([torch.cat([rows.mean(0), rows.std(0, correction=0)]) for rows in heard])


def pad(picture: Tensor, frames: int, net: EncoderNet) -> Tensor:
    silence = float(net.normalise(torch.full((1, 1, 1), SILENCE)))
    return torch.nn.functional.pad(picture, (0, frames), value=silence)


def _accuracy(net: EncoderNet, clips: LogMelClips, known: Sequence[int], asked: Sequence[int]) -> float:
    points, questions = (pooled(net, [clips.whole(clip) for clip in side]) for side in (known, asked))
    mean, deviation = points.mean(0), points.std(0, correction=0).clamp(min=1e-6)
    points, questions = (torch.nn.functional.normalize((rows - mean) / deviation, dim=1) for rows in (points, questions))
    names = sorted({str(clips.labels[clip]) for clip in known})
    classes = torch.tensor([names.index(str(clips.labels[clip])) for clip in known])
    near, rows = (questions @ points.mT).topk(min(10, len(known)), dim=1)
    votes = torch.zeros(len(asked), len(names)).scatter_add_(1, classes[rows], near.clamp(min=0))
    guessed = votes.argmax(1).tolist()
    return sum(names[guess] == clips.labels[clip] for guess, clip in zip(guessed, asked)) / len(asked)

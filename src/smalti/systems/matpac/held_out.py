"""What recordings kept out of training say of an encoder: its losses there, and whose neighbours they are."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.config import mix
from smalti.data.batches import step_generator
from smalti.data.waveforms import evenly
from smalti.evaluate.neighbours import neighbour_accuracy
from smalti.systems.matpac.clips import Crops, LogMelClips
from smalti.systems.matpac.hearing import in_chunks
from smalti.systems.matpac.masking import shuffled
from smalti.systems.matpac.net import EncoderNet
from smalti.systems.matpac.pretraining import TrainConfig

_HIDE = 4
_NEIGHBOURS = 10


def held_out_crops(clips: LogMelClips, train: TrainConfig) -> Crops | None:
    """The beginnings of some recordings kept out of training, always the same ones; None if there are none."""
    chosen = evenly(clips.held_out, train.held_out)
    if not chosen:
        return None
    orders = [shuffled(clips.tokens, step_generator(mix(train.seed, _HIDE), clip)) for clip in chosen]
    return Crops(torch.stack([clips.beginning(clip) for clip in chosen]), torch.stack(orders))


@torch.no_grad()
def online_accuracy(net: EncoderNet, clips: LogMelClips, train: TrainConfig) -> dict[str, float]:
    """Of each set the share of recordings kept out of training whose ten nearest neighbours in it have their label.

    No label is learnt from. Nothing is said of sets in which nothing labelled is kept out, or nothing is left.
    """
    sides: defaultdict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for clip, trains in enumerate(clips.trains):
        if clips.labels[clip] and clips.frames[clip]:
            sides[clips.sets[clip]][not trains].append(clip)
    found: dict[str, float] = {}
    for name, (known, asked) in sorted(sides.items()):
        if known and asked and train.neighbours:
            score = _accuracy(net, clips, evenly(known, train.neighbours), evenly(asked, train.neighbours))
            found[f"knn_accuracy/{name}" if name else "knn_accuracy"] = score
    return found


def pooled(net: EncoderNet, log_mels: Sequence[Float[Tensor, "band _"]]) -> Float[Tensor, "picture dim"]:
    """Mean and standard deviation over time of the last layer."""
    pictures = [net.normalise(each[None].to(net.statistics.device))[0] for each in log_mels]
    (heard,) = in_chunks(net, pictures, lambda chunks: [net.by_time(net.encode(net.tokens(chunks))).float()])
    return torch.stack([torch.cat([rows.mean(0), rows.std(0, correction=0)]) for rows in heard]).cpu()


def _accuracy(net: EncoderNet, clips: LogMelClips, known: Sequence[int], asked: Sequence[int]) -> float:
    names = sorted({str(clips.labels[clip]) for clip in (*known, *asked)})
    classes = [torch.tensor([names.index(str(clips.labels[clip])) for clip in side]) for side in (known, asked)]
    vectors = [pooled(net, [clips.whole(clip) for clip in side]) for side in (known, asked)]
    near = neighbour_accuracy(vectors[0], classes[0], vectors[1], classes[1], neighbours=(_NEIGHBOURS,))
    return near[_NEIGHBOURS]

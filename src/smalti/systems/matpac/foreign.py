"""Published weights of MATPAC and M2D by the names and shapes of their tensors; a path never means anything.

Known: encoders alone (`student_encoder.blocks.N.*`, `patch_embed.*`, `cls_token`, `pos_embed`), with a head for
AudioSet (`head_norm.*`, `head.*`), whole files of a training (the same below `model`, with a teacher, a predictor,
heads), and M2D's, whose blocks have no prefix. A classifier of a task (`probe.*`) comes in a file of its own. Positions
are generated, as a patch's depends on its place alone; `pos_embed` says how many frames were heard together.

A tensor that the encoder needs and that is missing is an error, and so is one that neither the encoder needs nor the
list here says to leave out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.core import StoreError
from smalti.store import fill, refuse_non_finite
from smalti.systems.matpac.config import EncoderConfig, HeadConfig, ModelConfig, Task
from smalti.systems.matpac.net import EncoderNet

Tensors = Mapping[str, Tensor]

_KIND = "matpac"
_AUDIOSET = (-7.056, 4.193)
_BANDS, _HEAD_WIDTH = 80, 64  # of the picture, and of each head of attention in this family
_BESIDE = (
    "cfg",
    "args",
    "criterion",
    "optimizer",
    "optimizer_history",
    "last_optimizer_state",
    "lr_scheduler",
    "extra_state",
    "task_state",
)
"""What a training keeps beside its `model`."""
_LEFT_OUT = {
    "teacher": r"_ema/|target_blocks\.|target_norm\.",
    "teacher's prototypes": r"_cls_head_ema/",
    "predictor": r"decoder\.|decoder_|mask_token$",
    "hypotheses": r"mcl_heads\.",
    "prototypes": r"cls_student_head\.",
    "centre": r"cls_head_loss\.",
    "front end": r"log_mel\.",
    "counts": r"head_norm\.num_batches_tracked$",
}
_ENCODER = r"(?:student_encoder\.|encoder\.)?(blocks\.\d+\..*|norm\..*)"
_HEAD = {
    "head_norm.running_mean": "head.mean",
    "head_norm.running_var": "head.variance",
    "head.weight": "head.linear.weight",
    "head.bias": "head.linear.bias",
}


@dataclass(frozen=True, slots=True)
class ForeignEncoder:
    """What was found.

    Attributes:
        net: with its weights.
        left_out: kinds of tensors that an encoder does not need.
    """

    net: EncoderNet
    left_out: tuple[str, ...]


def adopt_matpac(
    tensors: Tensors, *, probe: Tensors | None = None, task: Task | None = None, labels: Sequence[str] = ()
) -> ForeignEncoder:
    """An encoder from foreign tensors, once all of them fit.

    Args:
        tensors: as `smalti.store.read_foreign_weights` gives them.
        probe: those of a classifier, in place of a head among `tensors`.
        task: what the classifier decides; an AudioSet head is "multi-label" and needs none.
        labels: of the classes, in the order of the classifier's rows; by default their numbers.
    Raises:
        StoreError: if a tensor is missing, unknown, of another shape or not finite, or the task is not told.
    """
    given, left_out = _sorted_out(_of_model(tensors))
    if probe is not None:
        given = {name: tensor for name, tensor in given.items() if not name.startswith("head.")} | _probe(probe)
    refuse_non_finite(given)
    statistics = given.pop("norm_stats", torch.tensor(_AUDIOSET)).flatten()
    frames = _need(given, "pos_embed").shape[1] - 1
    encoder = _sizes(given, frames)
    del given["pos_embed"]
    net = _empty(ModelConfig(encoder=encoder, head=_head(given, task, labels), tail="zeros"))
    given["statistics"] = statistics
    fill(net, given, _KIND)
    return ForeignEncoder(net.eval(), left_out)


def _of_model(tensors: Tensors) -> dict[str, Tensor]:
    """The tensors of the model, if the file is a whole training's."""
    if not any(name.startswith("model/") for name in tensors):
        return dict(tensors)
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        above, _, below = name.partition("/")
        if above == "model":
            found[below] = tensor
        elif above not in _BESIDE:
            raise StoreError(f"this is no {_KIND}: {name} beside its model is unknown; name its format")
    return found


def _sorted_out(tensors: Tensors) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors by our names, and what is left out. Unknown names stay as they are: they are refused later."""
    found: dict[str, Tensor] = {}
    left_out: dict[str, None] = {}
    for name, tensor in tensors.items():
        if kind := next((kind for kind, pattern in _LEFT_OUT.items() if re.match(pattern, name)), None):
            left_out[kind] = None
        elif block := re.fullmatch(_ENCODER, name):
            found[f"encoder.{block[1]}"] = tensor
        else:
            found[_HEAD.get(name, name)] = tensor
    return found, tuple(left_out)


def _probe(tensors: Tensors) -> dict[str, Tensor]:
    names = {"probe.weight": "head.linear.weight", "probe.bias": "head.linear.bias"}
    for name in names:
        if name not in tensors:
            raise StoreError(f"this is no classifier of {_KIND}: {name} is missing; name a file of probe.*")
    if unknown := sorted(set(tensors) - set(names)):
        raise StoreError(f"this is no classifier of {_KIND}: {unknown[0]} is unknown; name a file of probe.* alone")
    return {ours: tensors[theirs] for theirs, ours in names.items()}


def _sizes(tensors: Tensors, places: int) -> EncoderConfig:
    patches, hidden = _need(tensors, "patch_embed.proj.weight"), _need(tensors, "encoder.blocks.0.mlp.fc1.weight")
    layers = {int(found[1]) for name in tensors if (found := re.match(r"encoder\.blocks\.(\d+)\.", name))}
    if patches.dim() != 4 or patches.shape[0] % _HEAD_WIDTH or _BANDS % patches.shape[2]:
        found = list(patches.shape)
        raise StoreError(
            f"patch_embed.proj.weight of this {_KIND} has the shape {found}, wanted [width, 1, bands, frames] with a "
            f"width of heads of {_HEAD_WIDTH} and bands that divide {_BANDS}; get the file again"
        )
    width, _, bands, frames = patches.shape
    rows = _BANDS // bands
    if places < rows or places % rows:
        raise StoreError(f"pos_embed of this {_KIND} has {places} places of patches, wanted whole rows of {rows}")
    return EncoderConfig(
        patch=(bands, frames),
        chunk=places // rows * frames,
        width=width,
        layers=max(layers) + 1,
        heads=width // _HEAD_WIDTH,
        mlp_ratio=hidden.shape[0] // width,
    )


def _head(tensors: Tensors, task: Task | None, labels: Sequence[str]) -> HeadConfig | None:
    weight = tensors.get("head.linear.weight")
    if weight is None:
        if task is not None or labels:
            raise StoreError("found a task or labels and no classifier; add the file that holds it (--head), or none")
        return None
    if labels and len(labels) != len(weight):
        raise StoreError(f"found {len(labels)} labels for {len(weight)} classes; give one for each, in their order")
    names = tuple(labels) or tuple(str(place) for place in range(len(weight)))
    if "head.mean" in tensors:
        return HeadConfig(hears="patches", task=task or "multi-label", labels=names)
    if task is None:
        raise StoreError("found a classifier, wanted what it decides as well; say --task multi-label or multi-class")
    return HeadConfig(hears="steps", task=task, labels=names)


def _need(tensors: Tensors, name: str) -> Tensor:
    if name not in tensors:
        raise StoreError(f"this is no whole {_KIND}: {name} is missing; get the file again")
    return tensors[name]


def _empty(config: ModelConfig) -> EncoderNet:
    with torch.device("meta"):
        return EncoderNet(config)

"""Two stages: the second begins with both ends of the first, or of a codec that was imported, and holds the front.

Source: Yang et al. 2025 (ALMTokenizer, arXiv:2504.10344), two-stage training.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.config import load_settings
from smalti.core import SpecError
from smalti.store import Weights, load_weights
from smalti.store.checksums import sha256
from smalti.systems.almtokenizer.config import ALMTokenizerConfig, ModelConfig
from smalti.systems.almtokenizer.learning import BESIDE
from smalti.systems.almtokenizer.net import QueryNet
from smalti.systems.almtokenizer.seanet import SeanetBack, SeanetFront, levelled
from smalti.train import RunFolder

PART = "ends"
_NAMES = ("front.", "back.")


def is_end(name: str) -> bool:
    """Whether a tensor of the codec's net belongs to an end, and means the same whatever lies between the ends."""
    return name.startswith(_NAMES) and not name.startswith(BESIDE)


def ends_of(folder: Path, net: QueryNet) -> Weights:
    """Both ends of a finished run, by their names in a net that they fit, with words about where they came from.

    Raises:
        StoreError: if it is no run, not finished or damaged.
        SpecError: if it is another system, at another rate or of other sizes; names found and wanted.
    """
    run = RunFolder.open(folder)
    found: Any = tomllib.loads(run.config()).get("system")
    if found != "almtokenizer":
        raise SpecError(f"{folder} is a {found}, wanted an almtokenizer; name the run of its first stage")
    weights = load_weights(run.weights_path)
    sizes = _sizes(load_settings(ALMTokenizerConfig, run.config_path).model)
    tensors = {name: tensor for name, tensor in weights.tensors.items() if is_end(name)}
    pairs = {name: (sizes.get(name, "none"), size) for name, size in _sizes(net.config).items()}
    wanted = {name: tensor for name, tensor in net.state_dict().items() if is_end(name)}
    for name in sorted(wanted.keys() | tensors.keys()):
        pairs[name] = (_shape(tensors.get(name)), _shape(wanted.get(name)))
    wrong = [f"{name} found {one}, wanted {other}" for name, (one, other) in pairs.items() if one != other]
    if wrong:
        raise SpecError(f"the ends of {folder} are others: {'; '.join(wrong[:4])}; give both stages the same")
    return Weights(tensors, {"part": PART, "run": folder.resolve().name, "sha256": sha256(run.weights_path)})


@torch.no_grad()
def level_ends(net: QueryNet, sounds: Sequence[Float[Tensor, "batch _"]]) -> dict[str, Tensor]:
    """Ends that have learnt, with frames whose every number has a deviation of one over these sounds.

    Nothing tells a first stage how large its frames are to be; query nets and codes want to know. Ends without weights
    between sound and frames stay as they are: nothing is given for them.
    """
    front, back = net.front, net.back
    if not (isinstance(front, SeanetFront) and isinstance(back, SeanetBack)):
        return {}
    frames = torch.cat([front.forward(sound).flatten(0, 1) for sound in sounds])
    deviation = frames.std(dim=0, correction=0)
    return levelled(front, back, deviation.clamp(min=1e-3 * float(deviation.max())).clamp(min=1e-8))


def take_ends(net: QueryNet, part: Weights) -> None:
    """Begin with them; what the back hears of a decoder beside its guess begins at nothing."""
    fresh = {name: torch.zeros_like(tensor) for name, tensor in net.state_dict().items() if name.startswith(BESIDE)}
    net.load_state_dict({**net.state_dict(), **part.tensors, **fresh})


def _shape(tensor: Tensor | None) -> str:
    return "none" if tensor is None else "x".join(map(str, tensor.shape))


def _sizes(model: ModelConfig) -> dict[str, Any]:
    ends = model.ends.model_dump()
    return {"sample_rate": model.sample_rate, **{f"ends.{name}": size for name, size in ends.items()}}

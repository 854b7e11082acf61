"""Who else judges the codec's pictures than their distance: an adversary, and an ear that knows the labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.core import ParameterError, StoreError
from smalti.losses import adaptive_weight, hinge_discriminator, hinge_generator
from smalti.nn.patch_discriminator import LEAST_CELLS, PatchDiscriminator
from smalti.nn.picture_classifier import PictureClassifier
from smalti.store import load_weights
from smalti.systems.melvqvae.config import AdversaryConfig, PerceptualConfig
from smalti.train import Adversary, Engine, set_rate, update

_FROM_CHECKPOINT = "perceptual/"  # what a checkpoint's file of that name puts before the names of the tensors


class PictureAdversary:
    """A patch discriminator that speaks from a step of the codec on, no louder than the reconstruction.

    One forward pass of the codec serves both: `pull` before its update, `learn` behind it.
    """

    def __init__(self, config: AdversaryConfig, *, engine: Engine, cells: tuple[int, int]) -> None:
        """Build the judge.

        Args:
            config: of the judge.
            engine: where to compute.
            cells: bands and frames of the pictures to come.
        Raises:
            ParameterError: if the pictures are too small for it, or it is told other channels than it gets.
        """
        channels = 2 if config.disc_conditional else 1
        if config.disc_in_channels not in (0, channels):
            raise ParameterError(
                f"adversary.disc_in_channels is {config.disc_in_channels}, the judge is shown {channels}; "
                "set it to 0 or to that"
            )
        if min(cells) < LEAST_CELLS:
            raise ParameterError(
                f"crops are {cells[0]} bands × {cells[1]} frames, the adversary wants {LEAST_CELLS} of each; "
                "set a larger train.crop"
            )
        self._config = config
        judge = PatchDiscriminator(channels=channels, width=config.width)
        self.adversary = Adversary(judge, engine=engine, start=config.disc_start)

    def pull(
        self,
        step: int,
        *,
        made: Float[Tensor, "batch band frame"],
        real: Float[Tensor, "batch band frame"],
        reconstruction: Float[Tensor, ""],
        last_layer: Tensor,
    ) -> tuple[Tensor, dict[str, float]]:
        """What to add to the codec's loss, and its metrics; before `disc_start` nothing is computed for it.

        Args:
            step: of the codec.
            made: pictures of this step, with their graph.
            real: what they should be.
            reconstruction: the loss that the judge is weighed against.
            last_layer: weight of the codec's last layer.
        """
        config = self._config
        if not self.adversary.active(step):
            return reconstruction.new_zeros(()), {"disc_factor": 0.0}
        wanted = self._shown(real, real) if config.features else None
        found = self.adversary.losses(self._shown(made, real), wanted)
        heard = found.adversarial
        bounds = {"low": config.min_adapt_weight, "high": config.max_adapt_weight}
        weight = adaptive_weight(reconstruction, heard, last_layer, **bounds) * config.disc_weight
        told = {"disc_factor": 1.0, "d_weight": float(weight), "g_loss": float(heard.detach())}
        if config.features:
            told["features"] = float(found.features.detach())
        return weight * heard + config.features * found.features, told

    def learn(self, step: int, *, made: Tensor, real: Tensor, rate: float) -> Mapping[str, float]:
        """One update of the judge from the same pictures, if it takes part yet."""
        if not self.adversary.active(step):
            return {}
        found = self.adversary.learn(self._shown(made, real), self._shown(real, real), rate=rate)
        return {
            "disc_loss": found["discriminator"],
            "logits_real": found["logits_real"],
            "logits_fake": found["logits_made"],
        }

    def can_judge(self, picture: Float[Tensor, "band frame"]) -> bool:
        """Whether a picture is large enough."""
        return min(picture.shape) >= LEAST_CELLS

    @torch.no_grad()
    def opinion(
        self, made: Float[Tensor, "batch band frame"], real: Float[Tensor, "batch band frame"]
    ) -> Mapping[str, float]:
        """Losses and mean scores of pictures, to be looked at."""
        judge = self.adversary.discriminator.eval()
        good, bad = ([judge(self._shown(one, real))[0].score.float()] for one in (real, made))
        return {
            "g_loss": float(hinge_generator(bad)),
            "disc_loss": float(hinge_discriminator(good, bad)),
            "logits_real": float(good[0].mean()),
            "logits_fake": float(bad[0].mean()),
        }

    def _shown(self, pictures: Tensor, condition: Tensor) -> Tensor:
        parts = [pictures, condition] if self._config.disc_conditional else [pictures]
        return 2 * torch.stack(parts, dim=1) - 1


class PictureEar:
    """A small classifier whose layers compare pictures. It learns the labels first, then it is left as it is."""

    def __init__(self, config: PerceptualConfig, *, engine: Engine, labels: int, steps: int) -> None:
        """Build it, or open the user's.

        Args:
            config: of the ear.
            engine: where to compute.
            labels: how many the recordings have.
            steps: of the run.
        Raises:
            ParameterError: if it is to learn labels and there are not two.
            StoreError: if the user's weights cannot be read or do not fit.
        """
        self._engine, self._given = engine, config.kind == "file"
        self._from = 0 if self._given else round(config.learn_until * steps)
        tensors = _named(Path(config.weights)) if self._given else {}
        labels = len(tensors["head.bias"]) if "head.bias" in tensors else labels
        if labels < 2:
            raise ParameterError(f"found {labels} labels, the ear needs two to learn from; set perceptual=none")
        classifier = PictureClassifier(labels=labels, widths=config.widths)
        if self._given:
            _fill(classifier, tensors, config.weights)
        optimiser = torch.optim.AdamW(classifier.parameters(), lr=config.learning_rate)
        self.classifier = classifier
        self._trained, self.optimiser = engine.setup(classifier, optimiser)
        self._rate = config.learning_rate

    def distance(self, step: int, *, made: Tensor, real: Tensor) -> Tensor:
        """How unlike pictures are to it; 0 while it learns."""
        if step < self._from:
            return made.new_zeros(())
        self.classifier.requires_grad_(False)
        with self._engine.autocast():
            return self.classifier.distance(made, real).float()

    def learn(self, step: int, *, real: Tensor, labels: Int64[Tensor, " batch"]) -> Mapping[str, float]:
        """One update from pictures with a label (-1: none), while it learns."""
        known = labels >= 0
        if step >= self._from or not bool(known.any()):
            return {}
        set_rate(self.optimiser, self._rate)
        self._trained.train()
        loss = nn.functional.cross_entropy(self._trained(real[known]).float(), labels[known])
        update(loss, parameters=self.classifier.parameters(), optimiser=self.optimiser, engine=self._engine, clip=1.0)
        return {"ear_loss": float(loss.detach())}

    def state_dict(self) -> Mapping[str, Any]:
        """Its weights."""
        return self.classifier.state_dict()


def _named(path: Path) -> dict[str, Tensor]:
    tensors = load_weights(path).tensors
    return {name.removeprefix(_FROM_CHECKPOINT): value for name, value in tensors.items()}


def _fill(classifier: PictureClassifier, tensors: Mapping[str, Tensor], path: str) -> None:
    try:
        classifier.load_state_dict(dict(tensors))
    except RuntimeError:
        raise StoreError(
            f"{path} holds other layers than perceptual.widths says; name a checkpoint's perceptual.safetensors"
        ) from None

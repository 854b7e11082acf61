"""What is asked of a model must not be random: dropout belongs to training."""

from torch import nn

from smalti.core import ParameterError


def refuse_training(model: nn.Module) -> None:
    """Refuse a model whose dropout would make what it says random.

    Raises:
        ParameterError: if it is in training mode.
    """
    if model.training:
        raise ParameterError("the model is in training mode, wanted evaluation; call .eval() first")

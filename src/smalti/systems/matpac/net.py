"""From a log-mel picture to patches that know where they lie, and through the transformer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.nn.steady import SteadyLinear, steady
from smalti.nn.vision_transformer import VisionSettings, VisionTransformer
from smalti.systems.matpac.config import ModelConfig
from smalti.systems.matpac.head import TagHead
from smalti.systems.matpac.positions import positions


class EncoderNet(nn.Module):
    """Patches of a picture to vectors. Which of them are given to the transformer is the caller's choice.

    Attributes:
        config: of the model.
        statistics: mean and standard deviation of the log-mels that it was trained on.
        encoder: the blocks and the norm behind them.
        head: what says which classes are heard, if it has learnt any.
    """

    statistics: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config, sizes = config, config.encoder
        self.register_buffer("statistics", torch.tensor([0.0, 1.0]))
        self.patch_embed = _Patches(config)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, sizes.width)) if sizes.class_token else None
        self.encoder = VisionTransformer(
            VisionSettings(width=sizes.width, layers=sizes.layers, heads=sizes.heads, mlp_ratio=sizes.mlp_ratio)
        )
        self.head = TagHead(config) if config.head else None

    def halve(self) -> None:
        """Keep the weights of linear maps in bf16 and hear every recording alike in any company; for hearing only."""
        self.patch_embed.halve()
        steady(self.encoder)

    def normalise(self, log_mel: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch band frame"]:
        """A picture in the numbers that the net reads."""
        mean, deviation = self.statistics
        return (log_mel - mean) / deviation

    def tokens(self, picture: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch token dim"]:
        """Every patch with its position, frequency slow and time fast: token f · T + t.

        Args:
            picture: normalised, whole patches of frames.
        """
        rows = self.patch_embed(picture).float()  # the residual path stays exact under autocast
        places = positions(rows=self.config.rows, columns=rows.shape[1] // self.config.rows, width=rows.shape[2])
        return rows + places.to(rows.device)

    def with_class(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch row dim"]:
        """The class token, which has no position, before the others; nothing if the model has none."""
        if self.cls_token is None:
            return tokens
        return torch.cat([self.cls_token.to(tokens).expand(len(tokens), -1, -1), tokens], dim=1)

    def without_class(self, rows: Float[Tensor, "batch row dim"]) -> Float[Tensor, "batch token dim"]:
        """The patches' rows alone."""
        return rows if self.cls_token is None else rows[:, 1:]

    def encode(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        """The last layer of these tokens, all or some, which see one another and the class token."""
        return self.without_class(self.encoder(self.with_class(tokens)))

    def states(
        self, tokens: Float[Tensor, "batch token dim"], *, most: int | None = None
    ) -> list[Float[Tensor, "batch token dim"]]:
        """Every layer, or the first `most`, the first one first; the last of all is what `encode` gives."""
        return [self.without_class(rows) for rows in self.encoder.states(self.with_class(tokens), most=most)]

    def by_time(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch column wide"]:
        """All patches of a time step side by side, the lowest frequencies first."""
        return tokens.unflatten(1, (self.config.rows, -1)).transpose(1, 2).flatten(2)


class _Patches(nn.Module):
    """A linear map of every patch, kept as the convolution that published weights call `proj`."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.patch, width = config.encoder.patch, config.encoder.width
        self.proj = nn.Conv2d(1, width, self.patch, stride=self.patch)
        nn.init.xavier_uniform_(self.proj.weight.view(width, -1))
        nn.init.constant_(self.get_parameter("proj.bias"), 0)
        self.steady: SteadyLinear | None = None

    def halve(self) -> None:
        self.steady = SteadyLinear(self.proj.weight.flatten(1), self.proj.bias)

    def forward(self, picture: Tensor) -> Tensor:
        bands, frames = self.patch
        cut = picture.unflatten(2, (-1, frames)).unflatten(1, (-1, bands)).permute(0, 1, 3, 2, 4)
        rows = cut.flatten(3).flatten(1, 2)
        if self.steady is not None:
            return self.steady(rows)
        # a matrix product of cut patches gives what the convolution gives and is faster on a CPU
        return nn.functional.linear(rows, self.proj.weight.flatten(1), self.proj.bias)

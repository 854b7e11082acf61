"""Any encoder under the names that HEAR's evaluation asks for (and X-ARES and EVAR after it).

    heareval embeddings smalti.systems.hear --model RUN

Source: HEAR 2021, the common interface: `load_model`, `get_scene_embeddings`, `get_timestamp_embeddings`.
"""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import Audio, Embedding, Encoder
from smalti.evaluate.pooling import OwnPool, pooled
from smalti.systems.registry import load_encoder


class HearModel(nn.Module):
    """An encoder as HEAR wants it.

    Attributes:
        sample_rate: Hz, of the sound that it is given.
        scene_embedding_size: numbers of a recording.
        timestamp_embedding_size: numbers of a frame.
    """

    def __init__(self, encoder: Encoder, *, pool: OwnPool = "mean+std") -> None:
        super().__init__()
        self.encoder = encoder
        self.pool: OwnPool = pool
        self._net = getattr(encoder, "net", None)  # where there is one, `to(device)` shall move it
        self.sample_rate = encoder.sample_rate
        self.timestamp_embedding_size = encoder.dim
        self.scene_embedding_size = len(pooled(torch.zeros(1, encoder.dim), pool))

    def forward(self, audio: Float[Tensor, "sound sample"]) -> Embedding:
        """The frames of sounds of one length."""
        lengths = torch.full((len(audio),), audio.shape[1], device=audio.device)
        return self.encoder.embed(Audio(audio, self.sample_rate, lengths))


def load_model(model_file_path: str | Path, pool: OwnPool = "mean+std") -> HearModel:
    """Open an encoder by whatever name `smalti.systems.registry.load_encoder` takes.

    Args:
        model_file_path: a run folder, `log-mel`, or a folder of `transformers`.
        pool: how frames become a recording's vector; "mean" is as published for MATPAC.
    """
    return HearModel(load_encoder(str(model_file_path)), pool=pool).eval()


def get_scene_embeddings(audio: Float[Tensor, "sound sample"], model: HearModel) -> Float[Tensor, "sound dim"]:
    """One vector a sound.

    Args:
        audio: sounds of one length at the model's rate, full scale ±1; one sample at least.
        model: as `load_model` gives it.
    """
    return torch.stack([pooled(frames, model.pool) for frames in model(audio).frames])


def get_timestamp_embeddings(
    audio: Float[Tensor, "sound sample"], model: HearModel
) -> tuple[Float[Tensor, "sound frame dim"], Float[Tensor, "sound frame"]]:
    """One vector for every hop begun, and the middle of each hop in milliseconds."""
    frames = model(audio).frames
    encoder = model.encoder
    middles = (torch.arange(frames.shape[1], device=frames.device) + 0.5) * (1000 * encoder.hop / encoder.sample_rate)
    return frames, middles.expand(len(frames), -1)

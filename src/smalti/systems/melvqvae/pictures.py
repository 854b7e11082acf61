"""Pictures to codes and back without any sound: for published pictures, and to score what the net alone does."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.nn.overlap import Windows
from smalti.systems.melvqvae.autoencoder import MelAutoencoder


@torch.no_grad()
def picture_codes(model: MelAutoencoder, picture: Float[Tensor, "band frame"]) -> Int64[Tensor, "codebook token"]:
    """Codes of a log-mel picture (0…1), ceil(frames / stride) token frames; silence beyond its ends."""
    net, device = model.net, next(model.parameters()).device

    def codes(frames: Float[Tensor, "band frame"]) -> Int64[Tensor, "codebook token"]:
        return model.quantizer.encode(net.analyse(frames[None].to(device)))[0].cpu()

    windows = Windows(codes, channels=len(picture), window=net.window * net.stride, left=net.left, right=net.right)
    nothing = torch.zeros(model.quantizer.codebooks, 0, dtype=torch.int64)
    found = torch.cat([nothing, *windows.push(picture), *windows.flush()], dim=1)
    return found[:, : -(-picture.shape[1] // net.stride)]


@torch.no_grad()
def coded_picture(model: MelAutoencoder, codes: Int64[Tensor, "codebook token"]) -> Float[Tensor, "band frame"]:
    """The log-mel picture (0…1) that codes stand for, stride frames per token frame."""
    net, device = model.net, next(model.parameters()).device

    def frames(vectors: Float[Tensor, "dim token"]) -> Float[Tensor, "band frame"]:
        return net.synthesise(vectors[None])[0].clamp(0, 1).cpu()

    windows = Windows(frames, channels=net.latent, window=net.window, left=net.context, right=net.context)
    vectors = model.quantizer.decode(codes[None].to(device))[0]
    nothing = torch.zeros(model.picture.bands, 0)
    found = torch.cat([nothing, *windows.push(vectors), *windows.flush()], dim=1)
    return found[:, : codes.shape[1] * net.stride]

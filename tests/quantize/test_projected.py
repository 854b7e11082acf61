"""Residual codes of few dimensions: chosen by angle, learnt by gradient, equal to the published quantiser."""

import pytest
import torch

from smalti.quantize.projected import ProjectedQuantizer, ProjectedResidualQuantizer

BATCH, DIM, FRAMES, BOOKS, VOCAB, NARROW = 2, 12, 7, 3, 16, 5


@pytest.fixture
def quantizer() -> ProjectedResidualQuantizer:
    torch.manual_seed(0)
    return ProjectedResidualQuantizer(dim=DIM, codebooks=BOOKS, vocab=VOCAB, code_dim=NARROW)


def latents(seed: int = 1) -> torch.Tensor:
    return torch.randn(BATCH, DIM, FRAMES, generator=torch.Generator().manual_seed(seed))


def test_a_code_is_chosen_by_angle_and_given_back_at_its_own_length() -> None:
    one = ProjectedQuantizer(dim=2, vocab=3, code_dim=2)
    with torch.no_grad():
        for layer in (one.inwards, one.outwards):
            layer.weight.copy_(torch.eye(2)[:, :, None])
            layer.bias.zero_()  # pyright: ignore
        one.codebook.weight.copy_(torch.tensor([[0.1, 0.0], [0.0, 5.0], [-3.0, -3.0]]))
    heard = torch.tensor([[[4.0, 0.2, -1.0], [1.0, 0.3, -0.8]]])
    assert one.encode(heard).tolist() == [[[0, 1, 2]]]
    torch.testing.assert_close(one.look(heard).vectors[0].mT, one.codebook.weight)
    assert torch.equal(one.encode(7 * heard), one.encode(heard))


def test_what_is_decoded_is_what_training_gave_and_each_codebook_hears_the_rest(
    quantizer: ProjectedResidualQuantizer,
) -> None:
    found = quantizer(latents())
    assert found.codes.shape == (BATCH, BOOKS, FRAMES)
    assert torch.equal(found.codes, quantizer.encode(latents()))
    torch.testing.assert_close(quantizer.decode(found.codes), found.vectors, rtol=0, atol=1e-6)
    first = quantizer.decode(found.codes[:, :1])
    assert torch.equal(quantizer.layers[1].encode(latents() - first), found.codes[:, 1:2])  # pyright: ignore
    assert torch.equal(quantizer.encode(latents(), depth=2), found.codes[:, :2])


def test_gradients_pass_straight_through_and_each_loss_teaches_its_own_side(
    quantizer: ProjectedResidualQuantizer,
) -> None:
    def gradients(loss: str) -> tuple[float, float]:
        given = latents().requires_grad_()
        found = quantizer(given)
        {"vectors": found.vectors.sum(), "loss": found.loss, "codebook_loss": found.codebook_loss}[loss].backward()
        books = [layer.codebook.weight.grad for layer in quantizer.layers]  # pyright: ignore
        told = sum(float(grad.abs().sum()) for grad in books if grad is not None)
        quantizer.zero_grad()
        return float(given.grad.abs().sum()) if given.grad is not None else 0.0, told

    heard, told = gradients("vectors")
    assert heard > 0 and told == 0
    heard, told = gradients("loss")
    assert heard > 0
    _, told = gradients("codebook_loss")
    assert told > 0


def test_the_straight_way_is_the_product_of_both_projections() -> None:
    torch.manual_seed(0)
    one, given = ProjectedQuantizer(dim=DIM, vocab=VOCAB, code_dim=NARROW), latents().requires_grad_()
    one.look(given).vectors.sum().backward()
    both = one.outwards.weight[:, :, 0] @ one.inwards.weight[:, :, 0]
    assert given.grad is not None
    torch.testing.assert_close(given.grad, both.sum(0)[None, :, None].expand_as(given))


def test_an_item_of_depth_n_hears_its_first_n_codebooks_and_teaches_no_others(
    quantizer: ProjectedResidualQuantizer,
) -> None:
    depths = torch.tensor([1, 3])
    found = quantizer(latents(), depths=depths)
    for item, depth in enumerate(depths.tolist()):
        alone = quantizer.decode(found.codes[item : item + 1, :depth])
        torch.testing.assert_close(found.vectors[item : item + 1], alone, rtol=0, atol=1e-6)
    found.codebook_loss.backward()  # pyright: ignore
    used = [int((layer.codebook.weight.grad.abs().sum(1) > 0).sum()) for layer in quantizer.layers]  # pyright: ignore
    wanted = [
        found.codes[:, 0].unique().numel(),
        found.codes[1, 1].unique().numel(),
        found.codes[1, 2].unique().numel(),
    ]
    assert used == wanted
    whole = quantizer(latents())
    alone = [quantizer(latents()[item : item + 1]) for item in range(BATCH)]
    torch.testing.assert_close(whole.loss, torch.stack([each.loss for each in alone]).mean())


def test_the_published_quantiser_chooses_and_gives_the_same() -> None:
    transformers = pytest.importorskip("transformers")
    modeling = pytest.importorskip("transformers.models.dac.modeling_dac")
    config = transformers.DacConfig(hidden_size=DIM, n_codebooks=BOOKS, codebook_size=VOCAB, codebook_dim=NARROW)
    torch.manual_seed(3)
    theirs = modeling.DacResidualVectorQuantizer(config).eval()
    ours = ProjectedResidualQuantizer(dim=DIM, codebooks=BOOKS, vocab=VOCAB, code_dim=NARROW)
    names = {"quantizers": "layers", "in_proj": "inwards", "out_proj": "outwards"}
    state = {
        ".".join(names.get(part, part) for part in key.split(".")): value for key, value in theirs.state_dict().items()
    }
    ours.load_state_dict(state)
    vectors, codes, _, commitment, codebook = theirs(latents())
    found = ours(latents())
    assert torch.equal(found.codes, codes)
    torch.testing.assert_close(found.vectors, vectors, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.loss, commitment.mean())
    torch.testing.assert_close(found.codebook_loss, codebook.mean())
    torch.testing.assert_close(ours.decode(codes), theirs.from_codes(codes)[0], rtol=0, atol=1e-6)

"""The depth head: step by step as all at once, and it learns what binds the codes of one frame."""

import pytest
import torch

from smalti.core import Condition, Schema, TokenSpec
from smalti.nn.depth_head import CodeByCode, DepthHead
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=4, vocab=7, tokenizer="toy")


@torch.no_grad()
def test_code_by_code_equals_all_at_once():
    torch.manual_seed(0)
    head = DepthHead(SPEC, heard=10, width=6, dropout=0.5).eval()
    heard, codes = torch.randn(2, 3, 10), torch.randint(8, (2, 4, 3))
    whole = head(heard, codes[:, :-1])
    assert whole.shape == (2, 4, 3, 7)
    first, state = head.begin(heard[:, 1])
    for place in range(4):
        newest = codes[:, place - 1, 1] if place else None
        guess, state = head.one(first, newest, state, place=place)
        torch.testing.assert_close(guess, whole[:, place, 1], rtol=0, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("batch", [2, 5])
def test_code_by_code_in_fewer_calls_is_the_same(batch: int):
    torch.manual_seed(0)
    head = DepthHead(SPEC, heard=10, width=32, dropout=0.5).eval()
    torch.nn.init.normal_(head.norm.weight)
    quick, heard = CodeByCode(head, rows=batch), torch.randn(batch, 10)
    first, state = head.begin(heard)
    quick_first, quick_state = quick.begin(heard)
    torch.testing.assert_close(quick_first, first, rtol=0, atol=1e-6)
    for place in range(4):
        newest = torch.randint(8, (batch,)) if place else None
        guess, state = head.one(first, newest, state, place=place)
        quick_guess, quick_state = quick.one(quick_first, newest, quick_state, place=place)
        torch.testing.assert_close(quick_guess, guess, rtol=0, atol=1e-5)
        torch.testing.assert_close(quick_state, state, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_code_hears_the_codes_below_and_no_other():
    torch.manual_seed(0)
    head, heard = DepthHead(SPEC, heard=10, width=6).eval(), torch.randn(2, 3, 10)
    below = torch.randint(7, (2, 3, 3))
    changed = below.clone()
    changed[:, 1, 2] = (changed[:, 1, 2] + 1) % 7
    moved = (head(heard, below) != head(heard, changed)).any(-1).any(0)
    assert moved.nonzero().tolist() == [[2, 2], [3, 2]]


@pytest.mark.parametrize(("pattern", "learnt"), [("parallel", False), ("depth", True)])
def test_codes_bound_within_their_frame_are_learnt_by_depth_alone(pattern: str, learnt: bool):
    torch.manual_seed(0)
    sizes = TransformerSettings(width=16, layers=1, heads=2, window=4, condition_width=4)
    model = TokenTransformer(spec=SPEC, schema=Schema(), pattern=pattern, transformer=sizes, depth_width=24)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(100):
        lowest = torch.randint(7, (32, 1, 9))
        codes = torch.cat([lowest, (lowest * 3 + 1) % 7, (lowest * 5 + 2) % 7, 6 - lowest], dim=1)
        logits = model.logits(codes, Condition.empty(32, 1, 0))[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 2), codes[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (loss < 0.1) if learnt else (loss > 1.8)

"""Group D of the reliability contract: the same again, in any company, in any blocks."""

import pytest

from contract.test_contract_codecs import CODECS
from contract.test_contract_language_models import LANGUAGE_MODELS
from faults.proofs import determinism
from smalti.systems import load_codec, load_lm

pytestmark = pytest.mark.faults


@pytest.mark.row("D1")
def test_everything_made_twice_in_fresh_processes_is_equal(tmp_path):
    determinism.prove_d1(tmp_path)


@pytest.mark.row("D2")
def test_a_clip_is_heard_alone_as_in_any_batch(journey):
    for name, model in determinism.tokenizers(journey).items():
        determinism.prove_d2(name, model)


@pytest.mark.row("D3")
@pytest.mark.parametrize("name", CODECS)
def test_a_stream_in_any_blocks_is_the_whole(name, journey):
    determinism.prove_d3_codec(name, load_codec(CODECS[name](journey)))


@pytest.mark.row("D3")
@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_a_model_with_its_cache_is_the_model_without(name, journey):
    determinism.prove_d3_model(name, load_lm(LANGUAGE_MODELS[name](journey)))

"""What one can listen to while a model of the grid learns: the four sounds of the published logs, and their codes."""

import math

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from journey import Journey
from smalti.audio import read
from smalti.config import load_settings
from smalti.core import ConfigError
from smalti.data.token_clips import TokenClips
from smalti.evaluate import ConditionedCodes, bits_per_token
from smalti.store import TokenStore
from smalti.systems.melgpt import MelGPTConfig
from smalti.systems.registry import load_codec, load_lm

SOUNDS = {"reconstruction", "unprimed", "half-primed", "greedy"}


def test_a_run_keeps_and_logs_the_four_sounds(journey: Journey) -> None:
    for run in (journey.gpt, journey.masked):
        assert {path.stem for path in (run / "samples").iterdir()} == SOUNDS
        heard = EventAccumulator(str(next(run.rglob("events.out.tfevents.*")).parent))
        heard.Reload()
        assert set(heard.Tags()["audio"]) == SOUNDS
        assert set(heard.Tags()["images"]) == {f"codes/{name}" for name in SOUNDS}
        assert {"train/loss", "train/learning_rate", "evaluate/loss"} <= set(heard.Tags()["scalars"])


def test_the_sounds_are_as_long_as_the_clip_and_the_primed_one_begins_like_it(journey: Journey) -> None:
    store, codec = TokenStore.open(journey.tokens), load_codec(journey.codec)
    clip = next(row for row, split in enumerate(store.clips["split"].to_pylist()) if split != "train")
    samples = store.codes(clip).shape[1] * codec.spec.hop
    for run in (journey.gpt, journey.masked):
        sounds = {name: read(run / "samples" / f"{name}.wav").samples[0] for name in SOUNDS}
        assert {len(sound) for sound in sounds.values()} == {samples}
        first = samples // 4  # what follows the prompt reaches back into its last frames
        torch.testing.assert_close(sounds["half-primed"][:first], sounds["reconstruction"][:first], atol=1e-3, rtol=0)
        assert not torch.equal(sounds["half-primed"], sounds["reconstruction"])


def test_a_run_can_be_tested_on_clips_that_it_has_not_heard(journey: Journey) -> None:
    """The published `--test` asks the model for an attribute that it does not have, and gives it no data."""
    store, lm = TokenStore.open(journey.tokens), load_lm(journey.gpt)
    clips = TokenClips([store], lm.schema)
    unheard = [(int(clip), int(clips.frames[clip])) for clip in clips.held_out]
    told = [ConditionedCodes(clips.codes(clip), clips.condition(clip, start=0, frames=n)) for clip, n in unheard]
    found = bits_per_token(lm, training=[clips.codes(int(clip)) for clip in clips.training], held_out=told)
    assert found.model is not None and 0 < found.model < 2 * math.log2(lm.spec.vocab)


def test_every_setting_of_the_published_training_is_heard_or_refused() -> None:
    """The published one takes momentum, an optimiser and a rate, and uses none of them."""
    for unknown in ("train.momentum=0.9", "train.opt=sgd", "train.lr=0.1"):
        with pytest.raises(ConfigError, match="unknown"):
            load_settings(MelGPTConfig, "", [unknown])

"""The smallest journey's sizes and folders; `conftest.py` makes it once per session."""

from dataclasses import dataclass
from pathlib import Path

# Sizes at which a whole journey takes a few seconds: it learns nothing, but every part is there.
TINY_CODEC = (
    "train.steps=6",
    "train.batch=2",
    "train.crop=4",
    "model.net.width=12",
    "model.net.coarse_blocks=1",
    "model.net.latent=4",
    "model.net.window=5",
    "model.quantizer.depth=2",
    "model.quantizer.vocab=11",
    "vocoder.inversion_steps=3",
    "vocoder.iterations=2",
    "vocoder.window=12",
    "vocoder.overlap=2",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_GRID_CODEC = (
    "train.steps=6",
    "train.batch=2",
    "train.crop=2",
    "train.quantize_from=0.3",
    "model.net.widths=[4, 6, 8]",
    "model.net.latent=4",
    "model.net.window=3",
    "model.quantizer.vocab=11",
    "vocoder.inversion_steps=3",
    "vocoder.iterations=2",
    "vocoder.window=12",
    "vocoder.overlap=2",
    "adversary=patch",
    "adversary.disc_start=3",
    "adversary.width=4",
    "perceptual=self",
    "perceptual.widths=[8]",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_LM = (
    "train.steps=6",
    "shown.batch=2",
    "shown.crop=7",
    "model.width=16",
    "model.layers=2",
    "model.heads=2",
    "model.window=5",
    "model.condition_width=6",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_FRAMES = (
    "train.steps=6",
    "shown.batch=2",
    "shown.crop=7",
    "model.components=3",
    "model.width=16",
    "model.layers=2",
    "model.heads=2",
    "model.window=5",
    "model.condition_width=6",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_MASKED = (*TINY_LM, "model.window=8")
TINY_VAE = (
    *TINY_LM,
    "model.latent=5",
    "model.encoder.width=12",
    "model.encoder.layers=1",
    "model.encoder.heads=2",
)
TINY_VOCODER = (
    "train.steps=6",
    "train.batch=2",
    "train.crop=6",
    "model.window=5",
    "model.net.width=8",
    "model.net.hidden=12",
    "model.net.blocks=1",
    "judge.start=3",
    "judge.periods=[5]",
    "judge.width=1",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_WAV2TOK = (
    "train.steps=6",
    "train.average=0.5",
    "pairs.classes=2",
    "pairs.takes=3",
    "pairs.seconds=0.4",
    "model.front.bands=17",
    "model.net.width=8",
    "model.codebook.tokens=11",
    "model.codebook.dim=5",
    "cadence.evaluate=3",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_ALM = (
    "train.steps=6",
    "train.batch=2",
    "train.crop=0.15",
    "train.quantize_from=0.3",
    "train.sound_from=0.5",
    "train.start_vectors=8",
    "train.vary.together=0.5",
    "train.vary.speed=[0.8, 1.25]",
    "train.vary.equaliser_db=6",
    "model.ends.bands=16",
    "model.ends.width=12",
    "model.ends.hidden=16",
    "model.ends.blocks=1",
    "model.encoder.width=12",
    "model.encoder.layers=1",
    "model.encoder.heads=2",
    "model.decoder.width=16",
    "model.decoder.layers=1",
    "model.decoder.heads=2",
    "model.codes.codebooks=2",
    "model.codes.vocab=11",
    "model.codes.dim=5",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
_TINY_SEANET = (
    "train.steps=6",
    "train.batch=2",
    "train.crop=0.15",
    "model.ends.dim=6",
    "model.ends.filters=2",
    "model.ends.ratios=[4, 8, 10]",
    "model.ends.lstm=1",
    "judge.hop_lengths=[64, 128]",
    "judge.n_fft=[256, 256]",
    "judge.win_lengths=[128, 256]",
    "judge.n_mels=9",
    "judge.filters=2",
    "judge.dilations=[1]",
    "judge.start=2",
    "judge.every=2",
    "judge.seconds=0.05",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_ALM_STAGE1 = (
    *_TINY_SEANET,
    "mae.width=8",
    "mae.layers=1",
    "mae.heads=2",
    "mae.encoder_layers=1",
)
TINY_ALM_STAGE2 = (
    *_TINY_SEANET,
    "train.quantize_from=0.3",
    "train.sound_from=0.2",
    "train.start_vectors=8",
    "model.encoder.width=12",
    "model.encoder.layers=1",
    "model.encoder.heads=2",
    "model.decoder.width=16",
    "model.decoder.layers=1",
    "model.decoder.heads=2",
    "model.codes.codebooks=3",
    "model.codes.vocab=11",
    "model.codes.dim=5",
    "depth.width=8",
    "depth.layers=1",
    "depth.heads=2",
)
TINY_DAC = (
    "train.steps=6",
    "train.batch=2",
    "train.crop=0.15",
    "train.quantize_from=0.3",
    "train.start_vectors=20",
    "train.follow=true",
    "train.restart_below=0.9",
    "model.sample_rate=16000",
    "model.fold=1",
    "model.strides=[2, 5, 8]",
    "model.encoder_width=4",
    "model.decoder_width=24",
    "model.latent=10",
    "model.codebooks=3",
    "model.vocab=11",
    "model.code_dim=5",
    "judge.start=3",
    "judge.periods=[3]",
    "judge.windows=[128]",
    "judge.width=2",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_KMEANS = (
    "train.steps=6",
    "train.batch=2",
    "train.seconds=0.4",
    "model.vocab=11",
    "cadence.checkpoint=2",
)
TINY_MATPAC = (
    "train.steps=6",
    "train.batch=3",
    "train.warmup=0.3",
    "model.encoder.chunk=20",
    "model.encoder.width=12",
    "model.encoder.layers=2",
    "model.encoder.heads=3",
    "predictor.width=8",
    "predictor.layers=1",
    "predictor.heads=2",
    "prototypes.prototypes=7",
    "prototypes.hidden=10",
    "prototypes.bottleneck=5",
    "cadence.checkpoint=2",
    'engine.precision="32"',
)
TINY_MATPAC_PLUS = (
    *TINY_MATPAC,
    "model.encoder.patch=[40, 5]",
    "model.encoder.class_token=true",
    "choices.heads=3",
    "teacher.patches=student",
    "train.matrix_rate=3",
)


@dataclass(frozen=True)
class Journey:
    """Folders of the smallest journey.

    Attributes:
        sounds: pistons and rain, six clips each of 0.8 s, with manifest.csv.
        codec: a melvqvae run.
        tokens: a store, two tokenisations of each training clip.
        lm: a synthformer run.
        frames: a melformer run.
        gpt: a melgpt run.
        masked: a melgpt run that fills gaps.
        vae: one whose clips have latents.
        grid_codec: a run of melvqvae/tiny with both its judges.
        vocoder: a vocoder run.
        wav2tok: a wav2tok run.
        alm: an almtokenizer run.
        alm_stage1: the first stage of one with SEANet ends.
        alm_stage2: a second stage without a first.
        dac: a dac run.
        kmeans: clusters of log-mel frames.
        matpac: a matpac run.
        matpac_plus: one with several guesses and a class token.
    """

    sounds: Path
    codec: Path
    tokens: Path
    lm: Path
    frames: Path
    gpt: Path
    masked: Path
    vae: Path
    grid_codec: Path
    vocoder: Path
    wav2tok: Path
    alm: Path
    alm_stage1: Path
    alm_stage2: Path
    dac: Path
    kmeans: Path
    matpac: Path
    matpac_plus: Path

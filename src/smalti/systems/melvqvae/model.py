"""The codec: audio to tokens and back, whole or in blocks, always as the same sequence of fixed windows."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, SpecError, Tokens, TokenSpec
from smalti.features import MelSettings, QuickVocoder, Vocoder, log_mel, preset_of
from smalti.nn.overlap import Windows
from smalti.quantize import parameter_count
from smalti.store import LiveFingerprint
from smalti.systems.melvqvae.autoencoder import MelAutoencoder
from smalti.systems.melvqvae.pictures import coded_picture, picture_codes


class MelVQVAE:
    """Mel-spectrogram codec with a vocoder behind it.

    Every window is computed alone and in the same shape, so an item's tokens are the same bits alone, in any batch
    and in any blocks. Beyond an item's ends there is silence; behind its last frame the picture is at its floor.

    Args:
        autoencoder: what was learnt; put in evaluation mode by whoever passes it.
        vocoder: how pictures become sound.
        window: token frames that are drawn at once; by default what was learnt with.
    """

    def __init__(self, autoencoder: MelAutoencoder, vocoder: Vocoder, *, window: int | None = None) -> None:
        self.autoencoder = autoencoder
        self.vocoder = vocoder
        self._window = window or autoencoder.net.window
        self._fingerprint = LiveFingerprint()

    @property
    def picture(self) -> MelSettings:
        """What its decoder draws."""
        return self.autoencoder.picture

    def heard_through(self, vocoder: Vocoder) -> "MelVQVAE":
        """The same codec, equal tokens, with another vocoder.

        Raises:
            SpecError: if the vocoder's pictures are others; names both.
        """
        if vocoder.picture != self.picture:
            found, wanted = preset_of(vocoder.picture), preset_of(self.picture)
            raise SpecError(
                f"found a vocoder of the picture {found}, wanted one of {wanted}, which this codec draws; take another,"
                " or name a bridge (--bridge magnitude)"
            )
        return MelVQVAE(self.autoencoder, vocoder, window=self._window)

    def quick(self) -> "MelVQVAE":
        """The same codec, equal tokens, in windows as short as net and vocoder have them."""
        vocoder = self.vocoder.quick() if isinstance(self.vocoder, QuickVocoder) else self.vocoder
        return MelVQVAE(self.autoencoder, vocoder, window=self.autoencoder.net.quick)

    @property
    def spec(self) -> TokenSpec:
        """What its tokens are; the fingerprint covers all that codes depend on, so not the decoder."""
        model = self.autoencoder
        return TokenSpec(
            sample_rate=model.picture.sample_rate,
            hop=model.hop,
            codebooks=model.quantizer.codebooks,
            vocab=model.quantizer.vocab,
            tokenizer=self._named_by_weights(),
        )

    @property
    def parameter_count(self) -> int:
        """Numbers that were learnt, code vectors included."""
        return parameter_count(self.autoencoder)

    def encode(self, audio: Audio) -> Tokens:
        """Codes of every item, ceil(samples / hop) frames.

        Raises:
            SpecError: if the audio is at another rate.
        """
        spec = self.spec
        audio.require_rate(spec.sample_rate)
        codes: list[Tensor] = []
        for item in audio.items():
            stream = self.encoder_stream()
            codes.append(torch.cat([stream.push(item.samples[0]), stream.flush()], dim=1).T)
        padded = torch.nn.utils.rnn.pad_sequence(codes, batch_first=True).mT.to(audio.samples.device)
        return Tokens(padded, spec, audio.lengths)

    def encode_pictures(self, pictures: Sequence[Float[Tensor, "band _"]]) -> Tokens:
        """Codes of log-mel pictures (0…1) given in place of their sound, ceil(frames / stride) frames each."""
        model, spec = self.autoencoder, self.spec
        codes = [picture_codes(model, picture).T for picture in pictures]
        samples = [picture.shape[1] * model.picture.hop for picture in pictures]
        padded = torch.nn.utils.rnn.pad_sequence(codes, batch_first=True).mT
        return Tokens(padded, spec, torch.tensor(samples))

    def decode(self, tokens: Tokens) -> Audio:
        """Sound of every item, exactly as many samples as went in.

        Raises:
            SpecError: if the tokens are another codec's.
        """
        spec = self.spec
        spec.require(tokens.spec)
        rows: list[Tensor] = []
        for item in tokens.items():
            stream = self.decoder_stream()
            sound = torch.cat([stream.push(item.codes[0]), stream.flush()])
            rows.append(sound[: int(item.lengths[0])])
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(tokens.codes.device)
        return Audio(padded, spec.sample_rate, tokens.lengths)

    def drawn(self, tokens: Tokens) -> list[Float[Tensor, "band _"]]:
        """The picture of every item, ceil(samples / hop of the picture) frames.

        Raises:
            SpecError: if the tokens are another codec's.
        """
        self.spec.require(tokens.spec)
        model = self.autoencoder
        frames = [-(-length // model.picture.hop) for length in tokens.lengths.tolist()]
        pictures = [coded_picture(model, item.codes[0]) for item in tokens.items()]
        return [picture[:, :count] for picture, count in zip(pictures, frames, strict=True)]

    def encoder_stream(self) -> "MelEncoderStream":
        """Audio in, codes out; a window of frames is given as soon as its context has come."""
        return MelEncoderStream(self.autoencoder)

    def decoder_stream(self) -> "MelDecoderStream":
        """Codes in, audio out."""
        return MelDecoderStream(self.autoencoder, self.vocoder, window=self._window)

    def _named_by_weights(self) -> str:
        model = self.autoencoder
        state = {name: value for name, value in model.state_dict().items() if not name.startswith("net.decoder")}
        return self._fingerprint.of(state, f"melvqvae {model.config.model_dump_json()} {model.picture}")


class MelEncoderStream:
    """Encodes blocks as they come."""

    def __init__(self, model: MelAutoencoder) -> None:
        self._model = model
        picture, net = model.picture, model.net
        self._windows = Windows(
            self._codes,
            channels=1,
            window=model.hop * net.window,
            left=picture.hop * net.left + picture.lead,
            right=picture.hop * net.right + picture.n_fft - picture.lead - picture.hop,
        )
        self._samples = 0
        self._frames = 0

    def push(self, block: Float[Tensor, " sample"]) -> Int64[Tensor, "codebook frame"]:
        """Codes of the windows whose context is complete."""
        self._samples += len(block)
        codes = self._together([*self._windows.push(block[None])])
        self._frames += codes.shape[1]
        return codes

    def flush(self) -> Int64[Tensor, "codebook frame"]:
        """The rest: frames begun by the last samples included."""
        frames = -(-self._samples // self._model.hop) - self._frames
        return self._together([*self._windows.flush()])[:, :frames]

    def _together(self, windows: list[Tensor]) -> Tensor:
        return torch.cat([torch.zeros(self._model.quantizer.codebooks, 0, dtype=torch.int64), *windows], dim=1)

    @torch.no_grad()
    def _codes(self, samples: Float[Tensor, "channel sample"]) -> Int64[Tensor, "codebook frame"]:
        model = self._model
        picture = log_mel(samples.to(_device(model)), model.picture, centred=False)
        return model.quantizer.encode(model.net.analyse(picture))[0].cpu()


class MelDecoderStream:
    """Decodes codes as they come: a window of frames becomes a picture, a window of that becomes sound."""

    def __init__(self, model: MelAutoencoder, vocoder: Vocoder, *, window: int) -> None:
        self._model = model
        net = model.net
        self._windows = Windows(self._picture, channels=net.latent, window=window, left=net.context, right=net.context)
        self._vocoder = vocoder.stream()
        self._owed = 0

    @torch.no_grad()
    def push(self, block: Int64[Tensor, "codebook frame"]) -> Float[Tensor, " sample"]:
        """Sound of the windows whose context is complete."""
        self._owed += block.shape[1] * self._model.net.stride
        vectors = self._model.quantizer.decode(block[None].to(_device(self._model)))[0]
        return torch.cat([torch.zeros(0), *(self._hear(frames) for frames in self._windows.push(vectors))])

    @torch.no_grad()
    def flush(self) -> Float[Tensor, " sample"]:
        """The rest, up to the end of the last frame."""
        rest = [self._hear(frames) for frames in self._windows.flush()]
        return torch.cat([*rest, self._vocoder.flush()])

    def _hear(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        frames = frames[:, : self._owed]
        self._owed -= frames.shape[1]
        return self._vocoder.push(frames)

    def _picture(self, vectors: Float[Tensor, "dim token"]) -> Float[Tensor, "band frame"]:
        return self._model.net.synthesise(vectors[None])[0].clamp(0, 1)


def _device(model: MelAutoencoder) -> torch.device:
    return next(model.parameters()).device

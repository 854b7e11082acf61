"""The codec: one net at many rates. Each view (`at`) is a codec with its own spec over the same weights."""

import torch

from smalti.core import Audio, ParameterError, SpecError, Tokens, TokenSpec
from smalti.store import fingerprint
from smalti.systems.almtokenizer.net import QueryNet


class ALMTokenizer:
    """A waveform codec whose tokens are queries, one for every `window` frames.

    A view holds nothing but its two numbers. All views of a net have the same fingerprint: what tells their tokens
    apart is the hop and the number of codebooks in the spec.

    Attributes:
        net: what was learnt; put in evaluation mode by whoever passes it.
        window: frames of a query.
        codebooks: how many of the net's codebooks are used, the first ones.
    """

    def __init__(self, net: QueryNet, *, window: int | None = None, codebooks: int | None = None) -> None:
        """A view of a net.

        Raises:
            ParameterError: if it has no such window or codebooks.
        """
        config = net.config
        low, high = config.windows
        self.net = net
        self.window = config.window if window is None else window
        self.codebooks = config.codes.codebooks if codebooks is None else codebooks
        if not low <= self.window <= high:
            raise ParameterError(f"window {self.window} is outside {low}…{high} frames; choose one in that range")
        if not 1 <= self.codebooks <= config.codes.codebooks:
            raise ParameterError(f"found {self.codebooks} codebooks, this codec has 1…{config.codes.codebooks}")
        self._fingerprint: tuple[tuple[int, ...], str] = ((), "")

    def at(self, *, window: int | None = None, codebooks: int | None = None) -> "ALMTokenizer":
        """The same codec at another rate; what is not given stays as it is.

        Raises:
            ParameterError: if it has no such window or codebooks.
        """
        return ALMTokenizer(self.net, window=window or self.window, codebooks=codebooks or self.codebooks)

    @property
    def spec(self) -> TokenSpec:
        """What its tokens are."""
        codes = self.net.config.codes
        return TokenSpec(
            sample_rate=self.net.config.sample_rate,
            hop=self.window * self.net.hop,
            codebooks=self.codebooks,
            vocab=codes.vocab,
            tokenizer=self._named_by_weights(),
        )

    @torch.no_grad()
    def encode(self, audio: Audio) -> Tokens:
        """Codes of every item, ceil(samples / hop) frames.

        Raises:
            SpecError: if the audio is at another rate.
        """
        spec = self.spec
        if audio.sample_rate != spec.sample_rate:
            raise SpecError(
                f"audio is at {audio.sample_rate} Hz, this codec at {spec.sample_rate} Hz; "
                "resample it first (smalti.audio.resample)"
            )
        samples = audio.zero_padded().samples
        samples = torch.nn.functional.pad(samples, (0, -samples.shape[1] % spec.hop))
        codes = self.net.codes(self.net.analyse(samples, self.window), depth=self.codebooks)
        inside = torch.arange(codes.shape[2], device=codes.device) < -(-audio.lengths // spec.hop)[:, None]
        return Tokens(torch.where(inside[:, None], codes, 0), spec, audio.lengths)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Audio:
        """Sound of every item, exactly as many samples as went in.

        Raises:
            SpecError: if the tokens are another codec's, or of another view.
        """
        self.spec.require(tokens.spec)
        guess = self.net.guess(self.net.vectors(tokens.codes), self.window)
        sound = self.net.sound(guess, tokens.frames * self.window)
        longest = int(tokens.lengths.max()) if len(tokens.lengths) else 0
        return Audio(sound[:, :longest], tokens.spec.sample_rate, tokens.lengths).zero_padded()

    def _named_by_weights(self) -> str:
        """Hashed anew only if a tensor was written to since."""
        state = {name: value for name, value in self.net.state_dict().items() if _tells_codes(name)}
        written = tuple(part for value in state.values() for part in (value.data_ptr(), value._version))
        if self._fingerprint[0] != written:
            self._fingerprint = (written, fingerprint(state, f"almtokenizer {_settings(self.net)}"))
        return self._fingerprint[1]


def _tells_codes(name: str) -> bool:
    return name.startswith(("front.", "encoder.", "to_codes.", "quantizer."))


def _settings(net: QueryNet) -> str:
    config = net.config
    heard = {"ends": config.ends, "encoder": config.encoder, "codes": config.codes}
    return f"{config.sample_rate} " + " ".join(f"{name} {part.model_dump_json()}" for name, part in heard.items())

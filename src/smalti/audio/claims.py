"""What a file says of itself before a sample is decoded, and the names of what may be wrong with it."""

from dataclasses import dataclass

FLAGS = {
    "cut-short": "the file ends before the sound it promises",
    "checksum": "a checksum in the file does not match what was read",
    "damaged": "bytes that are no sound lie between its frames",
    "header-mismatch": "its header contradicts its frames",
    "short": "shorter than 50 ms",
    "silent": "never above -80 dBFS",
    "constant": "one constant value",
    "clipped": "flat runs at full scale",
    "over-full-scale": "peaks above full scale; kept as they are",
    "antiphase": "the channels cancel in the mono mix",
}
DAMAGE = ("cut-short", "checksum", "damaged", "header-mismatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """A checked header.

    Attributes:
        frames: sound frames that must come out, at least; None if the file does not say.
        flags: damage that checking found.
        offset: byte at which the decoder must start.
        raw: libsndfile name of headerless samples from `offset` on; None if the decoder reads the header itself.
        md5: of the decoded samples, 16 bytes; None if the file has none.
        sample_rate, channels, bits, big_endian: as the header gives them, for `raw` and `md5`.
    """

    frames: int | None = None
    flags: tuple[str, ...] = ()
    offset: int = 0
    raw: str | None = None
    md5: bytes | None = None
    sample_rate: int = 0
    channels: int = 0
    bits: int = 0
    big_endian: bool = False

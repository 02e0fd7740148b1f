"""What `unseg protect --save-noise` keeps of each picture: the noise, and what the owner needs to take it away again."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.picture import PixelArray, full_scale
from unseg_cli.protect.stages import Protected

SUFFIX = ".npz"


def noise_file(made: Protected, budget: NoiseBudget) -> bytes:
    """An .npz of one picture; everything upright.

    It holds `perturbation` ((H, W), (H, W, 3) or (H, W, 4): noised - clean in whole levels, before a lossy codec), `mask` ((H, W) bool:
    where the object's bound counted), `epsilon` and `epsilon_bg` in [0, 1], and two hashes: `dst_sha256` of the protected file and
    `clean_sha256`, the `pixels_sha256` of the clean picture.
    """
    clean = made.clean.pixels
    wide = _wide(clean)
    out = io.BytesIO()
    np.savez_compressed(
        out,
        perturbation=np.asarray(made.noised).astype(wide) - clean.astype(wide),
        mask=made.mask,
        epsilon=np.float64(budget.foreground),
        epsilon_bg=np.float64(budget.background),
        dst_sha256=np.str_(made.record["dst_sha256"]),
        clean_sha256=np.str_(pixels_sha256(clean)),
    )
    return out.getvalue()


@dataclass(frozen=True, kw_only=True)
class KeptNoise:
    """A noise file, as far as it has to be known before its noise is needed.

    Attributes:
        path: where it lies.
        dst_sha256: of the protected file that it belongs to.
        clean_sha256: what `pixels_sha256` gives for the clean picture.
    """

    path: Path
    dst_sha256: str
    clean_sha256: str

    @classmethod
    def at(cls, path: Path) -> KeptNoise:
        """Read which picture a noise file belongs to.

        Raises:
            UnsegError: it is no noise file, or one of an earlier version that does not say.
        """
        with _opened(path) as arrays:
            hashes = {name: str(_read(arrays, name, 1_000)) for name in ("dst_sha256", "clean_sha256") if name in arrays}
        if len(hashes) < 2:
            what = "does not say which picture it belongs to: an earlier version wrote it"
            raise UnsegError(what, hint="protect the picture again with --save-noise")
        return cls(path=path, **hashes)

    def clean_pixels(self, noised: PixelArray) -> PixelArray:
        """The clean picture, of the one with noise; the very pixels, or nothing.

        Args:
            noised: upright pixels of the protected file.

        Raises:
            UnsegError: what comes out is not the clean picture.
        """
        with _opened(self.path) as arrays:
            wide = np.dtype(_wide(noised))
            perturbation = _read(arrays, "perturbation", noised.size * wide.itemsize + 1_000) if "perturbation" in arrays else None
        if perturbation is not None and perturbation.shape == noised.shape and perturbation.dtype == wide:
            clean = noised.astype(wide) - perturbation
            if clean.min() >= 0 and clean.max() <= full_scale(noised):
                exact = clean.astype(noised.dtype)
                if pixels_sha256(exact) == self.clean_sha256:
                    return exact
        raise UnsegError(f"less the noise of {self.path} is not the clean picture: that file was changed", hint="restore it from a backup")


def pixels_sha256(pixels: PixelArray) -> str:
    """A hash of pixel values, whatever file they came from: of their type, their shape and their bytes in little-endian order."""
    plain = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{plain.dtype.str} {plain.shape}".encode())
    digest.update(plain.data)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[NpzFile]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, NpzFile):
            raise ValueError("a single array")
        with loaded as arrays:
            yield arrays
    except OSError as problem:
        raise UnsegError(f"cannot be read ({problem.strerror or problem})", hint="check that it exists and its permissions") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as problem:
        raise UnsegError(f"is not a noise file, or is damaged ({problem})", hint="name what `unseg protect --save-noise` wrote") from None


def _read(arrays: NpzFile, name: str, most: int) -> npt.NDArray[Any]:
    """An array that is not larger than it can be in earnest: a file of a few bytes can unpack to any size."""
    if arrays.zip is None or arrays.zip.getinfo(f"{name}.npy").file_size > most:
        raise ValueError(f"its {name} is too large")
    found: npt.NDArray[Any] = arrays[name]
    return found


def _wide(pixels: PixelArray) -> Any:
    """The type that holds differences of pixels."""
    return np.int16 if pixels.dtype == np.uint8 else np.int32

"""Files that were picture files: each number makes the same one everywhere."""

from __future__ import annotations

import random
import struct
import zlib
from functools import cache
from pathlib import Path

from PIL import Image

from tests.protect.kinds_of_files import kinds

PHOTO = Path(__file__).resolve().parents[3] / "examples" / "photos" / "coffee.png"
#: What a field of a header can be set to: lengths, counts and sizes at the ends of what they may be.
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEADER = 600  # most of what is worth breaking lies in the first bytes


@cache
def corpus() -> tuple[tuple[str, str, bytes], ...]:
    """Small files of every kind: what it is, a file name, and the file."""
    with Image.open(PHOTO) as opened:
        photo = opened.convert("RGB").resize((72, 48))
    return tuple(one for one in kinds(photo) if one[2] and "5,000" not in one[0])


def mutated(number: int) -> tuple[str, str, bytes]:
    """The input of a number: what it was, a file name, and what became of the file."""
    chance = random.Random(number)
    kind, name, data = chance.choice(corpus())
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        data = chance.choice(MUTATIONS)(data, chance) or b"\0"
    if data.startswith(b"\x89PNG") and chance.random() < 0.7:
        data = _with_valid_sums(data)  # else no decoder looks any further
    return kind, name, data


def _flip(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 16)):
        out[_place(out, chance)] ^= 1 << chance.randrange(8)
    return bytes(out)


def _extreme(data: bytes, chance: random.Random) -> bytes:
    size, order = chance.choice((1, 2, 4)), chance.choice("<>")
    at = _place(data, chance)
    field = struct.pack(order + {1: "B", 2: "H", 4: "I"}[size], chance.choice(EXTREMES) & (256**size - 1))
    return data[:at] + field + data[at + size :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _remove(data: bytes, chance: random.Random) -> bytes:
    at, length = _place(data, chance), chance.choice((1, 2, 4, 12, 100, 1000))
    return data[:at] + data[at + length :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    at, length = _place(data, chance), chance.choice((1, 4, 12, 100, 1000))
    return data[: at + length] + data[at : at + length] * chance.choice((1, 2, 50)) + data[at + length :]


def _swap(data: bytes, chance: random.Random) -> bytes:
    first, second = sorted((_place(data, chance), _place(data, chance)))
    length = min(chance.choice((2, 4, 12, 100)), second - first)
    one, other = data[first : first + length], data[second : second + length]
    return data[:first] + other + data[first + length : second] + one + data[second + length :]


def _fill(data: bytes, chance: random.Random) -> bytes:
    at, length = _place(data, chance), chance.choice((4, 16, 64, 1000))
    return data[:at] + bytes((chance.choice((0, 255)),)) * min(length, len(data) - at) + data[at + length :]


def _splice(data: bytes, chance: random.Random) -> bytes:
    """The beginning of a file, and the end of another."""
    other = chance.choice(corpus())[2]
    return data[: _place(data, chance)] + other[_place(other, chance) :]


MUTATIONS = (_flip, _extreme, _extreme, _cut, _remove, _repeat, _swap, _fill, _splice)


def _place(data: bytes | bytearray, chance: random.Random) -> int:
    return chance.randrange(min(len(data), _HEADER) if chance.random() < 0.7 else len(data))


def _with_valid_sums(data: bytes) -> bytes:
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, at)
        end = at + 8 + length
        if end + 4 > len(out):
            break
        struct.pack_into(">I", out, end, zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)

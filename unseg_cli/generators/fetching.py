"""`unseg weights fetch NAME`: the only command that downloads anything. What was fetched lies in the cache, with its hash beside it."""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem, did_you_mean
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.files import PUBLISHED, Published, cache_dir
from unseg_cli.generators.sums import record_sum, sha256_of
from unseg_cli.pictures.stores.local import LocalStore

#: Of what has arrived so far; it stays when a download is interrupted, and the next one goes on behind it.
PART = ".part"
ATTEMPTS = 5
SECONDS = 30.0  # without a byte, after which the connection counts as lost
BLOCK = 1 << 20


def weights_fetch(name: str, events: Events, *, url: str | None = None, sha256: str | None = None) -> Report:
    """Download a weights file into the cache; go on where an earlier attempt stopped.

    Args:
        name: one of `PUBLISHED`, or what to call another file.
        events: learns how far it is.
        url: where it is instead; for other files, where it is.
        sha256: what its hash has to be; for `PUBLISHED` it is known.

    Returns:
        `{"schema": 1, "command": "weights fetch", "name", "path", "bytes", "sha256", "fetched": bool}`; not fetched: it was there.

    Raises:
        UsageProblem: an unknown name without an address or a hash, or an address that is not http or https.
        EnvironmentProblem: the server does not have it, the connection is lost again and again, the disk is full, or the hash is another.
    """
    wanted = _wanted(name, url, sha256)
    target = cache_dir() / f"{name}{PurePosixPath(urlsplit(wanted.url).path).suffix or '.pth'}"
    with LocalStore(cache_dir()).locked():
        there = target.is_file() and sha256_of(target) == wanted.sha256
        if not there:
            part = target.with_name(target.name + PART)
            _download(wanted, part, events)
            _check(part, wanted)
            part.replace(target)
            record_sum(target)
    document = {"schema": 1, "command": "weights fetch", "name": name, "path": str(target)}
    document |= {"bytes": target.stat().st_size, "sha256": wanted.sha256, "fetched": not there}
    return Report(document=document, closing=(f"{name} is {'here already' if there else 'here'}: {target}",))


def _wanted(name: str, url: str | None, sha256: str | None) -> Published:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UsageProblem(f"{name!r} cannot name a weights file", hint="use letters, digits, - and _")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UsageProblem(f"--sha256 {sha256!r} is no SHA-256", hint="it has 64 digits 0-9 and a-f")
    known = PUBLISHED.get(name)
    if known is None and (url is None or sha256 is None):
        raise UsageProblem(
            f"{name!r} is not among the files whose address and hash are known: {', '.join(PUBLISHED)}",
            hint=did_you_mean(name, list(PUBLISHED)) if url is None else "pass --sha256, so that a wrong file is noticed",
        )
    address = url or (known.url if known else "")
    if urlsplit(address).scheme not in ("http", "https"):
        raise UsageProblem(f"--url {address} is no web address", hint="it begins with https://")
    if known is not None and sha256 is not None and sha256.lower() != known.sha256:
        raise UsageProblem(f"--sha256 is not that of {name}, which is known", hint="omit it, or pass another name")
    return Published(url=address, sha256=known.sha256 if known else (sha256 or "").lower(), what=known.what if known else "")


@dataclass
class _Progress:
    """Megabytes, told as they come."""

    events: Events
    told: int = 0

    def reach(self, size: int) -> None:
        """So many bytes are there."""
        if (megabytes := size >> 20) > self.told:
            self.events.advance(megabytes - self.told)
            self.told = megabytes


def _download(wanted: Published, part: Path, events: Events) -> None:
    """Fill `part` up to the length that the server states, over several connections if need be."""
    progress: _Progress | None = None
    for attempt in range(ATTEMPTS):
        have = part.stat().st_size if part.exists() else 0
        try:
            with _answer(wanted.url, have) as answer:
                if answer is None:  # nothing is left to send
                    break
                resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
                have = have if resumed else 0
                total = _length(answer, have)
                if progress is None:
                    events.start(None if total is None else total >> 20, f"fetching {wanted.url}", done=have >> 20)
                    progress = _Progress(events, have >> 20)
                _receive(answer, part, have, progress)
            if total is None or part.stat().st_size >= total:
                break
            problem = "the connection ended early"
        except urllib.error.HTTPError as error:
            error.close()
            raise EnvironmentProblem(
                f"{wanted.url}: the server says {error.code} {error.reason}", hint="pass the file's present address with --url"
            ) from None
        except (TimeoutError, http.client.HTTPException, ConnectionError, ssl.SSLError, urllib.error.URLError) as error:
            reason = getattr(error, "reason", error)
            problem = str(reason) or type(reason).__name__
        if attempt + 1 < ATTEMPTS:
            events.detail(f"{problem}; trying again")
    else:
        raise EnvironmentProblem(
            f"{wanted.url}: {problem}, {ATTEMPTS} times", hint="what has arrived is kept: try again later with the same command"
        )
    events.stop()


def _answer(url: str, have: int) -> AbstractContextManager[http.client.HTTPResponse | None]:
    """The rest of the file, or all of it from a server that does not know how to go on; None: there is nothing more."""
    request = urllib.request.Request(url, headers={"User-Agent": "unseg"} | ({"Range": f"bytes={have}-"} if have else {}))
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            error.close()
            return nullcontext()
        raise
    return answer


def _length(answer: http.client.HTTPResponse, have: int) -> int | None:
    """Bytes of the whole file; None: the server does not say."""
    stated = answer.headers.get("Content-Length")
    return None if stated is None else have + int(stated)


def _receive(answer: IO[bytes], part: Path, have: int, progress: _Progress) -> None:
    with _writing(part):
        file = part.open("r+b" if have else "wb")
    with file:
        file.seek(have)
        while block := answer.read(BLOCK):
            with _writing(part):
                file.write(block)
                file.flush()
            have += len(block)
            progress.reach(have)


@contextmanager
def _writing(part: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise EnvironmentProblem(
            f"{part} cannot be written ({problem.strerror or problem})", hint="make room, or set UNSEG_HOME to a folder on another disk"
        ) from None


def _check(part: Path, wanted: Published) -> None:
    if (found := sha256_of(part)) != wanted.sha256:
        part.unlink()
        raise EnvironmentProblem(
            f"{wanted.url} is not the file that was asked for: its SHA-256 is {found[:12]}..., not {wanted.sha256[:12]}...",
            hint="it was removed; try again, or pass another --url",
        )

"""Where data lie, as `--data` and `--dataset` say it: KIND:PATH, KIND:PATH:PATH or a path."""

from __future__ import annotations

import os

#: Whether paths may begin with a letter and a colon.
DRIVES = os.name == "nt"


def kind_and_rest(data: str) -> tuple[str, str]:
    """What stands before the first colon and after it, or ("", `data`) where that is a path."""
    first, *others = paths_of(data)
    return (first, data[len(first) + 1 :]) if others else ("", data)


def paths_of(text: str) -> list[str]:
    """What stands between colons, but for those of drives, as in C:/images:C:/masks."""
    paths: list[str] = []
    for part in text.split(":"):
        if DRIVES and paths and len(paths[-1]) == 1 and paths[-1].isalpha() and part[:1] in ("\\", "/"):
            paths[-1] += f":{part}"
        else:
            paths.append(part)
    return paths

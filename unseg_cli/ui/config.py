"""The settings of `unseg ui`, which are its options."""

from __future__ import annotations

from dataclasses import dataclass

from unseg_cli.core.settings import option

#: The environment variable with the password; none is an option, since those can be read by other users of the machine.
PASSWORD = "UNSEG_UI_PASSWORD"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class UiConfig:
    """Settings of `unseg ui`."""

    host: str = option("127.0.0.1", help="Address to listen at; another than this machine's own needs --share-on-network.")
    port: int = option(7860, min=1, max=65_535, help="Port to listen at.")
    no_browser: bool = option(False, help="Do not open the page in a browser.")
    share_on_network: bool = option(False, help=f"Let other machines open the page, with the password in {PASSWORD}.")

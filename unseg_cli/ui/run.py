"""The workflow of `unseg ui`: refuse what is unsafe, serve the page until Ctrl-C, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.core.memory import keep_freed_memory
from unseg_cli.ui.config import LOOPBACK, PASSWORD, UiConfig


def ui(config: UiConfig, events: Events) -> Report:
    """Serve the page until Ctrl-C.

    Args:
        config: where, and for whom.
        events: learns the address.

    Returns:
        A report with the address.

    Raises:
        UsageProblem: the page would be open to others without their being asked for, or without a password.
        EnvironmentProblem: the port is taken, or there is no such address.
    """
    keep_freed_memory()
    with served(config) as url:
        events.info(f"open {url} in a browser; Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):  # how it is meant to end
            threading.Event().wait()
    return Report(document={"schema": 1, "command": "ui", "url": url})


@contextlib.contextmanager
def served(config: UiConfig) -> Iterator[str]:
    """The page's address, for as long as the block runs. What visitors upload is removed at its end.

    Raises:
        UsageProblem, EnvironmentProblem: see `ui`.
    """
    password = _password(config)
    with tempfile.TemporaryDirectory(prefix="unseg-ui-", ignore_cleanup_errors=True) as folder:
        # Read where gradio is imported: nothing is reported to its makers, and uploads lie in a folder that goes.
        os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_TEMP_DIR=folder, HF_HUB_OFFLINE="1")
        from unseg_cli.ui.controls import LOOKS
        from unseg_cli.ui.page import build_page

        page = build_page(Path(folder)).queue(default_concurrency_limit=2)
        try:
            _, url, _ = page.launch(
                server_name=config.host,
                server_port=config.port,
                inbrowser=not config.no_browser,
                auth=None if password is None else ("unseg", password),
                auth_message=None if password is None else f"Name: unseg. Password: what {PASSWORD} is set to.",
                allowed_paths=[folder],
                prevent_thread_lock=True,
                share=False,
                ssr_mode=False,
                quiet=True,
                footer_links=[],
                **LOOKS,
            )
        except OSError as problem:
            what = f"nothing can listen at {config.host}:{config.port} ({str(problem).partition('.')[0]})"
            raise EnvironmentProblem(what, hint="is it running already? else pass another --port") from None
        try:
            yield url
        finally:
            page.close(verbose=False)


def _password(config: UiConfig) -> str | None:
    """The password that visitors have to know; None where only this machine can be one."""
    if config.host in LOOPBACK:
        return os.environ.get(PASSWORD) or None
    if not config.share_on_network:
        raise UsageProblem(
            f"--host {config.host} would open the page to other machines",
            hint=f"add --share-on-network and set {PASSWORD}, or omit --host",
        )
    if not os.environ.get(PASSWORD):
        raise UsageProblem(f"--share-on-network needs a password in {PASSWORD}", hint=f"set it first: export {PASSWORD}=...")
    return os.environ[PASSWORD]

"""What is on the page: three steps and their controls, in the order in which they are read. What they do: `page.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from unseg_cli.core.budget import HIDES_ENOUGH
from unseg_cli.pictures.encode import SUFFIXES
from unseg_cli.ui.work import SHOWN

OBJECT, NOT_OBJECT, CORNER = "This is the object", "This is not the object", "A corner of a box around the object"
STRENGTHS = [
    ("Hidden: nothing to be seen, not even enlarged", "hidden"),
    ("Faint: a pattern on skin, skies and other smooth places", "faint"),
    ("Plain: a pattern all over", "plain"),
]
FORMATS = [("As they are", "keep"), ("PNG", "png"), ("JPEG", "jpeg"), ("WebP", "webp")]
SIZES = [(f"At most {HIDES_ENOUGH:,} pixels", HIDES_ENOUGH), ("At most 1,600 pixels", 1600), ("As large as they are", 0)]
METADATA = [("Keep it", "keep"), ("Without places (GPS)", "strip-gps"), ("Remove it", "strip")]
#: How it looks. Fonts are those of the system, since none may be fetched.
LOOKS: dict[str, Any] = {
    "theme": gr.themes.Base(
        primary_hue="teal", font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace"), text_size="lg", radius_size="sm"
    ).set(  # white on the usual shade would be hard to read
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
    ),
    "css": """
        .gradio-container { max-width: 1100px !important; margin: 0 auto !important }
        .problem { color: #b00020; font-weight: 600 } .dark .problem { color: #ff8a9a }
        #picture img { cursor: crosshair } #outlines { max-height: 34rem; overflow-y: auto }
    """,
}


@dataclass(frozen=True, kw_only=True)
class Controls:
    """Every control that does something, or is changed by what another one does. `said_*` is where a step answers."""

    work: gr.State
    chosen: gr.State
    corner: gr.State
    steps: gr.Walkthrough
    files: gr.File
    folder: gr.Textbox
    begin: gr.Button
    said_1: gr.HTML
    outlines: gr.Gallery
    picture: gr.Image
    about: gr.HTML
    click: gr.Radio
    whole: gr.Button
    anew: gr.Button
    box: tuple[gr.Number, ...]
    use_box: gr.Button
    said_2: gr.HTML
    onward: gr.Button
    strength: gr.Radio
    size: gr.Dropdown
    format: gr.Dropdown
    metadata: gr.Dropdown
    compare: gr.Button
    compared: gr.Column
    slider: gr.ImageSlider
    noise: gr.Image
    numbers: gr.HTML
    into: gr.Textbox
    protect: gr.Button
    said_3: gr.HTML
    download: gr.DownloadButton


def lay_out() -> Controls:
    """Put the controls on the page that is being built."""
    gr.Markdown(
        "# Protect your pictures\nThey will look the same, and teach a model that is trained on them little about real pictures. "
        "Everything happens on this computer: no picture leaves it."
    )
    found: dict[str, Any] = {
        "work": gr.State(None, delete_callback=lambda work: work and work.close()),
        "chosen": gr.State(""),
        "corner": gr.State(None),
    }
    with gr.Walkthrough(selected=1) as steps:
        with gr.Step("Pictures", id=1):
            found |= _pictures()
        with gr.Step("Outlines", id=2):
            found |= _outlines()
        with gr.Step("Protect", id=3):
            found |= _protect()
    return Controls(steps=steps, **found)


def _pictures() -> dict[str, Any]:
    suffixes = sorted({suffix for several in SUFFIXES.values() for suffix in several})
    return {
        "files": gr.File(label="Your pictures", file_count="multiple", file_types=suffixes, height=220),
        "folder": gr.Textbox(label="Or a folder on this computer", placeholder="/home/me/photos", max_lines=1),
        "begin": gr.Button("Find the objects", variant="primary"),
        "said_1": gr.HTML(),
    }


def _outlines() -> dict[str, Any]:
    gr.Markdown(
        "What lies inside the yellow line gets the protection: it is only as good as the lines. The least sure ones come first. "
        "Choose a picture; where its line is wrong, click on it."
    )
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            gr.Markdown("**All pictures**, least sure first")
            outlines = gr.Gallery(
                label="All pictures", show_label=False, columns=2, height="auto", allow_preview=False, object_fit="contain", buttons=[],
                elem_id="outlines",
            )  # fmt: skip
        with gr.Column(scale=2, min_width=280):
            about = gr.HTML()
            picture = gr.Image(label="The chosen picture", show_label=False, interactive=False, buttons=[], elem_id="picture")
            click = gr.Radio([OBJECT, NOT_OBJECT, CORNER], value=OBJECT, label="What a click on the picture says")
            said = gr.HTML()
            with gr.Row():
                whole, anew = gr.Button("The whole picture is the object"), gr.Button("Forget what I said about this picture")
            with gr.Accordion("A box, without a mouse", open=False):
                gr.Markdown("In percent of the picture's width and height:")
                with gr.Row():
                    names = (("Left", 10), ("Top", 10), ("Right", 90), ("Bottom", 90))
                    box = tuple(gr.Number(value, label=name, minimum=0, maximum=100, min_width=80) for name, value in names)
                use_box = gr.Button("Use this box")
    onward = gr.Button("The lines are right: go on", variant="primary")
    return {
        "outlines": outlines, "picture": picture, "about": about, "click": click, "whole": whole, "anew": anew, "box": box,
        "use_box": use_box, "said_2": said, "onward": onward,
    }  # fmt: skip


def _protect() -> dict[str, Any]:
    with gr.Row():
        strength = gr.Radio(STRENGTHS, value="hidden", label="Strength: more protects better, and shows more", scale=2)
        with gr.Column(scale=1, min_width=220):
            size = gr.Dropdown(SIZES, value=HIDES_ENOUGH, label="Size: small copies hide more", filterable=False)
            format = gr.Dropdown(FORMATS, value="keep", label="Format", filterable=False)
            metadata = gr.Dropdown(METADATA, value="keep", label="Metadata (camera, time, place)", filterable=False)
    compare = gr.Button("Show me the chosen picture, before and after")
    with gr.Column(visible=False) as compared:
        numbers = gr.HTML()
        gr.Markdown("**Clean on the left, protected on the right**: drag the line.")
        slider = gr.ImageSlider(label="Clean and protected", show_label=False, buttons=["fullscreen"], max_height=SHOWN)
        gr.Markdown("**What was changed**, 16 times as strong:")
        noise = gr.Image(label="What was changed", show_label=False, interactive=False, buttons=[])
    return {
        "strength": strength,
        "size": size,
        "format": format,
        "metadata": metadata,
        "compare": compare,
        "compared": compared,
        "slider": slider,
        "noise": noise,
        "numbers": numbers,
        "into": gr.Textbox(label="Write to this folder (empty: make a zip to download)", placeholder="/home/me/protected", max_lines=1),
        "protect": gr.Button("Protect all pictures", variant="primary"),
        "said_3": gr.HTML(),
        "download": gr.DownloadButton("Download the protected pictures", variant="primary", visible=False),
    }

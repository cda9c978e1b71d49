"""What pages are sent: icons the cut font has, no script inside, figures Plotly accepts."""

import re
from pathlib import Path

import pytest
import unfold
from django.contrib import admin
from plotly import graph_objects as go

from apps.core.charts import Line, figure
from portal.settings.face import UNFOLD
from tests.conftest import PROJECT

ICONS = set((PROJECT / "static/unfold/fonts/material-symbols/icons.txt").read_text().split())
TEMPLATES = sorted((PROJECT / "templates").rglob("*.html"))
_ICON = re.compile(r'material-symbols-outlined"[^>]*>\s*([a-z0-9_]+)')


def test_every_icon_of_a_page_is_in_the_font():
    used = {name for path in TEMPLATES for name in _ICON.findall(path.read_text())}
    skin = Path(str(unfold.__file__)).parent / "static/unfold/css/styles.css"
    used |= set(re.findall(r'content:"([a-z_]+)"', skin.read_text()))
    used |= {item["icon"] for group in UNFOLD["SIDEBAR"]["navigation"] for item in group["items"]}
    assert used - ICONS == set(), "run deploy/subset-fonts"
    assert len(used) > 15


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_script_or_a_style_inside(path: Path):
    text = path.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"\s(?:on[a-z]+|style)=", text) == []


def test_the_fonts_are_a_fraction_of_the_skins():
    fonts = list((PROJECT / "static/unfold/fonts").rglob("*.woff2"))
    assert len(fonts) == 4
    assert sum(font.stat().st_size for font in fonts) < 150_000


def test_no_list_needs_the_sorting_that_is_left_out():
    for model_admin in admin.site._registry.values():
        for part in (model_admin, *model_admin.inlines):
            assert not getattr(part, "ordering_field", None), "delete static/unfold/js/alpine"


def test_a_figure_is_one_that_plotly_accepts():
    lines = [Line("a", [0, 1000, 2000], [1.0, None, 3.0]), Line("b", [0], [None])]
    made = figure(lines, "By", 600)
    go.Figure(data=made["data"], layout=made["layout"])
    assert made["data"][0]["line"]["dash"] != made["data"][1]["line"]["dash"]


def test_a_long_line_has_a_point_for_two_pixels():
    made = figure([Line("a", list(range(5000)), [float(n) for n in range(5000)])], "", 600)
    assert len(made["data"][0]["x"]) <= 300

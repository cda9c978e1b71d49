"""Korean is complete: each text of code and templates; the compiled catalogue is fresh."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.template import engines
from django.utils.translation import override
from django.utils.translation.template import templatize

from tests.conftest import PROJECT

CATALOGUE = PROJECT / "locale/ko/LC_MESSAGES"
CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
IN_CONTEXT = {"pgettext", "pgettext_lazy"}
TEXT = r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
PLACEHOLDER = re.compile(r"%\(\w+\)0?\d*[sd]|\{\w+\}")
PLURAL = re.compile(r'^msgid "(.+)"\nmsgid_plural "(.+)"$', re.MULTILINE)


def python_texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            arg = node.args[0] if node.args else None
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                yield arg.value
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in IN_CONTEXT
        ):
            yield "\x04".join(ast.literal_eval(arg) for arg in node.args[:2])


def template_texts(path: Path) -> Iterator[str]:
    source = templatize(path.read_text(), origin=str(path))
    for found in re.finditer(rf"\b(?:n?gettext|_)\({TEXT}", source):
        yield ast.literal_eval(found[1])
    for found in re.finditer(rf"\bpgettext\({TEXT}, *{TEXT}", source):
        yield "\x04".join(ast.literal_eval(text) for text in found.groups())


def texts() -> set[str]:
    found: set[str] = set()
    for folder in ("apps", "portal"):
        for path in (PROJECT / folder).rglob("*.py"):
            found.update(python_texts(path))
    for folder in ("templates", "apps"):
        for pattern in ("*.html", "*.txt"):
            for path in (PROJECT / folder).rglob(pattern):
                found.update(template_texts(path))
    return found


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    with (CATALOGUE / "django.mo").open("rb") as file:
        kept = gettext.GNUTranslations(file)._catalog
    return {key[0] if isinstance(key, tuple) else key: value for key, value in kept.items() if key}


def test_every_text_has_a_korean_translation(catalogue):
    assert sorted(texts() - catalogue.keys()) == []
    assert len(texts()) > 200


def test_placeholders_survive_translation(catalogue):
    # "one more person" needs no number; Korean, with one form for all numbers, does.
    plural = dict(PLURAL.findall((CATALOGUE / "django.po").read_text()))
    assert plural
    for text, korean in catalogue.items():
        english = plural.get(text, text)
        assert sorted(PLACEHOLDER.findall(english)) == sorted(PLACEHOLDER.findall(korean)), english


def test_the_compiled_catalogue_holds_what_the_source_says(catalogue):
    source = (CATALOGUE / "django.po").read_text()
    assert "#, fuzzy" not in source
    korean = re.findall(r'^msgstr(?:\[0\])? "(.+)"$', source, re.MULTILINE)
    assert {text.replace('\\"', '"') for text in korean} == set(catalogue.values())


def test_a_korean_reader_gets_korean(staff_client):
    with override("ko"):
        hello = engines["django"].from_string("{% load i18n %}{% translate 'Overview' %}").render()
    assert hello == "개요"
    # A request leaves its language with the thread.
    with override("en"):
        page = staff_client.get("/admin/", headers={"accept-language": "ko"}).content.decode()
    assert 'lang="ko"' in page
    assert "열린 경보" in page

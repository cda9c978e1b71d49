"""Numbers, the length of short messages, and approved templates."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.delivery import notifier_for
from apps.alerts.delivery.alimtalk.template import LONGEST, Template
from apps.alerts.delivery.phone import Account, gsm, numbers, words
from apps.core.errors import InvalidInputError
from tests.alerts.phone.conftest import PAYLOAD, TEMPLATE, envelope


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3),
        ("€" * 80, 1), ("€" * 81, 2), ("한" * 70, 1), ("한" * 71, 2), ("한" * 134, 2),
        ("한" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2), ("a" * 69 + "한", 1), ("a" * 70 + "한", 2),
    ],
)  # fmt: skip
def test_a_text_is_as_many_messages_as_the_standard_says(text, parts):
    assert gsm.segments(text) == parts


@given(st.text(max_size=900), st.text(max_size=60))
def test_a_shortened_text_fits_and_keeps_its_tail(head, tail):
    fitted = gsm.fit(head, tail, 3)
    assert gsm.segments(fitted) <= 3
    assert fitted.endswith(tail)
    assert fitted == head + tail or "..." in fitted


def test_a_message_is_three_segments_at_most_and_its_link_is_whole():
    breach = {**PAYLOAD["breaches"][0], "metric": "아주.긴.이름." * 20}
    text = words.sms({**PAYLOAD, "breaches": [breach] * 9}, may_repeat=True)
    assert gsm.segments(text) == 3
    assert text.endswith("/a/D4-tW9nLRp-hZXCGdyiVDg")


def test_a_link_of_22_letters_leads_back_to_its_episode():
    episode = uuid.uuid4()
    assert words.long(words.short(episode)) == episode
    for nonsense in ("", "x", "?" * 22, "한" * 22, "A" * 40):
        assert words.long(nonsense) is None


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+82 10-1234-5678", "+821012345678"), ("+82 (0)10 1234 5678", "+821012345678"),
        ("+1 415 867 5309", "+14158675309"),
    ],
)  # fmt: skip
def test_a_number_is_kept_in_one_form(typed, number):
    assert numbers.canonical(typed) == number
    assert notifier_for("sms").validate(typed) == number


@pytest.mark.parametrize("typed", ["010-1234-5678", "+0123456789", "+82", "x", "+" + "1" * 16, ""])
def test_a_number_without_a_country_is_refused(typed):
    with pytest.raises(InvalidInputError):
        notifier_for("sms").validate(typed)


def test_only_korean_numbers_take_alimtalk_and_only_whole_topics_take_sms():
    with pytest.raises(InvalidInputError, match="Korean"):
        notifier_for("alimtalk").validate("+14158675309")
    with pytest.raises(InvalidInputError, match="ARN"):
        notifier_for("sms").validate("arn:aws:sns:x")
    assert notifier_for("sms").mask("+821012345678") == "+82•••••678"


def template(**settings) -> Template:
    return Template.of(Account("nhn", {**TEMPLATE, **settings}))


def test_a_template_comes_out_letter_by_letter_with_its_variables_filled():
    filled = template().fill(envelope("0001"))
    lines = filled.text.split("\n")
    assert lines[0] == "[Critical] [Critical] High CPU (host=web-1)"
    assert lines[1] == "값 0.97 (기준 > 0.9)"
    assert filled.values["등급"] == "Critical"


@pytest.mark.parametrize(
    ("settings", "words_"),
    [
        ({"variables": "등급 = severity"}, "제목"),
        ({"variables": "등급 = severity\n제목 = colour"}, "제목"),
        ({"variables": "등급 = severity\n제목 = title\nx = value"}, "no variable"),
        ({"variables": "nonsense"}, "reads"),
        ({"template": "x" * (LONGEST + 1), "variables": ""}, "at most"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused_when_it_is_saved(settings, words_):
    with pytest.raises(InvalidInputError, match=words_):
        template(**settings).validate()


@given(st.text(max_size=3000))
def test_whatever_a_message_says_a_filled_template_fits(text):
    payload = {**PAYLOAD, "rule": {"id": 1, "name": text, "summary": text}}
    message = envelope("0001")
    filled = template(template="#{a}\n" * 5 + "#{b}", variables="a=title\nb=summary").fill(
        type(message)(key="k", target="", secret="", payload=payload)
    )
    assert len(filled.text) <= LONGEST
    assert "\n" not in filled.values["a"]

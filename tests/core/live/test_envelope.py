"""What comes from Redis is ours or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from apps.core.live.envelope import MOST_BYTES, Stored, digits, pack, unpack
from apps.core.live.messages import Message

stored = st.builds(
    Stored,
    st.integers(0, 10**19),
    st.builds(Message, st.binary(), st.binary(), st.binary(min_size=16, max_size=16)),
)


@given(stored, st.text())
def test_what_was_packed_comes_back(one, key):
    raw = pack(b"secret", key, one)
    assert unpack(b"secret", key, raw) == one
    assert unpack(b"other", key, raw) is None
    assert unpack(b"secret", key + "x", raw) is None


@given(stored, st.integers(0), st.integers(1, 255))
def test_one_changed_byte_spoils_it(one, where, change):
    raw = bytearray(pack(b"secret", "key", one) or b"")
    raw[where % len(raw)] ^= change
    assert unpack(b"secret", "key", bytes(raw)) is None


@given(st.one_of(st.binary(), st.none(), st.text(), st.integers()))
def test_anything_else_is_nothing(raw):
    assert unpack(b"secret", "key", raw) is None


@given(st.integers(0, 10**19), st.integers(0, 10**19))
def test_versions_sort_as_text(one, other):
    assert (digits(one) < digits(other)) == (one < other)


def test_what_is_too_big_is_not_packed():
    assert pack(b"secret", "key", Stored(1, Message(b"x" * MOST_BYTES))) is None

"""The one spelling of an identifier, and whom a call names."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omnicascade.domain.deployment import Source
from omnicascade.domain.identifiers import Identifier, identifiers_of, normalise
from omnicascade.domain.identity_rules import BLOCKED_VALUES, DEFAULT_RULES, DEVICE_SCOPED

SITE, POLISH_SITE = Source("site", "web"), Source("site", "web", "PL")
TILL = Source("till", "pos", "PL", shared_device=True)

KINDS = st.sampled_from(["user_id", "email", "phone", "anonymous_id", "ios.id", "crm_id"])


def spelled(call: dict[str, Any], region: str | None = None, *, shared: bool = False) -> list[str]:
    return [str(i) for i in identifiers_of(call, Source("site", "web", region, shared_device=shared))]


@pytest.mark.parametrize("value", sorted(BLOCKED_VALUES))
def test_placeholders_name_nobody(value: str) -> None:
    """A client's bug never glues customers together, in any case, quoted or padded."""
    for written in (value, value.upper(), f"  {value} ", f'"{value}"', f"'{value}'"):
        assert DEFAULT_RULES.blocks(written)
        assert normalise("user_id", written) is None


@pytest.mark.parametrize("value", ["0", "000", "-", "--", "0-0", "00000000-0000-0000-0000-000000000000"])
def test_zeros_and_dashes_name_nobody(value: str) -> None:
    """The all-zero device id of a refused permission is everybody's."""
    assert normalise("ios.id", value) is None


@pytest.mark.parametrize("value", ["1", "a", "0a", "nobody", "usera", "10", "00000000-0000-0000-0000-000000000001"])
def test_short_values_are_still_names(value: str) -> None:
    """Only known placeholders are refused, not what merely looks poor."""
    assert normalise("user_id", value) == Identifier("user_id", value)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        (" ann@example.com ", "ann@example.com"),
        ("mailto:ann@example.com", "ann@example.com"),
        ("ann+tag@example.com", "ann+tag@example.com"),
        ("zażółć@przykład.pl", "zażółć@xn--przykad-rjb.pl"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann@example.com.", "ann@example.com"),
        ("user@example.com", "user@example.com"),
        ("guest@example.com", "guest@example.com"),
        ("ann", None),
        ("@example.com", None),
        ("ann@", None),
        ("ann@localhost", None),
        ("ann smith@example.com", None),
        ("ann@exa mple.com", None),
        ("ann@a..b", None),
        (f"ann@{'a' * 64}.com", None),
        (f"{'a' * 320}@example.com", None),
        ("null@example.com", None),
        ("undefined@example.com", None),
    ],
)
def test_an_email_has_one_spelling(written: str, stored: str | None) -> None:
    """Lower case, IDNA domain; what is no address identifies nobody."""
    assert normalise("email", written) == (Identifier("email", stored) if stored else None)


@pytest.mark.parametrize(
    ("written", "region", "stored"),
    [
        ("+48 601 234 567", None, "+48601234567"),
        ("601 234 567", "PL", "+48601234567"),
        ("0048601234567", "PL", "+48601234567"),
        ("(201) 555-0123", "US", "+12015550123"),
        ("601 234 567", None, None),
        ("601 234 567", "nowhere", None),
        ("+48 601", None, None),
        ("call me", "PL", None),
        ("1" * 300, "PL", None),
        (48601234567, None, None),
        (601234567, "PL", "+48601234567"),
    ],
)
def test_a_phone_is_e164(written: object, region: str | None, stored: str | None) -> None:
    """A number without a country code is read in the source's region, and never guessed without one."""
    assert normalise("phone", written, region) == (Identifier("phone", stored) if stored else None)


@pytest.mark.parametrize("value", [None, True, False, 1.5, [], {}, ["a"]])
def test_what_is_no_text_or_whole_number_names_nobody(value: object) -> None:
    """A boolean is not user 1."""
    assert normalise("user_id", value) is None


@pytest.mark.parametrize("kind", ["", "a:b", "a\nb", "\x00"])
def test_a_type_must_be_nameable(kind: str) -> None:
    """`type:value` and the graph's node are read back without doubt."""
    assert normalise(kind, "42") is None


@given(KINDS, st.text(max_size=20) | st.emails() | st.integers(0, 10**12))
@example("phone", "+48601234567")
def test_normalising_twice_changes_nothing(kind: str, value: object) -> None:
    """A stored identifier, given again as it is shown, finds itself."""
    once = normalise(kind, value, "PL")
    if once and not once.value.startswith("mailto:"):
        assert normalise(kind, once.value, "PL") == once


@given(KINDS, st.text(max_size=20), KINDS, st.text(max_size=20))
def test_different_identifiers_never_share_a_node(kind: str, value: str, other_kind: str, other_value: str) -> None:
    """Nodes are equal exactly when type and value are."""
    one, other = normalise(kind, value), normalise(other_kind, other_value)
    if one and other:
        assert (one.node_id == other.node_id) == (one == other)


def test_a_node_is_the_same_in_every_process() -> None:
    """The table's keys depend on this value."""
    assert Identifier("email", "ann@example.com").node_id == "hnszfxz6n2nyovb3o275qlq5k4"


def test_types_are_ranked() -> None:
    """User id, e-mail, phone, then types of one's own, then devices."""
    kinds = ["anonymous_id", "crm_id", "phone", "ios.id", "user_id", "email", "android.push_token"]
    ranked = sorted(kinds, key=DEFAULT_RULES.strength)
    assert ranked == ["user_id", "email", "phone", "crm_id", "ios.id", "android.push_token", "anonymous_id"]


def test_every_place_that_names_somebody_is_read() -> None:
    """Ids, both kinds of traits, the device and external ids, strongest first, each once."""
    call = {
        "type": "identify",
        "userId": 42,
        "anonymousId": "a-1",
        "traits": {"email": "Ann@Example.com"},
        "context": {
            "traits": {"email": "ann@example.com", "phone": "601234567"},
            "device": {"type": "iOS", "id": "d-1", "token": "t-1", "advertisingId": "ad-1", "adTrackingEnabled": True},
            "externalIds": [
                {"type": "crm_id", "id": "c-1", "collection": "users", "encoding": "none"},
                {"type": "group_id", "id": "g-1", "collection": "accounts"},
                {"type": "email", "id": "ann@work.example"},
            ],
        },
    }
    assert spelled(call, "PL") == [
        "user_id:42",
        "email:ann@example.com",
        "email:ann@work.example",
        "phone:+48601234567",
        "crm_id:c-1",
        "ios.id:d-1",
        "ios.idfa:ad-1",
        "ios.push_token:t-1",
        "anonymous_id:a-1",
    ]


@pytest.mark.parametrize(
    "device",
    [{"type": "watch", "id": "d-1"}, {"id": "d-1"}, {"type": 5, "id": "d-1"}, "ios", {"type": "ios", "id": True}],
)
def test_a_device_of_no_known_kind_names_nobody(device: object) -> None:
    """Only what can be an address of a push or a stable device id is kept."""
    assert spelled({"userId": "42", "context": {"device": device}}) == ["user_id:42"]


def test_an_advertising_id_needs_permission() -> None:
    """Without the customer's leave to track, it identifies nobody."""
    device = {"type": "android", "advertisingId": "ad-1", "adTrackingEnabled": False}
    assert spelled({"userId": "42", "context": {"device": device}}) == ["user_id:42"]


def test_a_shared_device_never_names_its_customers() -> None:
    """At a till the device's ids drop out beside a person's, and remain where nothing else is known."""
    call = {"userId": "42", "anonymousId": "till-1", "context": {"device": {"type": "ios", "id": "d-1"}}}
    assert spelled(call, shared=True) == ["user_id:42"]
    assert spelled({"anonymousId": "till-1"}, shared=True) == ["anonymous_id:till-1"]
    assert not {i.type for i in identifiers_of(call, TILL)} & DEVICE_SCOPED


def test_an_alias_names_its_previous_id() -> None:
    """As an anonymous id, and not at all where it is the same name again."""
    assert spelled({"type": "alias", "userId": "42", "previousId": "a-1"}) == ["user_id:42", "anonymous_id:a-1"]
    assert spelled({"type": "alias", "userId": "42", "previousId": " 42"}) == ["user_id:42"]
    assert spelled({"type": "track", "userId": "42", "previousId": "a-1"}) == ["user_id:42"]


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "id", "token", "email", "phone", "device"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["userId", "anonymousId", "traits", "context", "type"]), JUNK), st.booleans())
def test_any_call_can_be_read(call: dict[str, Any], shared: bool) -> None:
    """Whatever a stranger put where, reading answers with distinct, unblocked names, strongest first."""
    found = identifiers_of(call, TILL if shared else POLISH_SITE)
    assert len(set(found)) == len(found)
    assert not any(DEFAULT_RULES.blocks(i.value) for i in found)
    assert [DEFAULT_RULES.strength(i.type) for i in found] == sorted(DEFAULT_RULES.strength(i.type) for i in found)


def test_nothing_that_reads_as_two_addresses_is_an_email() -> None:
    """A value that a mail header would take for several recipients, or a quoted one, identifies nobody."""
    for value in ("a@b.com,c@d.com", "<a@b.com>", "a;b@c.com", '"a b"@c.com', "a\r\nbcc:x@y.z@c.com", "a:b@c.com"):
        assert normalise("email", value) is None, value


def test_an_endless_value_or_list_does_not_identify() -> None:
    """Values beyond 512 characters identify nobody; of a list of thousands, fifty count."""
    assert normalise("anonymous_id", "a" * 513) is None
    listed = [{"type": "crm", "id": f"c-{number}", "collection": "users"} for number in range(2000)]
    named = identifiers_of({"userId": "u", "context": {"externalIds": listed}}, SITE)
    assert len(named) == 50
    assert named[0].type == "user_id"

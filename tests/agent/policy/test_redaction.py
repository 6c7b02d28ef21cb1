"""What names a reader is found in any script and any encoding; what names nobody stays as it was."""

from __future__ import annotations

import base64
import time
import urllib.parse
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.policy.redaction import anonymous, names_somebody, plain, redacted, redacted_name

ZEROS = {
    "arabic": 0x660, "persian": 0x6F0, "nko": 0x7C0, "devanagari": 0x966, "bengali": 0x9E6, "gurmukhi": 0xA66,
    "tamil": 0xBE6, "thai": 0xE50, "lao": 0xED0, "tibetan": 0xF20, "myanmar": 0x1040, "khmer": 0x17E0,
    "mongolian": 0x1810, "full width": 0xFF10, "mathematical": 0x1D7CE, "osmanya": 0x104A0, "adlam": 0x1E950,
}  # fmt: skip
"""The zero of each script; its digits follow."""


def in_script(text: str, zero: int) -> str:
    """Return a text with its digits in another script."""
    return "".join(chr(zero + int(character)) if character.isdigit() else character for character in text)


ADDRESS = "203.0.113.5"
FORMS = {
    "plain": ADDRESS,
    "commas": "203,0,113,5",
    "blanks": "203 0 113 5",
    "line breaks": "203\n0\n113\n5",
    "no-break blanks": "203\u00a00\u00a0113\u00a05",
    "slashes": "203/0/113/5",
    "colons": "203:0:113:5",
    "underscores": "203_0_113_5",
    "arabic commas": "203\u060c0\u060c113\u060c5",
    "ideographic stops": "203\u30020\u3002113\u30025",
    "half-width stops": "203\uff610\uff61113\uff615",
    "middle dots": "203\u00b70\u00b7113\u00b75",
    "brackets": "203[.]0[.]113[.]5",
    "the word": "203 dot 0 dot 113 dot 5",
    "the bracketed word": "203(dot)0(dot)113(dot)5",
    "a letter": "host203x0x113x5.isp.example",
    "a letter of another script": "203\u548c0\u548c113\u548c5",
    "mixed marks": "203.0-113,5",
    "leading zeros": "203.000.113.005",
    "octal": "0313.0.0161.05",
    "hexadecimal octets": "0xcb.0x00.0x71.0x05",
    "hexadecimal pairs": "cb-00-71-05",
    "hexadecimal whole": "cb007105",
    "hexadecimal with a mark": "0xCB007105",
    "one number": "3405803781",
    "one number in groups": "3 405 803 781",
    "padded": "ip203000113005",
    "zero-width blanks": "203\u200b.0\u200b.113\u200b.5",
    "joiners inside numbers": "2\u200d0\u20603.\ufeff0.1\u200c13.5",
    "soft hyphens": "203\u00ad.0\u00ad.113\u00ad.5",
    "direction marks": "\u202e203\u202c.0.\u2066113\u2069.5",
    "marks upon digits": "2\u03380\u03383\u0338.0.113.5",
    "variation selectors": "2\ufe0f0\ufe0f3\ufe0f.0.113.5",
    "a filler": "203\u3164.0.113.5",
    "raised": "\u00b2\u2070\u00b3.\u2070.\u00b9\u00b9\u00b3.\u2075",
    "circled": "\u2461\u24ea\u2462.\u24ea.\u2460\u2460\u2462.\u2464",
    "chinese": "\u4e8c\u3007\u4e09.\u3007.\u4e00\u4e00\u4e09.\u4e94",
    "letters for digits": "2O3.O.ll3.5",
    "percent": "203%2E0%2E113%2E5",
    "all percent": urllib.parse.quote(ADDRESS.encode().hex(" ").replace(" ", "%")),
    "percent twice": "%2532%2530%2533.0.113.5",
    "percent of persian": urllib.parse.quote(in_script(ADDRESS, 0x6F0)),
    "old percent": "%u0032%u0030%u0033.0.113.5",
    "packed percent": "%cb%00%71%05",
    "entities": "203&#46;0&#46;113&#46;5",
    "entities of digits": "&#50;&#x30;&#0051;.0.113.5",
    "named entities": "203&period;0&period;113&period;5",
    "entities of entities": "203&amp;#46;0&amp;#46;113&amp;#46;5",
    "escapes": "\\u0032\\u0030\\u0033.0.113.5",
    "escapes with braces": "\\u{32}\\u{30}\\u{33}.0.113.5",
    "escapes of bytes": "\\x32\\x30\\x33.0.113.5",
    "packed escapes": "\\xcb\\x00\\x71\\x05",
    "base64": base64.b64encode(ADDRESS.encode()).decode(),
    "base64 without padding": base64.b64encode(ADDRESS.encode()).decode().rstrip("="),
    "base64 of more": base64.b64encode(b"ip=" + ADDRESS.encode() + b"&t=1").decode(),
    "base64 of the web": base64.urlsafe_b64encode(b"\xc2\xbf?>" + ADDRESS.encode()).decode(),
    "base64 of packed": base64.b64encode(IPv4Address(ADDRESS).packed).decode(),
    "base64 of persian": base64.b64encode(in_script(ADDRESS, 0x6F0).encode()).decode(),
    "base32": base64.b32encode(ADDRESS.encode()).decode(),
    "hexadecimal of the text": ADDRESS.encode().hex(),
    "reversed name": "5.113.0.203.in-addr.arpa",
    "mapped": "::ffff:203.0.113.5",
    "translated": "64:ff9b::cb00:7105",
    "6to4": "2002:cb00:7105::1",
    "IPv6": "2a02:8388:1:2:3:4:5:6",
    "a prefix of IPv6": "2a02:8388:1:2",
    "IPv6 in a name": "2a02-8388-1-2-3-4-5-6.dyn.example",
    "IPv6 in a reversed name": "5.0.1.7.0.0.b.c.0.0.0.0.2.0.a.2.ip6.arpa",
    "hardware": "00:1a:2b:3c:4d:5e",
    "hardware of a router": "001a.2b3c.4d5e",
    "hardware without marks": "001a2b3c4d5e",
    **{f"{script} digits": in_script(ADDRESS, zero) for script, zero in ZEROS.items()},
}
PARTS = ("203", "113", "71", "8388", "2b3c", in_script("203", 0x6F0), "MjAz", "GIYD", "2030", "3405", "405", "803")


@pytest.mark.parametrize("what", FORMS)
@pytest.mark.parametrize(
    "around",
    ["{}", "Your IP: {} is blocked.", "<b>{}</b>", "\u0634\u0645\u0627 {} \u0645\u0633\u062f\u0648\u062f", "id={};x"],
)
def test_no_form_of_an_address_survives(what: str, around: str) -> None:
    """However an address is written and whatever stands around it, no telling part of it is left."""
    left = anonymous(around.format(FORMS[what]))
    assert "[" in left, left
    assert not any(part in left for part in PARTS), left


def test_what_tags_part_is_joined() -> None:
    """A page that writes an address in pieces shows it whole."""
    assert names_somebody("<p>203.<b>0</b>.1<i>13</i>.5")
    assert anonymous("<p>203.<b>0</b>.1<i>13</i>.5") == "[ip]"


@pytest.mark.parametrize(
    "text",
    [
        "404 Not Found",
        "Twitter. It's what's happening in 2020",
        "Access Denied",
        "nginx/1.18.0 (Ubuntu)",
        "Apache/2.4.41 (Ubuntu) mod_ssl",
        "CN=GTS CA 1C3,O=Google Trust Services LLC,C=US",
        "Telecommunications Regulatory Authority",
        "d3ag4hukkh62yn.cloudfront.net",
        "\u0645\u06cc\u200c\u0634\u0648\u062f",
        "\u60a8\u8bbf\u95ee\u7684\u7f51\u9875\u4e0d\u5b58\u5728",
        "text/html; charset=UTF-8",
        "/a/b/c-d-e/f_g",
        "100% of 3 &amp; more",
        "Surf Safely!",
    ],
)
def test_words_stay_as_they_are(text: str) -> None:
    """A block page is known by its words, invisible letters of its script included: nothing is unified in them."""
    assert anonymous(text) == text
    assert not names_somebody(text)


@given(
    st.ip_addresses(v=4),
    st.sampled_from(sorted(ZEROS.values())),
    st.sampled_from([".", ",", "-", " ", "\u200b.", "\u3002", "_"]),
)
def test_every_address_in_every_script(address: IPv4Address, zero: int, mark: str) -> None:
    """Whichever address, whichever digits, whichever mark."""
    assert anonymous(in_script(str(address).replace(".", mark), zero)) == "[ip]"


@given(st.ip_addresses(v=6))
def test_every_address_of_version_6(address: IPv6Address) -> None:
    """Short, long and with an IPv4 address at its end."""
    for text in (str(address), address.exploded, address.exploded[:30] + "203.0.113.5"):
        left = anonymous(f"a {text} b")
        assert text not in left
        assert "[ip]" in left


@given(st.text(max_size=300))
def test_redaction_is_bounded_printable_and_final(text: str) -> None:
    """Nothing but words is left after one time, and no control character ever."""
    once = anonymous(text)
    assert not any(ord(character) < 32 for character in once)
    assert len(redacted(text, 100)) <= 100
    assert not names_somebody(once)
    plain(text)


PIECES = (
    "a", "1", "a-", "1-", "-", "::", ":", "@", "a@", "a@b.", "<", "<a", "&", "&#1", "&#x", "&amp;", "%2", "%25",
    "%u00", "\\u", "\\x4", "0x", "1.", "1 ", "1, ", "A1a", "=", "a=", "1\u200b", "\u06f1", "\u0967 ", "1a", "f ",
    "ab.", "ab:", "203.0.113.5 ", "O.", "dot", "1dot", "\u0301", "\u4e00", "AAAAAAAAAAAAAAAA", "aB3-", "MjAz", "[",
    "Z\u030d",
)  # fmt: skip


@pytest.mark.slow
def test_time_is_linear_in_hostile_text() -> None:
    """Whatever sixteen kilobytes are made of: four times as many take some four times as long, not sixteen."""
    slow = []
    for piece in PIECES:
        small, large = (piece * (16_384 // len(piece)), piece * (65_536 // len(piece)))
        took = [min(_seconds(text) for _ in range(3)) for text in (small, large)]
        if took[1] > max(10.0 * took[0], 0.05) or took[1] > 5.0:
            slow.append((piece, *took))
    assert slow == []


def _seconds(text: str) -> float:
    began = time.process_time()
    anonymous(text)
    names_somebody(text)
    return time.process_time() - began


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("edge.isp.example", "edge.isp.example"),
        ("d3ag4hukkh62yn.cloudfront.net", "d3ag4hukkh62yn.cloudfront.net"),
        ("e1234.dscx.akamaiedge.net", "e1234.dscx.akamaiedge.net"),
        ("203-0-113-5.isp.example", "redacted.isp.example"),
        ("203-0-113-5.dyn3.isp.example", "redacted.isp.example"),
        ("203.0.113.5.isp.example", "redacted.isp.example"),
        ("x.203.0.113.5.isp.example", "redacted.isp.example"),
        ("5.113.0.203.in-addr.arpa", "redacted.in-addr.arpa"),
        ("host203x0x113x5.isp.example", "redacted.isp.example"),
        ("ip203000113005.isp.example", "redacted.isp.example"),
        ("cb007105.isp.example", "redacted.isp.example"),
        ("user-0cb0071.isp.example", "user-0cb0071.isp.example"),
        ("2a02-8388-1-2-3-4-5-6.isp.example", "redacted.isp.example"),
        ("001a2b3c4d5e.isp.example", "redacted.isp.example"),
        ("MjAzLjAuMTEzLjU.isp.example", "redacted.isp.example"),
        ("5.0.1.7.0.0.b.c.0.0.0.0.2.0.a.2.ip6.arpa", ""),
        ("203-0-113-5", ""),
        ("203-0-113-5.example", ""),
    ],
)
def test_names_lose_the_labels_that_name_a_line(name: str, left: str) -> None:
    """Providers name lines by their address: who runs the name stays, whose it is does not."""
    assert redacted_name(name) == left

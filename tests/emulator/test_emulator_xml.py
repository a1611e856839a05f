"""Reading XML that no strict parser takes, and refusing what is no XML at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.emulator import tree as xml
from ossfs.emulator.refusals import Refused

# Carriage returns are written as references, so every character comes back.
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(TEXT, max_size=5))
def test_what_is_written_is_read(keys):
    """Any key survives, control characters included."""
    nodes = [("Object", [("Key", key)]) for key in keys]

    root = xml.parse_xml(xml.xml_document("Delete", nodes))

    assert keys == [one.find("Key") for one in root.all("Object")]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b"<D><Key>a&amp;b&lt;&gt;&quot;&apos;</Key></D>", "a&b<>\"'"),
        (b"<D><Key>&#01;&#x1F;&#X41;</Key></D>", "\x01\x1fA"),
        (b"<D><Key>\x01</Key></D>", "\x01"),
        (b"<D><Key>&unknown;</Key></D>", "&unknown;"),
        (b"<D><Key> a </Key></D>", " a "),
        (b"<D><Key/></D>", ""),
        (b"<D><Key></Key></D>", ""),
        (b"<D><Key><![CDATA[<&>]]></Key></D>", "<&>"),
        (b"<!DOCTYPE x><D><!-- <Key>no</Key> --><Key>yes</Key></D>", "yes"),
        (b'<?xml version="1.0"?>\n<D xmlns="http://x/"><Key a="b">k</Key></D>\n', "k"),
        (b"<o:D xmlns:o='x'><o:Key>k</o:Key></o:D>", "k"),
        ("﻿<D><Key>é</Key></D>".encode(), "é"),
    ],
)
def test_tolerated(text, key):
    """References to forbidden characters, raw ones, namespaces, comments, CDATA."""
    assert key == xml.parse_xml(text).find("Key")


@pytest.mark.parametrize(
    "text",
    [b"", b"text", b"<D>", b"</D>", b"<D></E>", b"<D/><E/>", b"<D/>tail", b"\xff",
     b"<D>&#1114112;</D>"],
)  # fmt: skip
def test_refused(text):
    """What is no document is MalformedXML, not a crash."""
    with pytest.raises(Refused) as caught:
        xml.parse_xml(text)

    assert "MalformedXML" == caught.value.code

"""The XML codec on answers that services really give."""

import pytest

from ossfs.store.api import ListedObject, Part
from ossfs.store.dialects.xml import XmlCodec
from ossfs.store.times import iso_time_ns

CODEC = XmlCodec()
NEW_YEAR = 1_767_225_600_000_000_000


def test_a_page_of_objects():
    """Encoded names, a marker, the namespace that some servers give."""
    page = CODEC.list_page(
        b'<?xml version="1.0" encoding="UTF-8"?>'
        b'<ListBucketResult xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"><Name>b</Name>'
        b"<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>Cg%3D</NextContinuationToken>"
        b"<Contents><Key>a%01%2Fb+c%2B%E4%B8%AD</Key>"
        b'<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"AB-2"</ETag>'
        b"<Type>Multipart</Type><Size>5</Size><StorageClass>IA</StorageClass></Contents>"
        b"<CommonPrefixes><Prefix>d%2F</Prefix></CommonPrefixes></ListBucketResult>"
    )

    assert [ListedObject("a\x01/b c+中", 5, "AB-2", NEW_YEAR, "IA", "Multipart")] == page.objects
    assert (["d/"], "Cg=") == (page.prefixes, page.next_token)


def test_names_are_decoded_only_when_they_are_encoded():
    """A percent sign in a name without EncodingType is one."""
    page = CODEC.list_page(
        b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>100%25+x</Key>"
        b"<LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>0</Size></Contents>"
        b"</ListBucketResult>"
    )

    assert ["100%25+x"] == [found.key for found in page.objects]
    assert page.next_token is None


@pytest.mark.parametrize("written", [b"a&#x1;b&#27;", b"a&#1;b\x1b", b"a\x01b&#x1B;"])
def test_characters_that_xml_cannot_hold(written):
    """They come through, raw or as references, beside the legal ones."""
    body = (
        b"<Error><Code>NoSuchKey</Code><Message>no &lt;" + written + b"&#x4e2d;</Message></Error>"
    )

    assert "no <a\x01b\x1b中" == CODEC.error(body).message


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"\xff\xfe", b"<Error>"])
def test_what_is_no_error_body(body):
    """A proxy's page or a cut-off body gives nothing, not an exception."""
    assert CODEC.error(body) is None


def test_an_error():
    """Code, message, request id, and what else may help."""
    error = CODEC.error(
        b"<Error><Code>AccessDenied</Code><Message>use the endpoint</Message>"
        b"<RequestId>5C</RequestId><HostId>h</HostId><Endpoint>oss-x</Endpoint></Error>"
    )

    assert ("AccessDenied", "use the endpoint", "5C", "Endpoint: oss-x") == error


@pytest.mark.parametrize("body", [b"", b"nonsense", b"<Other/>", b"<ListBucketResult><Con"])
def test_unreadable_pages(body):
    """They are a ValueError, for the caller to say which request it was."""
    for read in (CODEC.list_page, CODEC.parts_page, CODEC.uploads_page, CODEC.upload_id):
        with pytest.raises(ValueError):  # noqa: PT011  # whatever the parser says
            read(body)


def test_a_page_without_the_way_to_the_next():
    """A listing must not end early because a marker is missing."""
    with pytest.raises(ValueError, match="without a marker"):
        CODEC.list_page(b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")


def test_entities_do_not_explode():
    """A document that expands without end is refused."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "xxxxxxxxxx">{levels}]><Error><Code>&e9;</Code></Error>'

    assert CODEC.error(bomb.encode()) is None


def test_parts_without_checksum():
    """HashCrc64ecma is optional."""
    page = CODEC.parts_page(
        b"<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>7"
        b'</NextPartNumberMarker><Part><PartNumber>7</PartNumber><ETag>"AB"</ETag><Size>3</Size>'
        b"</Part></ListPartsResult>"
    )

    assert ([Part(7, 3, "AB", None)], 7) == (page.parts, page.next_after)


def test_a_batch_delete_is_checked_key_by_key():
    """What failed and what the answer does not name are both failures."""
    failed = CODEC.deleted(
        ["a b", "c", "d"],
        b"<DeleteResult><EncodingType>url</EncodingType><Deleted><Key>a+b</Key></Deleted>"
        b"<Error><Key>c</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        b"</DeleteResult>",
    )

    assert [("c", "AccessDenied"), ("d", "NotDeleted")] == [(f.key, f.code) for f in failed]


def test_what_a_delete_can_hold():
    """Markup is escaped, white space that parsers fold is written as references."""
    assert (
        b"<Delete><Quiet>false</Quiet><Object><Key>a&lt;&amp;&#13;&#10;&#9;</Key></Object></Delete>"
        == CODEC.delete(["a<&\r\n\t"])
    )
    assert [True, False, False] == [CODEC.can_delete(key) for key in ("a\r", "a\x01", "\uffff")]


def test_times():
    """With or without a fraction; anything else is refused."""
    assert (
        NEW_YEAR == iso_time_ns("2026-01-01T00:00:00.000Z") == iso_time_ns("2026-01-01T00:00:00Z")
    )
    for text in ("", "2026-01-01", "Thu, 01 Jan 2026 00:00:00 GMT", "2026-13-01T00:00:00Z"):
        with pytest.raises(ValueError):  # noqa: PT011  # of this function or of datetime
            iso_time_ns(text)

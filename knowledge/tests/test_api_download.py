"""Downloads: whole, in parts, resumed, and only looked at (RFC 9110)."""

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.api.downloads import Download
from common.api.ranges import NotSatisfiable, Span, asked_span
from knowledge.models import Document
from knowledge.testing import upload
from tenants.api.testing import api_as, problem
from tenants.context import acting_for

TEXT = b"0123456789" * 3
TAG = f'"{hashlib.sha256(TEXT).hexdigest()}"'


@pytest.fixture
def member(people):
    return api_as(people["acme-member"])


@pytest.fixture
def path(people):
    return f"/api/v1/documents/{upload(TEXT, by=people['acme-member'], filename='n.txt').pk}/file/"


def body(answer):
    return b"".join(answer.streaming_content)


def ask(member, path, **headers):
    return member.get(path, headers={name.replace("_", "-"): v for name, v in headers.items()})


def test_a_whole_file_says_that_parts_of_it_can_be_had(member, path):
    answer = ask(member, path)
    assert (answer.status_code, body(answer)) == (200, TEXT)
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["ETag"] == TAG
    assert answer["Content-Length"] == "30"
    assert not answer.has_header("Content-Range")
    assert "sandbox" in answer["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("asked", "got", "said"),
    [
        ("bytes=0-4", b"01234", "bytes 0-4/30"),
        ("bytes=25-", b"56789", "bytes 25-29/30"),
        ("bytes=-3", b"789", "bytes 27-29/30"),
        ("bytes=-300", TEXT, "bytes 0-29/30"),
        ("bytes=28-1000", b"89", "bytes 28-29/30"),
        ("BYTES=0-0", b"0", "bytes 0-0/30"),
    ],
)
def test_a_range_is_answered_with_just_these_bytes(member, path, asked, got, said):
    answer = ask(member, path, Range=asked)
    assert (answer.status_code, body(answer)) == (206, got)
    assert answer["Content-Range"] == said
    assert answer["Content-Length"] == str(len(got))
    assert (answer["ETag"], answer["X-Content-Type-Options"]) == (TAG, "nosniff")
    assert answer["Content-Disposition"] == 'attachment; filename="n.txt"'


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=4-2", "bytes=-", "bytes=x-", "bytes=" + "9" * 50]
)
def test_what_is_no_single_range_of_bytes_gets_the_whole(member, path, asked):
    answer = ask(member, path, Range=asked)
    assert (answer.status_code, body(answer)) == (200, TEXT)


@pytest.mark.parametrize("asked", ["bytes=30-", "bytes=31-40", "bytes=-0"])
def test_a_range_past_the_end_cannot_be_satisfied(member, path, asked):
    answer = ask(member, path, Range=asked)
    problem(answer, 416)
    assert answer["Content-Range"] == "bytes */30"


def test_a_download_is_resumed_only_from_the_same_file(member, path):
    same = ask(member, path, Range="bytes=10-", If_Range=TAG)
    assert (same.status_code, body(same)) == (206, TEXT[10:])
    for other in ('"other"', f"W/{TAG}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        changed = ask(member, path, Range="bytes=10-", If_Range=other)
        assert (changed.status_code, body(changed)) == (200, TEXT)
    past = ask(member, path, Range="bytes=99-", If_Range='"other"')
    assert (past.status_code, body(past)) == (200, TEXT)


def test_conditions_are_held_to(member, path):
    assert ask(member, path, If_None_Match=TAG).status_code == 304
    assert ask(member, path, If_None_Match=TAG, Range="bytes=0-1").status_code == 304
    assert body(ask(member, path, If_None_Match='"other"')) == TEXT
    assert ask(member, path, If_Match='"other"').status_code == 412
    assert body(ask(member, path, If_Match=TAG)) == TEXT


def test_head_says_what_get_would_and_reads_nothing(member, path):
    answer = member.head(path, headers={"Range": "bytes=0-4"})
    assert (answer.status_code, answer["Content-Length"], answer["ETag"]) == (200, "30", TAG)
    assert body(answer) == b""


def test_another_organizations_file_has_no_ranges_either(people, path):
    problem(ask(api_as(people["globex-owner"]), path, Range="bytes=0-1"), 404)


def test_the_parts_of_a_file_are_the_whole_under_asgi_as_well(tmp_path):
    stored = tmp_path / "file"
    stored.write_bytes(TEXT * 10_000)

    async def sent(span):
        response = Download(
            stored.open("rb"), filename="n.txt", size=len(TEXT) * 10_000, tag=TAG, span=span
        )
        pieces = [piece async for piece in response]
        response.close()
        return pieces

    pieces = asyncio.run(sent(Span(5, 200_005)))
    assert b"".join(pieces) == (TEXT * 10_000)[5:200_005]
    assert max(map(len, pieces)) <= Download.block_size


def test_the_row_need_not_be_read_again_while_the_file_is_sent(
    member, path, acme, django_assert_max_num_queries
):
    answer = ask(member, path)
    with django_assert_max_num_queries(0):
        assert body(answer) == TEXT
    with acting_for(acme):
        assert Document.objects.count() == 1


@given(st.text(alphabet="bytes=-,0123456789 \t", max_size=30), st.integers(0, 40))
def test_whatever_is_asked_lies_within_the_file(header, size):
    try:
        span = asked_span(header, size)
    except NotSatisfiable:
        return
    assert span is None or 0 <= span.start < span.end <= size

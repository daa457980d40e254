# ruff: noqa: RUF001 (letters of many languages)
import pytest

from knowledge.language import Language, tell_language
from knowledge.models import Document, Posting, PostingBlock
from knowledge.search import search
from knowledge.services import set_language
from knowledge.testing import read_document, upload
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.tests.sql import run

GERMAN = (
    "Die Überstunden der Mitarbeiter werden mit dem Gehalt des nächsten Monats ausgezahlt, wenn sie"
    " nicht durch Freizeit ausgeglichen werden. Urlaubsansprüche verfallen im März."
)
FRENCH = (
    "Les employés qui travaillent le dimanche ont droit à une journée de congé dans la semaine qui"
    " suit, et leurs heures sont payées avec une majoration."
)
ENGLISH = "Everybody has 25 days of vacation a year. What is left over expires in March."
TOLD = {
    "danish": "Medarbejderne har ret til fem ugers ferie om året, og det er ikke muligt at overføre"
    " dem til det næste år.",
    "dutch": "De medewerkers hebben recht op vijf weken vakantie per jaar en kunnen deze niet naar"
    " het volgende jaar meenemen.",
    "english": ENGLISH,
    "finnish": "Työntekijöillä on oikeus viiteen viikkoon lomaa, mutta se ei ole siirrettävissä kun"
    " hän on poissa.",
    "french": FRENCH,
    "german": GERMAN,
    "greek": "Οι εργαζόμενοι δικαιούνται πέντε εβδομάδες άδειας τον χρόνο.",
    "hungarian": "Az alkalmazottak öt hét szabadságra jogosultak, és ez nem vihető át a következő"
    " évre, ha azt nem kérik.",
    "italian": "I dipendenti hanno diritto a cinque settimane di ferie e non possono portarle"
    " all'anno che segue.",
    "norwegian": "De ansatte har rett til fem uker ferie i året, og de kan ikke overføre dem til"
    " neste år uten etter avtale med noen.",
    "portuguese": "Os empregados têm direito a cinco semanas de férias por ano e não podem"
    " transferi-las para o ano que se segue.",
    "russian": "Сотрудники имеют право на пять недель отпуска в год, и они не могут брать его на"
    " следующий год.",
    "simple": "員工每年享有五周的假期，不能轉到下一年。",
    "spanish": "Los empleados tienen derecho a cinco semanas de vacaciones al año y no pueden"
    " llevarlas al año que sigue.",
    "swedish": "De anställda har rätt till fem veckors semester om året och det är inte möjligt att"
    " föra över den till nästa år.",
    "turkish": "Çalışanların yılda beş hafta izin hakkı var ve bu izin daha sonra ne yazık ki bir"
    " sonraki yıla devredilemez.",
}


@pytest.fixture
def owner(people):
    return people["acme-owner"]


def found(user, query):
    with acting_for(user.organization_id):
        return [h.filename for h in search(user=user, query=query, vector=None, mode="text")]


def languages(acme):
    with acting_for(acme):
        return dict(Document.objects.values_list("filename", "language"))


def test_the_languages_are_configurations_of_postgresql(db):
    there = {name for (name,) in run("SELECT cfgname::text FROM pg_ts_config")}
    assert set(Language.values) - there == set()


@pytest.mark.parametrize(("language", "text"), TOLD.items())
def test_a_sentence_or_two_tell_their_language(db, language, text):
    assert tell_language([text]) == language


@pytest.mark.parametrize("text", ["", "Invoice 4711", "12 34 56", "Rocket Garden", "x" * 5_000])
def test_what_says_nothing_is_english(db, text):
    assert tell_language([text]) == "english"


def test_words_are_found_in_the_forms_of_their_language(acme, owner):
    for name, text in [("de", GERMAN), ("fr", FRENCH), ("en", ENGLISH)]:
        read_document(text, by=owner, filename=name)
    assert languages(acme) == {"de": "german", "fr": "french", "en": "english"}
    assert found(owner, "ausgezahlte Überstunde") == ["de"]
    assert found(owner, "uberstunden") == ["de"]  # as on a keyboard without umlauts
    assert found(owner, "employée majorations") == ["fr"]
    assert found(owner, "expired vacations") == ["en"]
    assert found(owner, "die") == []  # a stop word, where it stands


def test_a_language_that_is_chosen_stays_and_the_words_follow(acme, owner):
    document = read_document(GERMAN, by=owner, filename="de")
    assert found(owner, "Mitarbeitern") == ["de"]
    for language, finds in [("simple", []), ("german", ["de"]), (None, ["de"])]:
        with acting_for(acme):
            set_language(document=document, language=language, by=owner)
            kept = Document.objects.get()
            assert kept.is_language_chosen == (language is not None)
            assert PostingBlock.objects.get().language == kept.language == (language or "german")
            assert PostingBlock.objects.get().chunk_count == kept.chunk_count
        assert found(owner, "Mitarbeitern") == finds
        assert found(owner, "Mitarbeiter") == ["de"]


def test_a_language_chosen_before_reading_is_kept(acme, owner):
    from knowledge.ingestion import read
    from knowledge.ingestion.pipeline import ingest

    document = upload(GERMAN, by=owner)
    with acting_for(acme):
        set_language(document=document, language="simple", by=owner)
        assert not Posting.objects.exists()
        ingest(acme.pk, document.pk, read=read.read_document)
    assert languages(acme) == {"notes.md": "simple"}
    assert found(owner, "mitarbeiter") == ["notes.md"]
    assert found(owner, "mitarbeitern") == []


@pytest.mark.django_db(transaction=True)
class TestInTheAPI:
    def test_the_language_is_shown_and_chosen(self, people, owner):
        document = read_document(GERMAN, by=owner)
        path = f"/api/v1/documents/{document.pk}/"
        client = api_as(people["acme-manager"])
        assert client.get(path).json()["language"] == "german"
        for asked, told in [("simple", "simple"), (None, "german"), ("french", "french")]:
            answer = client.patch(path, {"language": asked}, format="json")
            assert answer.status_code == 200, answer.content
            assert answer.json()["language"] == client.get(path).json()["language"] == told
        answer = client.patch(path, {"language": "klingon"}, format="json")
        assert fields_at_fault(answer) == {"language"}

    def test_who_may_not_change_a_document_does_not_choose_its_language(self, people, owner):
        document = read_document(GERMAN, by=owner)
        path = f"/api/v1/documents/{document.pk}/"
        problem(api_as(people["acme-viewer"]).patch(path, {"language": "french"}), 403)
        problem(api_as(people["globex-owner"]).patch(path, {"language": "french"}), 404)
        assert api_as(people["acme-viewer"]).get(path).json()["language"] == "german"

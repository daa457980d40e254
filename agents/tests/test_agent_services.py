from threading import Barrier, Thread

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from agents.models import AgentVersion, Conversation, Message, ModelProvider
from agents.providers import provider_of
from agents.services import (
    AgentNotPublished,
    IdempotencyConflict,
    InvalidConversation,
    ModelUnavailable,
    TurnInProgress,
    post_message,
    publish_agent,
    start_conversation,
    stop_reply,
)
from agents.testing import ask, kept_events, make_agent, make_conversation, make_project
from tenants.context import acting_as_platform, acting_for
from tenants.deletion import delete
from tenants.services import remove_member


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def acting(acme):
    with acting_for(acme):
        yield


def provider_listing(name):
    return ModelProvider.objects.create(name="Ours", kind="openai", models=[{"name": name}])


def jobs():
    return list(ProcrastinateJob.objects.filter(task_name="agents.tasks.run_turn"))


def race(first, second):
    """Run two functions at the same moment, each in its thread; return what came of them."""
    barrier, results = Barrier(2), []

    def run(function):
        try:
            barrier.wait()
            results.append(function())
        except (InvalidConversation, TurnInProgress) as error:
            results.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[function]) for function in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# Publishing


def test_publishing_copies_the_draft_and_counts_up(acting, owner):
    agent = make_agent(by=owner, system_prompt="Old")
    agent.system_prompt = "New"
    agent.save()
    version = publish_agent(agent=agent, by=owner, note="Clearer")
    assert (version.number, version.system_prompt, version.note) == (2, "New", "Clearer")
    assert version.published_by == owner
    assert agent.versions.get(number=1).system_prompt == "Old"
    assert agent.current_version() == version


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_at_once_make_two_versions(acme, owner):
    with acting_for(acme):
        agent = make_agent(by=owner)

    def publish():
        with acting_for(acme):
            return publish_agent(agent=agent, by=owner).number

    assert sorted(race(publish, publish)) == [2, 3]


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_platform_staff_publish_without_being_named(acme, owner, people):
    with acting_for(acme):
        agent = make_agent(by=owner)
    with acting_as_platform():
        assert publish_agent(agent=agent, by=people["staff"]).number == 2
    with acting_for(acme):
        assert AgentVersion.objects.get(agent=agent, number=2).published_by is None


# Starting


def test_a_member_starts_a_conversation(acting, member, owner):
    project = make_project(member)
    for agent in (make_agent(by=owner), make_agent(by=owner, project=project)):
        conversation = start_conversation(agent=agent, project=project, by=member, title="Days")
        assert (conversation.user, conversation.title) == (member, "Days")


@pytest.mark.parametrize(
    ("which", "field"),
    [
        ("unpublished agent", "agent"),
        ("agent switched off", "agent"),
        ("agent of another project", "agent"),
        ("project not joined", "project"),
        ("project switched off", "project"),
    ],
)
def test_a_conversation_that_cannot_be(acting, member, owner, which, field):
    agent, project = make_agent(by=owner), make_project(member)
    if which == "unpublished agent":
        delete(agent.current_version())
    elif which == "agent switched off":
        agent.is_active = False
        agent.save()
    elif which == "agent of another project":
        agent.project = make_project(owner)
        agent.save()
    elif which == "project not joined":
        remove_member(project=project, user=member)
    else:
        project.is_active = False
        project.save()
    with pytest.raises(InvalidConversation) as refusal:
        start_conversation(agent=agent, project=project, by=member)
    assert refusal.value.field == field


def test_an_agent_of_one_project_does_not_work_in_another(acting, owner):
    agent = make_agent(by=owner, project=make_project(owner, "One"))
    with pytest.raises(InvalidConversation, match="another project") as refusal:
        start_conversation(agent=agent, project=make_project(owner, "Two"), by=owner)
    assert refusal.value.field == "project"


def test_a_viewer_does_not_converse(acting, owner, people):
    agent = make_agent(by=owner)
    viewer = people["acme-viewer"]
    with pytest.raises(PermissionDenied):
        start_conversation(agent=agent, project=make_project(viewer), by=viewer)


# Posting


def test_posting_stores_the_question_a_pending_reply_and_a_job(acting, member):
    conversation = make_conversation(member)
    reply = post_message(conversation=conversation, content="How many days?", by=member)
    assert (reply.role, reply.status, reply.content) == ("assistant", "pending", "")
    assert (reply.reply_to.role, reply.reply_to.content) == ("user", "How many days?")
    assert reply.agent_version == conversation.agent.current_version()
    [job] = jobs()
    assert (job.queue_name, job.status) == ("turns", "todo")
    assert job.args == {"organization_id": str(member.organization_id), "reply_id": str(reply.pk)}
    conversation = Conversation.objects.get()
    assert (conversation.message_count, conversation.title) == (2, "How many days?")


def test_a_turn_runs_the_newest_version(acting, member, owner):
    conversation = make_conversation(member)
    publish_agent(agent=conversation.agent, by=owner)
    reply = post_message(conversation=conversation, content="Hello", by=member)
    assert reply.agent_version.number == 2


def test_what_is_rolled_back_leaves_no_job(acting, member):
    conversation = make_conversation(member)
    with transaction.atomic():
        post_message(conversation=conversation, content="Hello", by=member)
        transaction.set_rollback(True)
    assert not jobs()
    assert not Message.objects.exists()


def test_a_long_question_gives_a_short_title(acting, member):
    conversation = make_conversation(member)
    post_message(conversation=conversation, content="How many\n days " * 20, by=member)
    title = Conversation.objects.get().title
    assert title.startswith("How many days How many days")
    assert title.endswith("…")
    assert len(title) <= 80


def test_a_title_that_was_given_stays(acting, member):
    conversation = make_conversation(member)
    conversation.title = "Vacation"
    conversation.save()
    post_message(conversation=conversation, content="Hello", by=member)
    assert Conversation.objects.get().title == "Vacation"


def test_a_second_question_waits_for_the_answer(acting, member):
    conversation = make_conversation(member)
    post_message(conversation=conversation, content="One", by=member)
    with pytest.raises(TurnInProgress):
        post_message(conversation=conversation, content="Two", by=member)
    assert Message.objects.count() == conversation.message_count == 2
    assert len(jobs()) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_questions_at_once_one_is_asked(acme, member):
    with acting_for(acme):
        conversation = make_conversation(member)

    def post():
        with acting_for(acme):
            return post_message(
                conversation=Conversation.objects.get(pk=conversation.pk),
                content="Hello",
                by=member,
            )

    results = race(post, post)
    assert sorted(type(result).__name__ for result in results) == ["Message", "TurnInProgress"]
    assert len(jobs()) == 1
    with acting_for(acme):
        assert Conversation.objects.get().message_count == Message.objects.count() == 2


def test_a_key_asks_once(acting, member):
    conversation = make_conversation(member)
    asked = {"conversation": conversation, "content": "Hello", "by": member}
    reply = post_message(**asked, idempotency_key="k1")
    assert post_message(**asked, idempotency_key="k1") == reply
    assert len(jobs()) == 1
    with pytest.raises(IdempotencyConflict):
        post_message(**asked | {"content": "Other"}, idempotency_key="k1")
    with pytest.raises(TurnInProgress):
        post_message(**asked, idempotency_key="k2")


@pytest.mark.django_db(transaction=True)
def test_a_key_asks_once_even_twice_at_once(acme, member):
    with acting_for(acme):
        conversation = make_conversation(member)

    def post():
        with acting_for(acme):
            return post_message(
                conversation=Conversation.objects.get(pk=conversation.pk),
                content="Hello",
                by=member,
                idempotency_key="k1",
            ).pk

    first, second = race(post, post)
    assert first == second
    assert len(jobs()) == 1


def test_a_key_that_a_deleted_message_has_stays_used(acting, member):
    conversation = make_conversation(member)
    asked = {"conversation": conversation, "content": "Hello", "by": member}
    reply = post_message(**asked, idempotency_key="k1")
    delete(reply.reply_to)
    delete(reply)
    with pytest.raises(IdempotencyConflict, match="deleted message"):
        post_message(**asked, idempotency_key="k1")
    assert post_message(**asked, idempotency_key="k2") != reply


def test_the_number_of_a_deleted_version_is_not_given_again(acting, member):
    agent = make_agent(by=member)
    delete(publish_agent(agent=agent, by=member))
    assert agent.current_version().number == 1
    assert publish_agent(agent=agent, by=member).number == 3


def test_a_model_without_a_key_is_named_before_anything_is_stored(acting, member, settings):
    settings.GEMINI_API_KEY = ""
    conversation = make_conversation(member, model_name="gemini-2.5-pro")
    with pytest.raises(ModelUnavailable) as refusal:
        post_message(conversation=conversation, content="Hello", by=member)
    assert refusal.value.setting == "GEMINI_API_KEY"
    assert "gemini-2.5-pro needs GEMINI_API_KEY" in refusal.value.detail
    assert "extractive only" in refusal.value.detail
    assert not Message.objects.exists()
    assert not jobs()


@pytest.mark.parametrize(
    ("model_name", "setting"),
    [
        ("gpt-5", "OPENAI_API_KEY"),
        ("openai/gpt-5", "OPENAI_API_KEY"),
        ("claude-opus-4", "ANTHROPIC_API_KEY"),
        ("ollama/llama3", "OLLAMA_HOST"),
        ("nobody-knows", ""),
    ],
)
def test_each_family_names_its_setting(acting, member, settings, model_name, setting):
    if setting:
        setattr(settings, setting, "")
    own = provider_listing("nobody-knows")
    conversation = make_conversation(member, model_name=model_name)
    delete(own)
    with pytest.raises(ModelUnavailable) as refusal:
        post_message(conversation=conversation, content="Hello", by=member)
    assert refusal.value.setting == setting


def test_a_key_makes_the_models_of_its_family_usable_and_is_named_nowhere(acting, member, settings):
    settings.GEMINI_API_KEY, settings.OPENAI_API_KEY = "secret-of-the-test", ""
    conversation = make_conversation(member, model_name="gemini-2.5-pro")
    assert post_message(conversation=conversation, content="Hello", by=member)
    with pytest.raises(ModelUnavailable) as refusal:
        ask(member, model_name="gpt-5")
    assert "gemini" in refusal.value.detail
    assert "secret-of-the-test" not in refusal.value.detail


def test_a_fallback_that_can_be_used_is_enough(acting, member, settings):
    settings.GEMINI_API_KEY = ""
    fields = {"model_name": "gemini-2.5-pro", "fallback_model": "extractive"}
    conversation = make_conversation(member, **fields)
    assert post_message(conversation=conversation, content="Hello", by=member)


@pytest.mark.parametrize("name", ["gemini-/../files", "gpt-5?key=1", "claude-\n", "gpt- 5"])
def test_a_name_that_is_none_is_not_sent_to_a_provider(settings, name):
    settings.GEMINI_API_KEY = settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = "a-key"
    with pytest.raises(ModelUnavailable):
        provider_of(name)
    assert provider_of("gpt-5")


def test_an_agent_that_is_not_published_any_more(acting, member):
    conversation = make_conversation(member)
    conversation.agent.is_active = False
    conversation.agent.save()
    with pytest.raises(AgentNotPublished):
        post_message(conversation=conversation, content="Hello", by=member)


def test_nobody_asks_in_another_persons_conversation(acting, member, owner):
    conversation = make_conversation(member)
    assert Conversation.objects.visible_to(owner).filter(pk=conversation.pk).exists()
    with pytest.raises(PermissionDenied):
        post_message(conversation=conversation, content="Hello", by=owner)


def test_who_left_the_project_asks_no_more(acting, member):
    conversation = make_conversation(member)
    remove_member(project=conversation.project, user=member)
    with pytest.raises(PermissionDenied):
        post_message(conversation=conversation, content="Hello", by=member)


# Stopping


def test_who_asked_stops_the_answer(acme, member, owner):
    reply = ask(member)
    with acting_for(acme):
        with pytest.raises(PermissionDenied):
            stop_reply(reply=reply, by=owner)
        stopped = stop_reply(reply=reply, by=member)
        assert (stopped.status, stopped.finish_reason) == ("stopped", "stopped")
        assert stop_reply(reply=reply, by=member).status == "stopped"
    assert [kind for _, kind, _ in kept_events(reply)] == ["message.started", "message.stopped"]


def test_another_question_may_follow_a_stopped_one(acting, member):
    conversation = make_conversation(member)
    reply = post_message(conversation=conversation, content="One", by=member)
    stop_reply(reply=reply, by=member)
    assert post_message(conversation=conversation, content="Two", by=member).status == "pending"

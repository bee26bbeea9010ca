import logging
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.core import mail

from config.operations import webhook
from config.operations.notifications import Channel, Level, Outcome, Result, notify
from config.redaction import MASK
from tests.config.operations.receiver import SECRET, Receiver

LOGGER = "config.operations.notifications"


@pytest.fixture(autouse=True)
def _secret_appears_nowhere(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    yield
    output, errors = capfd.readouterr()
    assert SECRET not in caplog.text + output + errors


@pytest.fixture
def pauses(monkeypatch):
    """Return the list of the pauses that were made, which take no time."""
    seconds = []
    monkeypatch.setattr(webhook.time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def send(settings):
    """Return a function that notifies through the webhook of an address, and returns its outcome."""

    def send_to(address, *, title="백업", text="끝났습니다", **options):
        settings.NOTIFY_WEBHOOK_URL = address
        outcomes = notify(title=title, text=text, **options)
        assert SECRET not in repr(outcomes)
        return outcomes[0]

    return send_to


class TestWithoutConfiguration:
    def test_sends_nothing_which_is_no_error(self, caplog):
        outcomes = notify(title="백업", text="끝났습니다")

        assert [(outcome.channel, outcome.result) for outcome in outcomes] == [
            (Channel.WEBHOOK, Result.NOT_CONFIGURED),
            (Channel.EMAIL, Result.NOT_CONFIGURED),
        ]
        assert not any(outcome.is_failure for outcome in outcomes)
        assert mail.outbox == []
        assert caplog.messages == []


class TestWebhook:
    def test_carries_level_title_environment_and_text(self, send, caplog):
        with Receiver((200, {})) as receiver:
            outcome = send(receiver.address, level=Level.ERROR)

        assert outcome == Outcome(channel=Channel.WEBHOOK, result=Result.SENT, detail="HTTP 200")
        assert receiver.messages == [{"text": f"*[{Level.ERROR.label}] 백업 (test)*\n끝났습니다"}]
        assert caplog.record_tuples == [
            (LOGGER, logging.INFO, "notification by webhook: sent (HTTP 200)"),
        ]

    def test_waits_as_long_as_the_receiver_asks_and_tries_once_more(self, send, pauses):
        with Receiver((429, {"Retry-After": "3"}), (200, {})) as receiver:
            outcome = send(receiver.address)

        assert outcome.result is Result.SENT
        assert pauses == [3]
        assert len(receiver.messages) == 2

    def test_understands_a_date_to_wait_for(self, send, pauses):
        moment = datetime.now(tz=UTC) + timedelta(seconds=60)

        with Receiver((429, {"Retry-After": format_datetime(moment, usegmt=True)}), (200, {})) as receiver:
            outcome = send(receiver.address, longest_pause_seconds=100)

        assert outcome.result is Result.SENT
        assert 0 < pauses[0] <= 60

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "-5"}])
    def test_waits_a_second_when_told_nothing_it_understands(self, send, pauses, headers):
        with Receiver((429, headers), (200, {})) as receiver:
            send(receiver.address)

        assert pauses == [1]

    def test_tries_no_more_than_twice(self, send, pauses):
        with Receiver(*[(429, {"Retry-After": "0"})] * 3) as receiver:
            outcome = send(receiver.address)

        assert (outcome.result, outcome.detail) == (Result.RATE_LIMITED, "HTTP 429")
        assert len(receiver.messages) == 2

    def test_does_not_wait_for_longer_than_it_may(self, send, pauses):
        with Receiver((429, {"Retry-After": "11"}), (200, {})) as receiver:
            outcome = send(receiver.address)

        assert outcome.result is Result.RATE_LIMITED
        assert pauses == []

    @pytest.mark.parametrize("status", [500, 404])
    def test_says_with_which_status_it_was_rejected(self, send, status, caplog):
        with Receiver((status, {})) as receiver:
            outcome = send(receiver.address)

        assert (outcome.result, outcome.detail) == (Result.REJECTED, f"HTTP {status}")
        assert outcome.is_failure
        assert caplog.record_tuples == [
            (LOGGER, logging.WARNING, f"notification by webhook: rejected (HTTP {status})")
        ]

    def test_does_not_follow_a_redirect(self, send):
        with Receiver((200, {})) as other, Receiver((302, {"Location": other.address})) as receiver:
            outcome = send(receiver.address)

        assert (outcome.result, outcome.detail) == (Result.REJECTED, "HTTP 302")
        assert other.paths == []

    def test_does_not_wait_for_a_receiver_that_hangs(self, send):
        with Receiver() as receiver:
            outcome = send(receiver.address, timeout_seconds=0.2)

        assert outcome.result is Result.NO_ANSWER

    def test_does_not_wait_for_a_host_name_that_takes_forever(self, send, monkeypatch):
        released = threading.Event()
        monkeypatch.setattr("socket.getaddrinfo", lambda *arguments: released.wait(30))

        outcome = send(f"https://chat.example.org/{SECRET}", timeout_seconds=0.1)
        released.set()

        assert outcome.result is Result.NO_ANSWER

    def test_says_that_nothing_listens(self, send):
        with Receiver() as receiver:
            address = receiver.address

        assert send(address).result is Result.NO_CONNECTION

    def test_says_that_the_host_is_unknown(self, send):
        assert send(f"https://chat.invalid/{SECRET}", timeout_seconds=30).result is Result.UNKNOWN_HOST

    @pytest.mark.parametrize(
        "address",
        [
            f"http://chat.example.org/{SECRET}",
            f"file:///{SECRET}",
            f"https:///{SECRET}",
            f"https://chat.example.org:port/{SECRET}",
            f"https://user:{SECRET}@chat.example.org/",
            f"https://{SECRET}@chat.invalid/",
            f"https://[::1/{SECRET}",
            f"http://127.0.0.1:1/a b/{SECRET}",
            f"http://127.0.0.1:1/웹훅/{SECRET}",
            f"https://{'a' * 70}.example.org/{SECRET}",
            SECRET,
        ],
    )
    def test_refuses_what_is_not_a_valid_https_address(self, send, address):
        assert send(address).result is Result.INVALID_ADDRESS

    def test_says_what_else_went_wrong_in_one_word(self, send, settings):
        class Broken:
            def __str__(self):
                raise LookupError(SECRET)

        outcome = send("http://127.0.0.1:1/", text=Broken())

        assert (outcome.result, outcome.detail) == (Result.FAILED, "LookupError")


class TestContent:
    def test_keeps_secrets_to_itself(self, send, settings):
        settings.EMAIL_HOST_PASSWORD = "mail-Pass-1"
        with Receiver((200, {})) as receiver:
            send(
                receiver.address,
                title=f"sent to {receiver.address}",
                text=f"/{SECRET} password=db-Pass-2 mail-Pass-1",
            )

        [message] = receiver.messages
        assert MASK in message["text"]
        assert [word for word in (SECRET, "db-Pass-2", "mail-Pass-1") if word in message["text"]] == []

    def test_calls_nobody_and_links_nothing(self, send):
        with Receiver((200, {})) as receiver:
            send(receiver.address, text="<!channel> & <https://example.org|백업>")

        assert "&lt;!channel&gt; &amp; &lt;https" in receiver.messages[0]["text"]

    def test_shortens_what_is_too_long_and_keeps_a_title_on_one_line(self, send):
        with Receiver((200, {})) as receiver:
            send(receiver.address, title="가\n" * 1000, text="나" * 100_000)

        title, text = receiver.messages[0]["text"].split("\n")
        assert len(title) < 200
        assert len(text) == 3000
        assert text.endswith("…")


class TestEmail:
    def test_goes_to_the_recipients_without_secrets(self, settings):
        settings.NOTIFY_EMAIL_RECIPIENTS = ["treasurer@example.org"]
        settings.NOTIFY_WEBHOOK_URL = ""

        outcomes = notify(title="백업\n실패", text="password=db-Pass-2", level=Level.WARNING)

        [message] = mail.outbox
        assert outcomes[1] == Outcome(channel=Channel.EMAIL, result=Result.SENT)
        assert message.to == ["treasurer@example.org"]
        assert message.subject == f"[{Level.WARNING.label}] 백업 실패 (test)"
        assert message.body == f"password={MASK}"

    def test_tells_of_a_mail_server_that_does_not_answer(self, settings):
        settings.NOTIFY_EMAIL_RECIPIENTS = ["treasurer@example.org"]
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

        outcomes = notify(title="백업", text="끝났습니다")

        assert outcomes[1].result is Result.NO_CONNECTION

    def test_is_sent_although_the_webhook_fails(self, settings):
        settings.NOTIFY_EMAIL_RECIPIENTS = ["treasurer@example.org"]

        settings.NOTIFY_WEBHOOK_URL = f"http://chat.example.org/{SECRET}"
        outcomes = notify(title="백업", text="끝났습니다")

        assert [outcome.result for outcome in outcomes] == [Result.INVALID_ADDRESS, Result.SENT]

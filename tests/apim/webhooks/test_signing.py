"""Signatures are those of the specification."""

from __future__ import annotations

import base64

from apim.webhooks.signing import new_secret, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    signed = signature(
        [SECRET], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_roll_both_secrets_sign() -> None:
    other = new_secret()
    both = signature([other, SECRET], message_id="evt_1", timestamp=1, body=b"{}")
    assert both.split(" ") == [
        signature([other], message_id="evt_1", timestamp=1, body=b"{}"),
        signature([SECRET], message_id="evt_1", timestamp=1, body=b"{}"),
    ]


def test_a_secret_has_as_many_bytes_as_the_digest() -> None:
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != new_secret()

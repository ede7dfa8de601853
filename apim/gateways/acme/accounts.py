"""The account of an environment at its authority, registered when it is first needed."""

from __future__ import annotations

from functools import partial
from typing import Final

from django.conf import settings

from apim.gateways.acme.client import ACMEClient, ACMEFault
from apim.gateways.acme.jws import AccountKey
from apim.gateways.models import ACMEAccount, Environment
from apim.gateways.outbound import GuardedTransport

_SEAL_CONTEXT: Final = "gateways.acme_account.key"


def client_of(environment: Environment) -> ACMEClient:
    """What asks the environment's authority, with an account there. Errors: ACMEFault."""
    if not (environment.acme_directory and environment.acme_contact and environment.has_agreed_to_acme_terms):
        message = "The environment's page names no authority and contact, or nobody has agreed to its terms."
        raise ACMEFault(message)
    account = _account(environment)
    key = AccountKey.from_pem(settings.KEYRING.unseal(bytes(account.key_sealed), _SEAL_CONTEXT))
    transport = partial(GuardedTransport, environment, settings.FORBIDDEN_UPSTREAMS)
    client = ACMEClient(environment.acme_directory, key, transport, account.url)
    if not account.url or account.contact != environment.acme_contact:
        if account.url:
            client.change_contact(environment.acme_contact)
        else:
            account.url = client.register(environment.acme_contact)
        account.contact = environment.acme_contact
        account.save(update_fields=["url", "contact"])
    return client


def forget_account(environment: Environment) -> None:
    """The authority does not know the account any more: the next order registers another one."""
    ACMEAccount.objects.filter(environment=environment, directory=environment.acme_directory).delete()


def _account(environment: Environment) -> ACMEAccount:
    found = ACMEAccount.objects.filter(environment=environment, directory=environment.acme_directory).first()
    if found is not None:
        return found
    sealed = settings.KEYRING.seal(AccountKey.new().pem(), _SEAL_CONTEXT)
    account, _ = ACMEAccount.objects.get_or_create(
        environment=environment, directory=environment.acme_directory, defaults={"key_sealed": sealed}
    )
    return account

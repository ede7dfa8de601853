"""Accounts, their transactions, and transfers between them; kept in memory, so a restart begins anew.

Withdrawals, deposits and reversals are for the gateway, which makes a transfer of them: they are in no contract, so
callers cannot reach them.

Run it: python -m examples.bank.accounts.service --port 9101
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus

from examples.bank.accounts.bookings import Booking, Bookings
from examples.bank.server import Answer, RefusedError, Request, Service, serve

CURRENCIES = ("EUR", "USD", "GBP")
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_TEXT = 140
MAX_KEPT = 10_000  # transfers and transactions an account remembers; a demo may run for weeks
_AMOUNT = re.compile(r"\d{1,12}\.\d{2}")


@dataclass(slots=True)
class Account:
    """A balance and what moved on it, newest last."""

    id: str
    holder: str
    iban: str
    currency: str
    balance: Decimal
    opened_on: str
    status: str = "open"
    transactions: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, str]:
        """The contract's Account."""
        return {
            "id": self.id,
            "holder": self.holder,
            "iban": self.iban,
            "currency": self.currency,
            "balance": f"{self.balance:.2f}",
            "status": self.status,
            "opened_on": self.opened_on,
        }


class Bank:
    """All accounts. One lock: both sides of a transfer are booked together."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        """Open for business with these accounts."""
        self._accounts = {account.id: account for account in accounts}
        self._transfers: dict[str, dict[str, str]] = {}
        self._transfers_made = 0
        self._booked = 0
        self._bookings = Bookings()
        self._lock = threading.Lock()

    def list_accounts(self, request: Request) -> Answer:
        """GET /accounts."""
        currency = request.query.get("currency")
        if currency is not None and currency not in CURRENCIES:
            raise _bad_request(f"currency must be one of {', '.join(CURRENCIES)}.")
        limit = _limit_of(request)
        chosen = [account for account in self._accounts.values() if currency in {None, account.currency}]
        return Answer(HTTPStatus.OK, {"accounts": [account.as_json() for account in chosen[:limit]]})

    def get_account(self, request: Request) -> Answer:
        """GET /accounts/{id}."""
        return Answer(HTTPStatus.OK, self._account(request.path["id"]).as_json())

    def list_transactions(self, request: Request) -> Answer:
        """GET /accounts/{id}/transactions."""
        account = self._account(request.path["id"])
        limit = _limit_of(request)
        since = _day_of(request.query.get("since", "0001-01-01"))
        with self._lock:
            newest_first = [entry for entry in reversed(account.transactions) if entry["booked_at"][:10] >= since]
        return Answer(HTTPStatus.OK, {"transactions": newest_first[:limit]})

    def create_transfer(self, request: Request) -> Answer:
        """POST /transfers."""
        wanted = _transfer_in(request.body)
        payer, payee = self._account(wanted["from"]), self._account(wanted["to"])
        amount = Decimal(wanted["amount"])
        if payer.currency != payee.currency:
            raise _bad_request("Both accounts must have the same currency.")
        with self._lock:
            _check(payee, amount)
            _check(payer, -amount)
            self.book(payer, -amount, wanted.get("text", ""), _now())
            self.book(payee, amount, wanted.get("text", ""), _now())
            return Answer(HTTPStatus.CREATED, self._keep_transfer(wanted))

    def withdraw(self, request: Request) -> Answer:
        """POST /accounts/{id}/withdrawals: once for each Idempotency-Key."""
        return self._book_once(request, -1)

    def deposit(self, request: Request) -> Answer:
        """POST /accounts/{id}/deposits: once for each Idempotency-Key; with `from` it is the end of a transfer."""
        return self._book_once(request, 1)

    def _book_once(self, request: Request, sign: int) -> Answer:
        key, body = request.headers.get("idempotency-key", ""), request.body
        account = self._account(request.path["id"])
        if not key or not isinstance(body, dict) or not _AMOUNT.fullmatch(str(body.get("amount"))):
            raise _bad_request("A booking needs an Idempotency-Key and an amount.")
        amount, text = sign * Decimal(str(body["amount"])), str(body.get("text") or "")[:MAX_TEXT]
        with self._lock:
            if (known := self._bookings.find(key)) is not None:
                return Answer(HTTPStatus.CREATED, known.answer)
            _check(account, amount)
            self.book(account, amount, text, _now())
            answer: dict[str, object] = {"account": account.id, "balance": f"{account.balance:.2f}"}
            if "from" in body:
                wanted = {"from": str(body["from"]), "to": account.id, "amount": str(body["amount"]), "text": text}
                answer["transfer"] = self._keep_transfer({name: value for name, value in wanted.items() if value})
            self._bookings.keep(key, Booking(account.id, amount, answer))
        return Answer(HTTPStatus.CREATED, answer)

    def reverse(self, request: Request) -> Answer:
        """POST /reversals: undo what was booked under the key in X-Apim-Undoes, now or should it still arrive."""
        key = request.headers.get("x-apim-undoes", "")
        if not key:
            raise _bad_request("X-Apim-Undoes names what is to be undone.")
        with self._lock:
            booking = self._bookings.void(key)
            if booking is not None:
                self.book(self._account(booking.account), -booking.amount, "Reversal", _now())
        return Answer(HTTPStatus.OK, {"reversed": booking is not None})

    def _keep_transfer(self, wanted: dict[str, str]) -> dict[str, str]:
        self._transfers_made += 1
        transfer = {**wanted, "id": f"trf-{self._transfers_made}", "status": "booked", "created_at": _now()}
        self._transfers[transfer["id"]] = transfer
        if len(self._transfers) > MAX_KEPT:
            del self._transfers[next(iter(self._transfers))]
        return transfer

    def get_transfer(self, request: Request) -> Answer:
        """GET /transfers/{id}."""
        transfer = self._transfers.get(request.path["id"])
        if transfer is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "not-found", f"There is no transfer {request.path['id']}.")
        return Answer(HTTPStatus.OK, transfer)

    def book(self, account: Account, amount: Decimal, text: str, booked_at: str) -> None:
        """Move the balance and write the transaction."""
        self._booked += 1
        account.balance += amount
        account.transactions.append(
            {
                "id": f"txn-{self._booked}",
                "booked_at": booked_at,
                "amount": f"{abs(amount):.2f}",
                "currency": account.currency,
                "direction": "in" if amount > 0 else "out",
                "text": text,
            }
        )
        del account.transactions[:-MAX_KEPT]

    def _account(self, account_id: str) -> Account:
        account = self._accounts.get(account_id)
        if account is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "not-found", f"There is no account {account_id}.")
        return account


def _check(account: Account, amount: Decimal) -> None:
    """Errors: RefusedError when the account cannot take part in a booking."""
    if account.status != "open":
        raise RefusedError(HTTPStatus.CONFLICT, "account-not-open", f"{account.id} is {account.status}.")
    if account.balance + amount < 0:
        message = f"{account.id} holds {account.balance:.2f} {account.currency}, less than {-amount:.2f}."
        raise RefusedError(HTTPStatus.CONFLICT, "insufficient-funds", message)


def open_bank() -> Bank:
    """The sample accounts with a little history."""
    accounts = (
        Account("acc-1", "Ada Byron", "DE89370400440532013000", "EUR", Decimal("2400.00"), "2021-03-14"),
        Account("acc-2", "Grace Murray", "DE75512108001245126199", "EUR", Decimal("812.40"), "2022-11-02"),
        Account("acc-3", "Alan Mathison", "GB29NWBK60161331926819", "GBP", Decimal("15930.05"), "2019-06-23"),
        Account("acc-4", "Edsger Wybe", "NL91ABNA0417164300", "EUR", Decimal("0.00"), "2024-01-09"),
        Account("acc-5", "Barbara Huberman", "US64SVBKUS6S3300958879", "USD", Decimal("540.10"), "2020-08-30"),
        Account("acc-6", "Hedy Kiesler", "AT611904300234573201", "EUR", Decimal("75.00"), "2023-05-17", "frozen"),
    )
    bank = Bank(accounts)
    history = (
        ("acc-1", "3100.00", "Salary September", "2026-09-30T07:00:00Z"),
        ("acc-1", "-120.50", "Rent October", "2026-10-05T09:30:00Z"),
        ("acc-2", "64.00", "Refund", "2026-10-11T16:12:00Z"),
        ("acc-3", "-18.20", "Books", "2026-10-12T10:01:00Z"),
    )
    by_id = {account.id: account for account in accounts}
    for account_id, amount, text, booked_at in history:
        bank.book(by_id[account_id], Decimal(amount), text, booked_at)
    return bank


def _transfer_in(body: object) -> dict[str, str]:
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in ("from", "to", "amount")):
        raise _bad_request("A transfer needs from, to and amount, as text.")
    text = body.get("text", "")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise _bad_request(f"text must be at most {MAX_TEXT} characters.")
    if not _AMOUNT.fullmatch(body["amount"]) or Decimal(body["amount"]) == 0:
        raise _bad_request("amount must be a decimal number with two places, above zero, such as 120.50.")
    if body["from"] == body["to"]:
        raise _bad_request("from and to must differ.")
    return {name: body[name] for name in ("from", "to", "amount", "text") if name in body}


def _limit_of(request: Request) -> int:
    text = request.query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_LIMIT):
        raise _bad_request(f"limit must be a number from 1 to {MAX_LIMIT}.")
    return int(text)


def _day_of(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise _bad_request("since must be a day such as 2026-10-01.") from error


def _bad_request(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "bad-request", message)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def accounts_service() -> Service:
    """The service with fresh sample accounts."""
    bank = open_bank()
    return Service(
        {
            "GET /accounts": bank.list_accounts,
            "GET /accounts/{id}": bank.get_account,
            "GET /accounts/{id}/transactions": bank.list_transactions,
            "POST /accounts/{id}/withdrawals": bank.withdraw,
            "POST /accounts/{id}/deposits": bank.deposit,
            "POST /reversals": bank.reverse,
            "POST /transfers": bank.create_transfer,
            "GET /transfers/{id}": bank.get_transfer,
        }
    )


if __name__ == "__main__":
    serve(accounts_service())

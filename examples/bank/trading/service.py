"""Instruments, quotes and orders; kept in memory, so a restart begins anew.

Run it: python -m examples.bank.trading.service --port 9102
"""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus

from examples.bank.server import Answer, RefusedError, Request, Service, serve

STATUSES = ("open", "filled", "canceled")
MAX_KEPT = 1_000
HALF_SPREAD = Decimal("0.05")
_PRICE = re.compile(r"\d{1,9}\.\d{2}")
_INSTRUMENTS = (
    ("ACME", "Acme Corporation", "EUR", "41.20"),
    ("GLBX", "Globex Industries", "USD", "118.75"),
    ("INIT", "Initech Holdings", "USD", "9.60"),
    ("UMBR", "Umbra Energy", "GBP", "27.35"),
)


class Exchange:
    """Quotes that drift with the clock, and orders that fill when the price allows it."""

    def __init__(self) -> None:
        """Open with no orders."""
        self._instruments = {symbol: (name, currency, Decimal(price)) for symbol, name, currency, price in _INSTRUMENTS}
        self._orders: dict[str, dict[str, object]] = {}
        self._orders_made = 0
        self._lock = threading.Lock()

    def list_instruments(self, _request: Request) -> Answer:
        """GET /instruments."""
        listed = [
            {"symbol": symbol, "name": name, "currency": currency}
            for symbol, (name, currency, _) in sorted(self._instruments.items())
        ]
        return Answer(HTTPStatus.OK, {"instruments": listed})

    def get_quote(self, request: Request) -> Answer:
        """GET /quotes/{symbol}."""
        symbol = request.path["symbol"]
        if symbol not in self._instruments:
            raise _not_found(f"There is no instrument {symbol}.")
        now = datetime.now(UTC)
        middle = self._price_at(symbol, now)
        return Answer(
            HTTPStatus.OK,
            {
                "symbol": symbol,
                "bid": f"{middle - HALF_SPREAD:.2f}",
                "ask": f"{middle + HALF_SPREAD:.2f}",
                "at": _text_of(now),
            },
        )

    def list_orders(self, request: Request) -> Answer:
        """GET /orders."""
        status = request.query.get("status")
        if status is not None and status not in STATUSES:
            raise _bad_request(f"status must be one of {', '.join(STATUSES)}.")
        with self._lock:
            newest_first = [order for order in reversed(self._orders.values()) if status in {None, order["status"]}]
        return Answer(HTTPStatus.OK, {"orders": newest_first})

    def create_order(self, request: Request) -> Answer:
        """POST /orders."""
        wanted = _order_in(request.body)
        symbol = str(wanted["symbol"])
        if symbol not in self._instruments:
            raise _not_found(f"There is no instrument {symbol}.")
        now = datetime.now(UTC)
        is_filled = self._is_filled(wanted, self._price_at(symbol, now))
        with self._lock:
            self._orders_made += 1
            order: dict[str, object] = {
                **wanted,
                "id": f"ord-{self._orders_made}",
                "status": "filled" if is_filled else "open",
                "created_at": _text_of(now),
                "filled_at": _text_of(now) if is_filled else None,
            }
            self._orders[str(order["id"])] = order
            if len(self._orders) > MAX_KEPT:
                del self._orders[next(iter(self._orders))]
        return Answer(HTTPStatus.CREATED, order)

    def get_order(self, request: Request) -> Answer:
        """GET /orders/{id}."""
        return Answer(HTTPStatus.OK, self._order(request.path["id"]))

    def cancel_order(self, request: Request) -> Answer:
        """DELETE /orders/{id}."""
        with self._lock:
            order = self._order(request.path["id"])
            if order["status"] != "open":
                message = f"{order['id']} is {order['status']} already."
                raise RefusedError(HTTPStatus.CONFLICT, "not-open", message)
            self._orders[str(order["id"])] = {**order, "status": "canceled"}
        return Answer(HTTPStatus.NO_CONTENT)

    def _order(self, order_id: str) -> dict[str, object]:
        order = self._orders.get(order_id)
        if order is None:
            raise _not_found(f"There is no order {order_id}.")
        return order

    def _price_at(self, symbol: str, now: datetime) -> Decimal:
        """The listed price, moved up and down by up to one per cent within each minute."""
        price = self._instruments[symbol][2]
        return price + price * Decimal(abs(now.second - 30) - 15) / Decimal(1500)

    def _is_filled(self, order: dict[str, object], price: Decimal) -> bool:
        limit = order.get("limit")
        if limit is None:
            return True
        worst = Decimal(str(limit))
        return price + HALF_SPREAD <= worst if order["side"] == "buy" else price - HALF_SPREAD >= worst


def _order_in(body: object) -> dict[str, object]:
    if not isinstance(body, dict) or not isinstance(body.get("symbol"), str):
        raise _bad_request("An order needs a symbol.")
    if body.get("side") not in {"buy", "sell"}:
        raise _bad_request("side must be buy or sell.")
    quantity, limit = body.get("quantity"), body.get("limit")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise _bad_request("quantity must be a whole number, 1 or more.")
    if limit is not None and not (isinstance(limit, str) and _PRICE.fullmatch(limit)):
        raise _bad_request("limit must be a price such as 41.20, or null.")
    return {name: body[name] for name in ("symbol", "side", "quantity", "limit") if name in body}


def _bad_request(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "bad-request", message)


def _not_found(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.NOT_FOUND, "not-found", message)


def _text_of(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def trading_service() -> Service:
    """The service without orders."""
    exchange = Exchange()
    return Service(
        {
            "GET /instruments": exchange.list_instruments,
            "GET /quotes/{symbol}": exchange.get_quote,
            "GET /orders": exchange.list_orders,
            "POST /orders": exchange.create_order,
            "GET /orders/{id}": exchange.get_order,
            "DELETE /orders/{id}": exchange.cancel_order,
        }
    )


if __name__ == "__main__":
    serve(trading_service())

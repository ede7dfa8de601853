"""A plan with prices and what it counts, as documents."""

from __future__ import annotations

METER = """\
apiVersion: apim.dev/v1
kind: Meter
metadata: { name: bank-calls }
spec: { unit: call, where: "status < 400" }
"""
STARTER = """\
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: bank-starter }
spec:
  currency: EUR
  interval: month
  trial: { days: 14, paymentMethod: not-required, onEndWithoutCard: pause }
  prices:
    - { name: base, model: flat, amount: "29.00", term: advance }
    - { name: calls, meter: bank-calls, model: graduated, tiers: [{ upTo: 100000, unit: "0" }, { unit: "0.0004" }] }
  limits: [{ meter: bank-calls, included: 100000, onExceed: bill, hardCap: 2000000 }, { rate: 20/s }]
"""

"""Rows that say anything at all, for properties that hold whatever rows say."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from gateway_sync.rows import (
    APIRow,
    CapRow,
    PlanVersionRow,
    ProductItemRow,
    ProductRow,
    QuotaRow,
    RateRow,
    Rows,
)
from tests.gateway_sync.builders import environment_row, policy_row, version_row

texts = st.text(max_size=12)
counts = st.integers(-3, 2**70)
wild_versions = st.builds(
    version_row,
    st.tuples(st.sampled_from(["GET", "POST", "get", "*", ""]), st.from_regex(r"/?[a-z{}*?/]{0,9}")).map(" ".join),
    id=st.sampled_from(["ver_1", "ver_2"]),
    name=st.one_of(st.sampled_from(["v1", "v2"]), texts),
    state=st.sampled_from(["published", "deprecated", "retired", "gone"]),
    upstream=st.one_of(st.just("http://127.0.0.1:9101/x"), texts, st.from_regex(r"https?://[a-z\[\]:@/?0-9]{0,9}")),
    base_path=texts,
    successor=texts,
    policies=st.lists(
        st.builds(policy_row, st.sampled_from(["cors", "size-limit", "rate-limit", "x"]), max=texts | counts),
        max_size=2,
    ).map(tuple),
)
patterns = st.lists(texts | st.just("GET /*"), max_size=2).map(tuple)
wild_products = st.builds(
    ProductRow,
    texts,
    texts,
    st.lists(
        st.builds(
            ProductItemRow,
            st.sampled_from(["ver_1", "ver_2"]),
            patterns,
        ),
        max_size=2,
    ).map(tuple),
)
wild_plans = st.builds(
    PlanVersionRow,
    texts,
    texts,
    counts,
    st.none() | st.builds(RateRow, counts, counts, counts),
    st.lists(st.builds(QuotaRow, counts, st.sampled_from(["hour", "day", "month", "week"])), max_size=2).map(tuple),
    st.sampled_from(["UTC", "Europe/Berlin", "x", "../etc", "\ud800"]),
    caps=st.lists(
        st.builds(CapRow, texts | st.just("m"), counts, counts, weights=st.just((("* /*", 2),))), max_size=2
    ).map(tuple),
)
wild_environments = st.builds(
    environment_row,
    allowed_networks=st.lists(texts, max_size=2).map(tuple),
    allow_public_networks=st.booleans(),
    address_rate_per_s=st.integers(-1, 9),
    address_burst=st.integers(-1, 9),
    max_revocation_age_s=st.integers(-1, 9),
    policies=st.lists(st.builds(policy_row, texts), max_size=2).map(tuple),
)
wild_apis = st.builds(
    APIRow,
    st.sampled_from(["api_1", "api_2"]),
    st.sampled_from(["bank", "trade", "/"]),
    st.just("org_1"),
    st.sampled_from(["X-Key", ""]),
    st.lists(wild_versions, max_size=3).map(tuple),
)
wild_rows = st.builds(
    Rows,
    wild_environments,
    st.lists(wild_apis, max_size=2, unique_by=lambda api: api.id).map(tuple),
    st.lists(wild_products, max_size=2, unique_by=lambda product: product.id).map(tuple),
    st.lists(wild_plans, max_size=2, unique_by=lambda plan: plan.id).map(tuple),
)
# Time is no part of these properties, and tests share a machine.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

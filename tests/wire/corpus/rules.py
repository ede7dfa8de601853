"""The corpus: all rules, in the order in which they are listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.wire.corpus import answers, chunks, conversations, fields, lengths, lines, targets
from tests.wire.corpus.answers import AnswerRule
from tests.wire.corpus.case import Rule

REQUEST_RULES: tuple[Rule, ...] = (
    lengths.length_beside_coding,
    lengths.several_lengths,
    lengths.malformed_length,
    lengths.huge_length,
    lengths.length_read_alike,
    lengths.unknown_coding,
    lengths.several_codings,
    lengths.coding_name_in_disguise,
    lengths.coding_in_an_old_version,
    lengths.coding_read_alike,
    chunks.malformed_chunk_size,
    chunks.chunk_size_read_alike,
    chunks.chunk_line_ends,
    chunks.chunk_data_of_another_length,
    chunks.chunk_extension_with_a_control,
    chunks.chunk_extension_read_alike,
    chunks.malformed_trailer,
    chunks.trailer_that_may_not_be_one,
    lines.bare_line_end,
    lines.malformed_request_line,
    lines.other_version,
    lines.before_the_request_line,
    lines.malformed_method,
    lines.refused_method,
    lines.unusual_method,
    lines.oversized_target,
    fields.folded_line,
    fields.malformed_field_name,
    fields.malformed_field_value,
    fields.field_read_alike,
    fields.oversized_head,
    fields.field_of_this_hop,
    fields.field_named_by_connection,
    fields.field_only_the_gateway_says,
    fields.underscore_for_dash,
    fields.doubled_field,
    targets.missing_or_doubled_host,
    targets.malformed_host,
    targets.host_read_alike,
    targets.absolute_form,
    targets.other_forms,
    targets.byte_that_no_target_has,
    targets.malformed_escape,
    targets.walk_to_a_closed_route,
    targets.walk_that_leads_nowhere,
    targets.parameter_kept_as_it_is,
    conversations.refused_within_a_pipeline,
    conversations.expectation,
    conversations.upgrade_to_http2,
    conversations.client_that_stops,
)

ANSWER_RULES: tuple[AnswerRule, ...] = (
    answers.malformed_status_line,
    answers.status_line_read_alike,
    answers.length_of_an_answer,
    answers.coding_of_an_answer,
    answers.chunk_of_an_answer,
    answers.field_of_an_answer,
    answers.oversized_answer_head,
    answers.interim_answer,
    answers.body_where_none_may_be,
    answers.bytes_after_an_answer,
    answers.answer_that_stops,
)


def words_of(rule: Callable[..., Any]) -> tuple[str, str, str]:
    """(title, what it is about, where that is said) of a rule."""
    text, _, source = (rule.__doc__ or "").partition("Source:")
    return rule.__name__.replace("_", " ").capitalize(), " ".join(text.split()), " ".join(source.split())

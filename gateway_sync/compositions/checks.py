"""Checks: whether the steps of a composite fit together.

Codes: composite.E005 a name twice, .E006 an unknown step, .E007 a circle, .E008 a value of a step that need not have
ended, .E009 an unknown path parameter, .E010 too few calls; .W001 a compensation of what changes nothing, .W002 a
change that cannot be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gateway_sync.compositions.declaration import FAIL, SAFE_METHODS, Composite, Condition, Step
from gateway_sync.compositions.values import Reference
from gateway_sync.policies.settings import nearest_hint
from gateway_sync.problems import Problem, Where


def check_composite(composite: Composite, where: Where, parameters: tuple[str, ...]) -> tuple[Problem, ...]:
    """What is wrong between the steps; parameters are those of the operation's path."""
    problems = [*_name_problems(composite.steps, where)]
    if problems:
        return tuple(problems)
    ancestors = ancestors_of(composite.steps)
    if ancestors is None:
        message = "The steps wait for each other in a circle."
        return (Problem("composite.E007", message, _at(where, "steps"), "Leave one name out of `after`."),)
    for number, step in enumerate(composite.steps):
        at = _at(where, f"steps.{number}")
        problems += _reference_problems(step, ancestors[step.name], at, composite)
        problems += _compensation_warnings(step, composite.steps, ancestors, at)
    for reference in _references_of_all(composite):
        if reference.part == "path" and not reference.step and reference.name not in parameters:
            message = f"The operation's path has no parameter {reference.name}."
            problems.append(Problem("composite.E009", message, where, nearest_hint(reference.name, parameters)))
    names = [step.name for step in composite.steps]
    answer = [] if composite.answer.body is None else list(composite.answer.body.references)
    answer += [reference for _, text in composite.answer.headers for reference in text.references]
    problems += [
        _unknown_step(reference.step, names, _at(where, "answer"))
        for reference in answer
        if reference.step and reference.step not in names
    ]
    least = len(composite.steps) + sum(step.compensate is not None for step in composite.steps)
    if composite.max_calls < least:
        message = f"{composite.max_calls} calls do not suffice for its steps and for undoing them, which takes {least}."
        problems.append(Problem("composite.E010", message, _at(where, "maxCalls"), f"Write {least} or more."))
    return tuple(problems)


def _name_problems(steps: tuple[Step, ...], where: Where) -> Iterator[Problem]:
    names = [step.name for step in steps]
    for number, step in enumerate(steps):
        if step.name in names[:number]:
            message = f'Another step is named "{step.name}".'
            yield Problem("composite.E005", message, _at(where, f"steps.{number}.name"))
        for other in step.after:
            if other not in names:
                yield _unknown_step(other, names, _at(where, f"steps.{number}.after"))


def _unknown_step(name: str, names: Iterable[str], where: Where) -> Problem:
    return Problem("composite.E006", f'There is no step "{name}".', where, nearest_hint(name, names))


def ancestors_of(steps: tuple[Step, ...]) -> Mapping[str, frozenset[str]] | None:
    """By step, the steps that have ended when it begins; None when they wait for each other in a circle."""
    found: dict[str, frozenset[str]] = {}
    left = list(steps)
    while left:
        ready = [step for step in left if all(other in found for other in step.after)]
        if not ready:
            return None
        for step in ready:
            found[step.name] = frozenset(step.after).union(*(found[other] for other in step.after))
        left = [step for step in left if step.name not in found]
    return found


def _reference_problems(step: Step, ancestors: frozenset[str], where: Where, composite: Composite) -> Iterator[Problem]:
    names = [one.name for one in composite.steps]
    own = {step.name}
    places: list[tuple[str, Iterable[Reference], frozenset[str] | set[str]]] = [
        ("call", step.call.references, ancestors),
        ("when", _references_of(step.when), ancestors),
        ("require", _references_of(step.require), ancestors | own),
    ]
    if step.compensate is not None:
        places.append(("compensate", step.compensate.call.references, ancestors | own))
    for place, references, allowed in places:
        for reference in references:
            if reference.step and reference.step not in names:
                yield _unknown_step(reference.step, names, _at(where, place))
            elif reference.step and reference.step not in allowed:
                message = f'"{step.name}" needs a value of "{reference.step}", which need not have ended before it.'
                hint = f"Write after: [{reference.step}]." if reference.step != step.name else "Use `require`."
                yield Problem("composite.E008", message, _at(where, place), hint)


def _references_of(conditions: Iterable[Condition]) -> Iterator[Reference]:
    for condition in conditions:
        yield from condition.value.references
        yield from condition.other.references


def _references_of_all(composite: Composite) -> Iterator[Reference]:
    for step in composite.steps:
        yield from step.call.references
        yield from _references_of((*step.when, *step.require))
        if step.compensate is not None:
            yield from step.compensate.call.references
    if composite.answer.body is not None:
        yield from composite.answer.body.references
    for _, text in composite.answer.headers:
        yield from text.references


def _compensation_warnings(
    step: Step, steps: tuple[Step, ...], ancestors: Mapping[str, frozenset[str]], where: Where
) -> Iterator[Problem]:
    is_safe = step.call.method in SAFE_METHODS
    if step.compensate is not None and is_safe:
        message = f'"{step.name}" changes nothing, so its compensation is never called.'
        yield Problem("composite.W001", message, _at(where, "compensate"), "Leave it out.")
    elif step.compensate is None and not is_safe:
        failing = [
            other.name
            for other in steps
            if other.name != step.name
            and other.name not in ancestors[step.name]
            and (other.on_failure.way == FAIL or other.require)
        ]
        if failing:
            message = f'"{step.name}" is not undone when "{failing[0]}" fails.'
            yield Problem("composite.W002", message, where, "Give it a `compensate`.")


def _at(where: Where, field: str) -> Where:
    return Where(where.kind, where.id, ".".join(part for part in (where.field, field) if part))

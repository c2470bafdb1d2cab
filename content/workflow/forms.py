"""The editor's form of a step: what may not be published is refused at the field that has to change."""

from typing import Any

from django import forms
from wagtail.admin.forms import WagtailAdminModelForm

from ai.graph import Problem

from .publishing import StepRecord, problems_with, reasons_for, record_of
from .task_types import task_type_choices


class WorkflowStepForm(WagtailAdminModelForm):
    """A draft may be saved broken; publishing checks the whole workflow as it would be afterwards."""

    task_types = forms.MultipleChoiceField(
        choices=task_type_choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Task types",
        help_text="What the director may have generated in this step.",
    )

    def save(self, commit: bool = True) -> Any:
        instance = super().save(commit=False)
        if commit:
            # One writing of the step with its rows, instead of the step first and then row by row.
            instance.save()
            self.save_m2m()
        return instance

    def is_valid(self) -> bool:
        if not super().is_valid() or self._leads_to_itself():
            return False
        if "action-publish" not in self.data:
            return True
        problems = problems_with(self._record())
        for problem in problems:
            self._place(problem)
        return not problems

    def _leads_to_itself(self) -> bool:
        found = False
        for row in self._rows("transitions"):
            if self.instance.pk and row.cleaned_data["to_step"].pk == self.instance.pk:
                row.add_error("to_step", "A step cannot lead to itself: a session stays as long as it needs.")
                found = True
        return found

    def _rows(self, relation: str) -> list[Any]:
        """The inline forms that would be stored, in the editor's order."""
        formset = self.formsets[relation]
        # A row that was drafted before may be unchanged and have no key yet; a new one that is empty is none.
        kept = [*formset.initial_forms, *(row for row in formset.extra_forms if row.has_changed())]
        kept = [row for row in kept if row not in formset.deleted_forms]
        return sorted(kept, key=lambda row: row.cleaned_data.get("ORDER") or 0)

    def _record(self) -> StepRecord:
        transitions = [row.instance for row in self._rows("transitions")]
        choices = [row.instance for row in self._rows("choices")]
        return record_of(self.instance, transitions, choices)

    def _place(self, problem: Problem) -> None:
        mine = problem.step_slug == self.instance.slug
        if mine and problem.field in self.fields:
            self.add_error(problem.field, problem.message)
            return
        relation = {"choices": "choices", "next_steps": "transitions"}.get(problem.field or "")
        if mine and relation:
            errors = self.formsets[relation].non_form_errors()
            errors.append(problem.message)
        self.add_error(None, problem.message if mine else reasons_for([problem])[0])

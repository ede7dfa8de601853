"""Forms about APIs: making one, from whatever the owner has, and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.accounts.permissions import owns
from apim.catalog.models import API, APIVersion
from apim.console.forms.fields import MethodsField, NameField, WordsField, offer_choices, offer_rows
from apim.console.scope import owned_organizations

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from apim.accounts.models import Organization, User

DOCUMENT_LIMIT_BYTES = 20 * 1024 * 1024


class ColleagueForm(forms.Form):
    """Whom to let in, and as what."""

    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label=_("As"))

    def __init__(self, *arguments: Any, team: str, shown: _StrPromise | str, **options: Any) -> None:
        """team is that of the API, shown what people call it; "" = every owner of the organization may change it."""
        super().__init__(*arguments, **options)
        self.team = team
        bound = [("team", _("Owner bound to team %(team)s") % {"team": shown})] if team else []
        offer_choices(self, "role", [*bound, ("owner", _("Owner")), ("developer", _("Developer"))])

    def values(self) -> dict[str, str]:
        """What the service takes, once the form is valid."""
        role = self.cleaned_data["role"]
        bound = {"role": "owner", "team": self.team} if role == "team" else {"role": role}
        return {"email": self.cleaned_data["email"], **bound}


class CapacityForm(forms.Form):
    """What the services behind an API bear."""

    calls_per_s = forms.IntegerField(
        label=_("Calls a second that its services bear"),
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text=_("Of all versions together, as measured or as agreed. Empty: not known."),
    )


class OrganizationChoice(forms.ModelChoiceField):
    """A choice among the organizations the person owns."""

    def __init__(self) -> None:
        super().__init__(queryset=None, empty_label=None, label=_("Owner organization"))

    def offer_to(self, user: User) -> None:
        """Narrows the choice, and makes it when there is only one."""
        self.queryset = owned_organizations(user)
        first: Organization | None = self.queryset.order_by("-is_default", "name").first()
        self.initial = first.pk if first else None


def offer_organizations(form: forms.BaseForm, user: User) -> None:
    """Have the form's organization be one of those that somebody may make things for."""
    cast("OrganizationChoice", form.fields["organization"]).offer_to(user)


class DocumentForm(forms.Form):
    """An OpenAPI document: a file, an address or text."""

    class Source:
        """Where the contract comes from."""

        FILE = "file"
        URL = "url"
        TEXT = "text"

    SOURCES: tuple[tuple[str, str | _StrPromise], ...] = (
        (Source.FILE, _("Upload an OpenAPI file")),
        (Source.URL, _("Fetch it from a URL")),
        (Source.TEXT, _("Paste it")),
    )
    REQUIRED = {Source.FILE: "document_file", Source.URL: "document_url", Source.TEXT: "document_text"}

    source = forms.ChoiceField(
        choices=SOURCES, initial=Source.FILE, widget=forms.RadioSelect, label=_("What do you have?")
    )
    document_file = forms.FileField(
        required=False,
        label=_("OpenAPI file"),
        help_text=_("OpenAPI 3.0 or 3.1, YAML or JSON, up to 20 MB."),
        widget=forms.FileInput(attrs={"accept": ".json,.yaml,.yml,application/json,application/yaml"}),
    )
    document_url = forms.URLField(
        required=False,
        label=_("URL of the document"),
        assume_scheme="https",
        help_text=_("Fetched by the server, once, from the networks that the environment allows."),
    )
    document_text = forms.CharField(
        required=False,
        label=_("Document"),
        widget=forms.Textarea(attrs={"rows": 12, "class": "code", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """The data; the field that the chosen source needs must be filled."""
        data = super().clean() or {}
        needed = self.REQUIRED.get(data.get("source", ""))
        if needed and not data.get(needed) and needed not in self.errors:
            self.add_error(
                needed, ValidationError(gettext("Fill this in, or choose another source above."), code="required")
            )
        return data

    def clean_document_file(self) -> str:
        """The file's text."""
        upload = self.cleaned_data["document_file"]
        if not upload:
            return ""
        if upload.size > DOCUMENT_LIMIT_BYTES:
            raise ValidationError(
                gettext("The file has %(size)s bytes; the most is %(document_limit_bytes)s.")
                % {"size": f"{upload.size:,}", "document_limit_bytes": f"{DOCUMENT_LIMIT_BYTES:,}"}
            )
        try:
            return str(upload.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValidationError(
                gettext("The file is not UTF-8 text: byte %(start)s cannot be read. Save it as UTF-8 and try again.")
                % {"start": error.start + 1}
            ) from error

    def place_of(self, field: str) -> str:
        """The form's field for what a service refuses: a faulty document stands where it was given."""
        places = {
            "document": self.REQUIRED.get(self.cleaned_data.get("source", ""), "source"),
            "api_name": "name",
            "version_name": "version" if "version" in self.fields else "name",
            "upstream": "upstream_url",
        }
        return places.get(field.partition(".")[0], field)

    @property
    def given_text(self) -> str:
        """The document of an upload or a paste."""
        field = "document_file" if self.cleaned_data["source"] == self.Source.FILE else "document_text"
        return str(self.cleaned_data[field])


class NewAPIForm(DocumentForm):
    """A new API from a document, from only an upstream's address, or from nothing."""

    class Source(DocumentForm.Source):
        """Where the API comes from."""

        UPSTREAM = "upstream"
        BLANK = "blank"

    SOURCES = (
        *DocumentForm.SOURCES,
        (Source.UPSTREAM, _("Only an upstream URL (pass everything through)")),
        (Source.BLANK, _("Nothing yet: I add operations in a form")),
    )
    REQUIRED = {**DocumentForm.REQUIRED, Source.UPSTREAM: "upstream_url"}
    CONTRACT_SOURCES = tuple(DocumentForm.REQUIRED)

    name = NameField(label=_("API name"), help_text=_("Callers use /name/version/... It cannot be changed later."))
    version = NameField(label=_("Version"), initial="v1", max_length=40)
    upstream_url = forms.URLField(
        required=False,
        label=_("Upstream URL"),
        assume_scheme="https",
        help_text=_("Where the requests go, such as http://10.0.0.5:9101. Callers never see it."),
    )
    methods = MethodsField(required=False, label=_("Methods to pass through"))
    path_prefix = forms.CharField(
        required=False, initial="/", label=_("Path prefix"), help_text=_("Only paths below it are passed through.")
    )
    organization = OrganizationChoice()

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_choices(self, "source", self.SOURCES)
        offer_organizations(self, user)


class APISettingsForm(forms.ModelForm):
    """What may change about an API without a new revision."""

    tags = WordsField(
        required=False,
        label=_("Tags"),
        help_text=_(
            "Words with commas between, such as `payments, accounts`. The portal's catalogue is narrowed by them."
        ),
    )

    team = forms.ChoiceField(
        required=False,
        label=_("Team"),
        help_text=_("Owners in this team may change the API; without one every owner of the organization may."),
    )

    class Meta:
        model = API
        fields = ("display_name", "description", "category", "tags", "visibility", "team", "key_header")
        labels = {"display_name": _("Name shown"), "visibility": _("Visibility"), "key_header": _("Header of the key")}
        help_texts = {
            "description": _("Markdown, shown in the portal."),
            "category": _("One or two words that the portal's catalogue groups APIs by, such as `Payments`."),
            "visibility": _("Public: everybody sees it in the portal. Internal: members of the organization only."),
            "key_header": _("Where callers put their key. Authorization: Bearer is read as well."),
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        """With the teams to which user may hand the API."""
        super().__init__(*args, **kwargs)
        api = self.instance
        offered = api.organization.teams.all().choices(whole=_("The whole organization"), current=api.team)
        may = [each for each in offered if each[0] == api.team or owns(user, api.organization_id, each[0])]
        offer_choices(self, "team", may)


class VersionNameChoice(forms.ModelChoiceField):
    """A choice among versions of one API, by their names."""

    def label_from_instance(self, obj: object) -> str:
        """The version's name."""
        return obj.name if isinstance(obj, APIVersion) else str(obj)


class NewVersionForm(DocumentForm):
    """Another version of an API, side by side with the others."""

    class Source(DocumentForm.Source):
        """Where the version's contract comes from."""

        COPY = "copy"

    SOURCES = (*DocumentForm.SOURCES, (Source.COPY, _("Start from an existing version")))
    REQUIRED = {**DocumentForm.REQUIRED, Source.COPY: "copied"}

    name = NameField(label=_("Version"), max_length=40, help_text=_("Such as v2: callers use /api/v2/..."))
    copied = VersionNameChoice(queryset=APIVersion.objects.none(), required=False, label=_("Version to start from"))
    upstream_url = forms.URLField(required=False, label=_("Upstream URL"), assume_scheme="https")

    def __init__(self, *args: Any, api: API, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_choices(self, "source", self.SOURCES)
        offer_rows(self, "copied", api.versions.all())

"""OpenAPI documents as pure values: read, judged and compared. No Django, no network, no clock."""

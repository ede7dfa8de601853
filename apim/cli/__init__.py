"""The apim command: a client of the REST API; imports no Django and none of the other packages."""

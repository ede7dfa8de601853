"""The documents of `apim apply`: every kind, read, applied and written."""

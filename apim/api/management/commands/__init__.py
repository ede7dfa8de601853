"""Management commands of apim.api."""

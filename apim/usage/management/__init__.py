"""Commands of apim.usage."""

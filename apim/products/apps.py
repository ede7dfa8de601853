"""The products app."""

from django.apps import AppConfig


class ProductsConfig(AppConfig):
    """Registers apim.products."""

    name = "apim.products"

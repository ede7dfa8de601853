# One image for every process of the control plane and for the gateway; docker-compose.yml names the commands.
FROM python:3.11-slim-bookworm AS compiled
WORKDIR /app
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY pyproject.toml README.md LICENSE requirements.lock requirements-dev.lock ./
COPY apim apim
COPY gateway_sync gateway_sync
COPY portal portal
COPY script script
RUN script/compile

FROM python:3.11-slim-bookworm

# pg_dump and pg_restore for `apim backup`: bookworm has those of PostgreSQL 15, as docker-compose.yml has the server.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --create-home --home-dir /home/apim apim
WORKDIR /app

COPY requirements.lock requirements-dev.lock ./
# With duckdb, which records of requests need that are kept in files: the extra `records`, as the other lock has it.
RUN sed -n '/^duckdb==/,/^    # via/p' requirements-dev.lock > records.lock \
    && pip install --no-cache-dir --require-hashes --no-deps --requirement requirements.lock --requirement records.lock \
    && rm requirements-dev.lock records.lock

COPY pyproject.toml README.md LICENSE manage.py ./
COPY apim apim
COPY gateway_sync gateway_sync
COPY --from=compiled /app/.compiled .compiled
COPY portal portal
COPY static static
COPY templates templates
COPY examples examples
RUN pip install --no-cache-dir --no-build-isolation --no-deps --editable . \
    && install --directory --owner=apim --group=apim --mode=0700 /data /gateway /gateways/1 /gateways/2

USER apim
ENV APIM_HOME=/data DJANGO_SETTINGS_MODULE=apim.config.settings PYTHONUNBUFFERED=1
VOLUME /data
CMD ["python", "-m", "granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "1", \
     "--blocking-threads", "304", "--no-ws", "--workers-kill-timeout", "2", "apim.config.wsgi:application"]

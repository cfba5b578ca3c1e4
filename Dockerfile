# Cacheground in containers: `web` serves, records and migrates; `labs` keeps the sandboxes. docker-compose.yml puts them together.
FROM python:3.12-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/cacheground
COPY requirements.lock ./
RUN pip install --require-hashes --requirement requirements.lock

FROM base AS web
COPY . .
RUN python -m compileall -q labs portal \
    && useradd --system --uid 61000 --home-dir /var/lib/cacheground --create-home cacheground
USER cacheground
ENV CACHEGROUND_STATE=/var/lib/cacheground
VOLUME /var/lib/cacheground
EXPOSE 8000
ENTRYPOINT ["sh", "docker/with-secret.sh"]
CMD ["python", "-m", "gunicorn", "-c", "python:portal.serve.gunicorn_settings", "--bind", "0.0.0.0:8000", "portal.wsgi:app"]

FROM base AS labs
# The packages' services are not started in a container, and no database cluster is made: sandboxes start their own servers.
RUN mkdir -p /etc/postgresql-common \
    && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf \
    && apt-get update \
    && apt-get install -y --no-install-recommends redis-server memcached libsasl2-modules postgresql util-linux \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN python -m compileall -q labs portal && mkdir -p /var/lib/cacheground
VOLUME /var/lib/cacheground
CMD ["python", "-m", "labs.host", "--state", "/var/lib/cacheground"]

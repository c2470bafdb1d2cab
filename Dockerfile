# One image for the web server, the worker, beat and the migrations (docker-compose.yml).
FROM node:22-slim AS frontend
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund
# The page's types are made from the schema and the operations.
COPY graphql/ ../graphql/
COPY frontend/ ./
RUN npm run build

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DJANGO_SETTINGS_MODULE=cms.settings.production \
    MEDIA_ROOT=/data/media
WORKDIR /app
COPY requirements/base.txt requirements/base.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/base.txt
COPY manage.py ./
COPY bin/healthcheck bin/healthcheck
COPY ai/ ai/
COPY cms/ cms/
COPY content/ content/
COPY conversation/ conversation/
COPY webhooks/ webhooks/
COPY templates/ templates/
COPY graphql/ graphql/
COPY frontend/static/ frontend/static/
COPY --from=frontend /app/frontend/dist/ frontend/dist/
# A key for this command alone: collecting files signs nothing.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    python manage.py collectstatic --noinput
# A volume that is mounted here takes over the folder's owner.
RUN useradd --create-home --uid 10001 app && install -d -o app -g app /data/media
USER app
VOLUME /data/media
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "bin/healthcheck"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]

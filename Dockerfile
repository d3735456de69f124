# One image a service: SERVICE is payment, inventory, shipment, order, orchestrator or brewsaga (the command line, which
# also migrates, audits and tests). It holds sagakit, the messages, the files of its own schema and its own code, and
# nothing of the other services; only the command line, which draws from the services' own tables, holds all of them.
# `make images` builds every one.
#
# The environment is made in the very base it runs in, from the lock, with hashes. Nothing writes into the image: the
# root may be read-only, and any uid may run it.
ARG BASE=python:3.13-slim

FROM ${BASE} AS environment
ARG LOCK=requirements/services.txt
COPY ${LOCK} /tmp/lock.txt
# Bytecode is checked by nothing: the files it was made from cannot change.
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --no-cache-dir --no-compile --disable-pip-version-check --require-hashes \
      --only-binary :all: -r /tmp/lock.txt \
 && /opt/venv/bin/python -m pip uninstall --yes --quiet pip \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM ${BASE} AS code
ARG SERVICE
ARG SOURCE=services/${SERVICE}
COPY services /source/services
COPY ${SOURCE} /source/own
COPY db /source/db
# The entrypoint names no service, so that it needs no shell: `python /app/services` runs what is written here.
RUN test -n "${SERVICE}" || { echo "say --build-arg SERVICE=payment (or another)" >&2; exit 1; } \
 && mkdir -p /app/services /app/db \
 && if [ "${SERVICE}" = brewsaga ]; then cp -r /source/services/. /app/services && cp -r /source/db/. /app/db; else \
      cp -r /source/services/saga /source/services/sagakit /app/services && cp -r /source/own "/app/services/${SERVICE}" \
      && if [ -d "/source/db/${SERVICE}" ]; then cp -r /source/db/every "/source/db/${SERVICE}" /app/db; fi; fi \
 && printf 'import runpy\n\nrunpy.run_module("%s", run_name="__main__", alter_sys=True)\n' "${SERVICE}" \
      > /app/services/__main__.py \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE}
ARG SERVICE
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="brewsaga-${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=environment /opt/venv /opt/venv
COPY --from=code /app /app
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SCHEMA_FOLDER=/app/db \
    BUILD_VERSION=${VERSION} \
    BUILD_REVISION=${REVISION}
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "/app/services"]

# Spotcheck in a container: built with the pinned toolchain, run as an ordinary user.
FROM node:22-bookworm-slim AS console
WORKDIR /src
COPY docs/openapi.json docs/
COPY crates/risk-api/console crates/risk-api/console
RUN cd crates/risk-api/console \
    && npm ci --no-audit --no-fund --ignore-scripts \
    && npm run build

FROM node:22-bookworm-slim AS fonts
WORKDIR /src
COPY crates/risk-api/fonts .
RUN npm ci --no-audit --no-fund --ignore-scripts \
    && mkdir dist \
    && cd node_modules/@expo-google-fonts/noto-sans-sc \
    && for weight in 400Regular 700Bold; do \
         gzip -9nc "$weight/NotoSansSC_$weight.ttf" >"/src/dist/$weight.ttf.gz"; \
       done \
    && cp LICENSE_FONT /src/dist/

FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=console /src/crates/risk-api/console/dist crates/risk-api/console/dist
COPY --from=fonts /src/dist crates/risk-api/fonts/dist
RUN cargo build --release --locked -p spotcheck

FROM debian:bookworm-slim
# curl is for the health check; the rest is what librdkafka links with.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10480 --no-create-home --shell /usr/sbin/nologin spotcheck \
    && install -d -o spotcheck -g spotcheck -m 0750 /var/lib/spotcheck \
    && install -d -o spotcheck -g spotcheck -m 0700 /var/lib/spotcheck-secrets \
    && install -d -o spotcheck -g spotcheck -m 0755 /var/lib/spotcheck-grafana
COPY --from=build /src/target/release/spotcheck /usr/local/bin/spotcheck
# Memory that an import at full speed used is kept for the next: docs/operations.md, "Size".
ENV MIMALLOC_PURGE_DELAY=-1
USER spotcheck
WORKDIR /var/lib/spotcheck
VOLUME /var/lib/spotcheck /var/lib/spotcheck-secrets
EXPOSE 8480
STOPSIGNAL SIGTERM
ENTRYPOINT ["spotcheck"]
CMD ["serve"]

# Spotcheck in a container: built with the pinned toolchain, run as an ordinary user.
FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p spotcheck

FROM debian:bookworm-slim
# curl is for the health check; the rest is what librdkafka links with.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10480 --no-create-home --shell /usr/sbin/nologin spotcheck \
    && install -d -o spotcheck -g spotcheck -m 0750 /var/lib/spotcheck \
    && install -d -o spotcheck -g spotcheck -m 0700 /var/lib/spotcheck-secrets
COPY --from=build /src/target/release/spotcheck /usr/local/bin/spotcheck
USER spotcheck
WORKDIR /var/lib/spotcheck
VOLUME /var/lib/spotcheck /var/lib/spotcheck-secrets
EXPOSE 8480
STOPSIGNAL SIGTERM
ENTRYPOINT ["spotcheck"]
CMD ["serve"]

# Nightjar on one machine, as a container: one static program in an otherwise empty image. `docker compose up` builds and
# runs it; the deployment to AWS does not use it.

FROM rust:1-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates musl-tools
RUN rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /nightjar
COPY . .
# Bundled C code is compiled too: by the compiler that links against musl.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/nightjar/target \
    triple="$(uname -m)-unknown-linux-musl" \
    && CC=musl-gcc cargo build --locked --profile fast --package local --bin nightjar-local --target "$triple" \
    && cp "target/$triple/fast/nightjar-local" /nightjar-local \
    && mkdir /data

FROM scratch
# Webhooks go out over TLS, so what the outside signs with must be known.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /nightjar-local /nightjar-local
# A volume that is mounted here takes over whose folder it is.
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s --retries=3 CMD ["/nightjar-local", "health"]
ENTRYPOINT ["/nightjar-local"]
# Inside, every address is the container's own; who gets in from outside is what publishes the port to say.
CMD ["--host", "0.0.0.0", "--data-dir", "/data"]

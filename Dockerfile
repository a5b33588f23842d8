# The image of Nexo: one binary on glibc, without a shell, as a user that is not root, on a root that may be read-only.
#
#   docker build -t nexo .
#   docker buildx build --platform linux/amd64,linux/arm64 .       for both architectures, with no emulation: see below
#   docker run --read-only -p 127.0.0.1:8080:8080 -v nexo:/var/lib/nexo nexo
#
# tests/image builds it, and drives the server in it.

# The compiler runs on the machine's own architecture, whatever it builds for.
FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.95-slim-bookworm AS build
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc
ENV CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
WORKDIR /src
# The architecture that is built for: amd64 or arm64. BuildKit sets it, and Buildah; `--build-arg TARGETARCH=arm64` sets another.
ARG TARGETARCH
# The compiler of the machine's own architecture is there. DL3008: a version that is named here is gone from Debian's mirrors with the
# next security fix.
# hadolint ignore=DL3008
RUN case "$TARGETARCH" in \
      amd64) cpu=x86_64 compiler=gcc-x86-64-linux-gnu ;; \
      arm64) cpu=aarch64 compiler=gcc-aarch64-linux-gnu ;; \
      *) echo "TARGETARCH is amd64 or arm64, not '$TARGETARCH'" >&2; exit 1 ;; \
    esac \
 && { command -v $cpu-linux-gnu-gcc \
   || { apt-get update \
     && apt-get install -y --no-install-recommends "$compiler" "libc6-dev-$TARGETARCH-cross" \
     && rm -rf /var/lib/apt/lists/*; }; } \
 && echo $cpu-unknown-linux-gnu >/target-triple \
 && rustup target add $cpu-unknown-linux-gnu
COPY . .
# The caches keep crates and what was compiled of them. Cargo goes by the times of files, and those of a checkout may be older than
# the cache: Nexo itself is always compiled.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/target,sharing=locked \
    read -r target </target-triple \
 && touch src/lib.rs src/main.rs \
 && cargo build --release --locked --bin nexo --target "$target" --target-dir /target \
 && install -D -t /image/usr/local/bin "/target/$target/release/nexo" \
 && install -D -m 644 -t /image/usr/share/doc/nexo LICENSE \
 && install -d /data/nexo

# glibc, libgcc and the certificates of public authorities, all of Debian 12 as above, and nothing to run.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /data/ /var/lib/
# By number, so that Kubernetes sees that it is not root.
USER 65532:65532
# Nothing else is written to: of the embedded mode here is nexo-data, of the cluster mode nothing.
WORKDIR /var/lib/nexo
VOLUME /var/lib/nexo
ENV NEXO__SERVER__LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/local/bin/nexo", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/nexo"]

ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
ARG LICENSES=Apache-2.0
LABEL org.opencontainers.image.title=nexo \
      org.opencontainers.image.description="A self-hosted instant-messaging backend" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.licenses="$LICENSES"

# The daemon and its tools, and nothing else: docker build -t spread .
# How to use it: docs/docker.md.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 make build BIN=/image/usr/bin VERSION="$VERSION" SYSCONFDIR=/etc STRIP=1 && \
    ln -s spmonitor /image/usr/bin/sptmonitor && \
    mkdir -p -m 1777 /image/tmp && \
    mkdir -p /image/run/spread && chown 65534:65534 /image/run/spread

FROM scratch
COPY --from=build /image /
COPY packaging/docker/spread.conf /etc/spread.conf
USER 65534:65534
ENV PATH=/usr/bin
EXPOSE 4803/tcp 4803/udp 4804/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/bin/spuser", "-r", "--exec", ""]
ENTRYPOINT ["/usr/bin/spread"]

# Countersign as one static binary in an otherwise empty image.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t countersign .
#   docker run -v ./countersign.yaml:/etc/countersign/countersign.yaml:ro -v ./master:/run/secrets/master:ro \
#              -p 8080:8080 --read-only --cap-drop ALL countersign
#
# The configuration names /run/secrets/master and a Redis that the container can reach. Secret files must be readable by
# uid 65532. Publish 9090 (health, metrics) to the inside network only.

FROM golang:1.26-bookworm AS build
WORKDIR /src
# The modules first: this layer is built again only when a dependency changes.
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/countersign ./cmd/countersign

# scratch and not a distroless base: the binary needs no libc, no shell and no time zones (all times are UTC), so there
# is nothing below it to patch. The CA certificates are for what the server calls: Redis over TLS.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/countersign /usr/local/bin/countersign
ENV PATH=/usr/local/bin
# The defaults listen on the loopback, which in a container nobody reaches.
ENV COUNTERSIGN_LISTEN=:8080 COUNTERSIGN_OPSLISTEN=:9090
# By number, so that an orchestrator can prove that it is not root (runAsNonRoot).
USER 65532:65532
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/usr/local/bin/countersign", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/countersign"]
# Apart from the entry point, so that `docker run countersign version` and the other commands work too; `dev` listens on
# the loopback whatever is configured, so it needs --network host.
CMD ["serve", "--config", "/etc/countersign/countersign.yaml"]

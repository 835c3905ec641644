/** Settings of `serve --http`. */
import { ownSetting } from "./setting.ts";
import { bytes, integer, list, number, text } from "./value-types.ts";

export const httpSettings = {
  PREFECT_MCP_HTTP_HOST: ownSetting(text, "127.0.0.1", {
    type: "host",
    toml: "mcp.http.host",
    cli: "host",
    description: "Address that `serve --http` binds to.",
  }),
  PREFECT_MCP_HTTP_PORT: ownSetting(integer({ min: 0, max: 65_535 }), 4201, {
    type: "number",
    toml: "mcp.http.port",
    cli: "port",
    description: "Port that `serve --http` binds to; 0 means any free port.",
  }),
  PREFECT_MCP_HTTP_TOKENS: ownSetting(list, [], {
    type: "list of secrets",
    toml: "mcp.http.tokens",
    isSecret: true,
    description: "Bearer tokens, one of which a caller must send.",
  }),
  PREFECT_MCP_HTTP_OIDC_ISSUER: ownSetting(text, null, {
    type: "URL",
    toml: "mcp.http.oidc_issuer",
    description: "Issuer of access tokens that callers may send instead; the server is an OAuth resource server then.",
  }),
  PREFECT_MCP_HTTP_OIDC_AUDIENCE: ownSetting(text, null, {
    type: "URL",
    toml: "mcp.http.oidc_audience",
    description: "URL of this server's `/mcp` as callers use it: the audience that access tokens must have.",
  }),
  PREFECT_MCP_HTTP_OIDC_JWKS_URL: ownSetting(text, null, {
    type: "URL",
    toml: "mcp.http.oidc_jwks_url",
    defaultText: "the issuer's `/.well-known/jwks.json`",
    description: "URL of the issuer's public keys.",
  }),
  PREFECT_MCP_HTTP_OIDC_SCOPES: ownSetting(list, [], {
    type: "list of scopes",
    toml: "mcp.http.oidc_scopes",
    description: "Scopes that an access token must grant.",
  }),
  PREFECT_MCP_HTTP_ALLOWED_HOSTS: ownSetting(list, [], {
    type: "list of hosts",
    toml: "mcp.http.allowed_hosts",
    description: "Names accepted in the `Host` header, besides the bind address.",
  }),
  PREFECT_MCP_HTTP_ALLOWED_ORIGINS: ownSetting(list, [], {
    type: "list of origins",
    toml: "mcp.http.allowed_origins",
    description: "Browser origins accepted, besides the server's own.",
  }),
  PREFECT_MCP_HTTP_ALLOWED_TARGETS: ownSetting(list, [], {
    type: "list of URLs",
    toml: "mcp.http.allowed_targets",
    description:
      "API URLs, origins or hosts that a caller may name in a header; `*` at the end of a path matches any rest, `*.` before a host its subdomains. Empty: every public https host.",
  }),
  PREFECT_MCP_HTTP_RECHECK_SECONDS: ownSetting(number({ min: 0, max: 86_400 }), 60, {
    type: "seconds",
    toml: "mcp.http.recheck_seconds",
    description: "Time after which a caller's credentials are checked with Prefect again.",
  }),
  PREFECT_MCP_HTTP_PROOF_SECONDS: ownSetting(number({ min: 0, max: 604_800 }), 3600, {
    type: "seconds",
    toml: "mcp.http.proof_seconds",
    description:
      "While Prefect is unreachable, callers whose credentials it accepted within this time are served from the record.",
  }),
  PREFECT_MCP_HTTP_IDLE_SECONDS: ownSetting(number({ min: 1, max: 604_800 }), 900, {
    type: "seconds",
    toml: "mcp.http.idle_seconds",
    description: "A tenant or another workspace without calls stops syncing and closes its file after this time.",
  }),
  PREFECT_MCP_HTTP_MAX_TENANTS: ownSetting(integer({ min: 1, max: 100_000 }), 100, {
    type: "number",
    toml: "mcp.http.max_tenants",
    description: "Most tenants held open at a time; the least recently used is closed first.",
  }),
  PREFECT_MCP_HTTP_MAX_DISK_BYTES: ownSetting(bytes, 50 * 1024 ** 3, {
    type: "size",
    toml: "mcp.http.max_disk_bytes",
    whenUnknown: "0",
    defaultText: "50GB",
    description:
      "Disk space for the records of all tenants; the least recently used is deleted first. 0 means no limit.",
  }),
  PREFECT_MCP_HTTP_MAX_BODY_BYTES: ownSetting(bytes, 4 * 1024 ** 2, {
    type: "size",
    toml: "mcp.http.max_body_bytes",
    defaultText: "4MB",
    description: "Largest request body.",
  }),
  PREFECT_MCP_HTTP_REQUESTS_PER_SECOND: ownSetting(number({ min: 0.1, max: 1_000_000 }), 2000, {
    type: "number",
    toml: "mcp.http.requests_per_second",
    description: "Most requests per second from one caller.",
  }),
  PREFECT_MCP_HTTP_MAX_CONCURRENT: ownSetting(integer({ min: 1, max: 100_000 }), 512, {
    type: "number",
    toml: "mcp.http.max_concurrent",
    description: "Most requests of one caller that are answered at the same time.",
  }),
  PREFECT_MCP_HTTP_OTLP_ENDPOINT: ownSetting(text, null, {
    type: "URL",
    toml: "mcp.http.otlp_endpoint",
    description:
      "OpenTelemetry collector (OTLP over HTTP) that gets one span per request. Without it, no spans are made.",
  }),
  PREFECT_MCP_HTTP_TLS_CERT: ownSetting(text, null, {
    type: "file",
    toml: "mcp.http.tls_cert",
    cli: "tls-cert",
    description: "Certificate (PEM) for serving over TLS.",
  }),
  PREFECT_MCP_HTTP_TLS_KEY: ownSetting(text, null, {
    type: "file",
    toml: "mcp.http.tls_key",
    cli: "tls-key",
    description: "Private key (PEM) of that certificate.",
  }),
};

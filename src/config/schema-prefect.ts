/**
 * Prefect's own settings, as far as a client needs them, with Prefect's names, types and defaults.
 * https://github.com/PrefectHQ/prefect/tree/main/src/prefect/settings/models
 */
import { prefectSetting } from "./setting.ts";
import { credential, flag, headers, integer, number, statusCodes, text } from "./value-types.ts";

export const prefectSettings = {
  PREFECT_PROFILE: prefectSetting(text, null, {
    type: "name",
    cli: "profile",
    defaultText: "`active` in `profiles.toml`",
    description: "The profile to use. Read from the flag and the environment only, as Prefect does.",
  }),
  PREFECT_HOME: prefectSetting(text, null, {
    type: "folder",
    defaultText: "`~/.prefect`",
    description: "Folder of `profiles.toml`; `~` is not expanded. Read from the environment only.",
  }),
  PREFECT_PROFILES_PATH: prefectSetting(text, null, {
    type: "file",
    toml: "profiles_path",
    defaultText: "`$PREFECT_HOME/profiles.toml`",
    description: "The file with the profiles.",
  }),
  PREFECT_API_URL: prefectSetting(text, null, {
    type: "URL",
    toml: "api.url",
    cli: "api-url",
    defaultText: "`http://127.0.0.1:4200/api`, with a warning",
    description: "URL of Prefect's API, with `/api`; for Prefect Cloud with account and workspace.",
  }),
  PREFECT_API_KEY: prefectSetting(credential, null, {
    type: "secret",
    toml: "api.key",
    isSecret: true,
    description: "API key of Prefect Cloud.",
  }),
  PREFECT_API_AUTH_STRING: prefectSetting(credential, null, {
    type: "secret",
    toml: "api.auth_string",
    isSecret: true,
    description: "`user:password` of a self-hosted server with basic authentication; takes precedence over a key.",
  }),
  PREFECT_API_TLS_INSECURE_SKIP_VERIFY: prefectSetting(flag, false, {
    type: "true/false",
    toml: "api.tls_insecure_skip_verify",
    description: "Do not check the server's certificate.",
  }),
  PREFECT_API_SSL_CERT_FILE: prefectSetting(text, null, {
    type: "file",
    toml: "api.ssl_cert_file",
    defaultText: "`SSL_CERT_FILE`, else the bundled list",
    description: "Certificate authorities to trust (PEM).",
  }),
  PREFECT_API_REQUEST_TIMEOUT: prefectSetting(number({ min: 0.001, max: 86_400 }), 60, {
    type: "seconds",
    toml: "api.request_timeout",
    description: "Timeout of one request made in the background.",
  }),
  PREFECT_CLIENT_MAX_RETRIES: prefectSetting(integer({ min: 0, max: 1000 }), 5, {
    type: "number",
    toml: "client.max_retries",
    description: "Retries of a failed request made in the background.",
  }),
  PREFECT_CLIENT_RETRY_JITTER_FACTOR: prefectSetting(number({ min: 0, max: 100 }), 0.2, {
    type: "number",
    toml: "client.retry_jitter_factor",
    description: "Random variation of the waiting times between retries; 0.2 is ±20 %.",
  }),
  PREFECT_CLIENT_RETRY_EXTRA_CODES: prefectSetting(statusCodes, [], {
    type: "list of statuses",
    toml: "client.retry_extra_codes",
    description: "HTTP statuses that are retried, besides 408, 429, 502 and 503.",
  }),
  PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: prefectSetting(flag, true, {
    type: "true/false",
    toml: "client.csrf_support_enabled",
    description: "Fetch and send CSRF tokens when the server requires them.",
  }),
  PREFECT_CLIENT_CUSTOM_HEADERS: prefectSetting(
    headers,
    {},
    {
      type: "JSON object",
      toml: "client.custom_headers",
      isSecret: true,
      isMerged: true,
      description: "Headers sent with every request and websocket; the values of all sources are merged.",
    },
  ),
  PREFECT_CLOUD_API_URL: prefectSetting(text, "https://api.prefect.cloud/api", {
    type: "URL",
    toml: "cloud.api_url",
    description: "API URLs that start with this belong to Prefect Cloud.",
  }),
  PREFECT_CLOUD_UI_URL: prefectSetting(text, null, {
    type: "URL",
    toml: "cloud.ui_url",
    defaultText: "from the Cloud API URL",
    description: "Base of links into Prefect Cloud.",
  }),
  PREFECT_UI_URL: prefectSetting(text, null, {
    type: "URL",
    toml: "ui_url",
    defaultText: "from the API URL",
    description: "Base of links into Prefect's UI.",
  }),
  PREFECT_SERVER_EPHEMERAL_ENABLED: prefectSetting(flag, false, {
    type: "true/false",
    toml: "server.ephemeral.enabled",
    aliases: ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"],
    description: "Only used in a warning: a server that Prefect starts for one process cannot be reached from here.",
  }),
  PREFECT_SILENCE_API_URL_MISCONFIGURATION: prefectSetting(flag, false, {
    type: "true/false",
    toml: "silence_api_url_misconfiguration",
    description: "Do not check whether the API URL looks like one.",
  }),
};

import { describe, expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { classOfName, isSecretName } from "../../../src/model/secrets/words/secret-names.ts";
import { seededRandom } from "../../support/random.ts";
import { password, randomText } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });
const MARK = "[redacted:named-secret]";

const NAMES = [
  "AWS_SECRET_ACCESS_KEY",
  "PGPASSWORD",
  "DBPWD",
  "PresharedKey",
  "wpa_psk",
  "MYSQL_PWD",
  "MYSQL_ROOT_PASSWORD",
  "REDISCLI_AUTH",
  "SSHPASS",
  "DB_PASS",
  "GITHUB_TOKEN",
  "SNOWFLAKE_PASSWORD",
  "STRIPE_API_KEY",
  "DATADOG_KEY",
  "AZURE_CLIENT_SECRET",
  "AccountKey",
  "SharedAccessKey",
  "apiKey",
  "api_key",
  "x-api-key",
  "private_key",
  "client_secret",
  "clientSecret",
  "access_token",
  "refresh_token",
  "SECRET_KEY_BASE",
  "db.password",
  "spark.hadoop.fs.s3a.secret.key",
  "PREFECT_API_AUTH_STRING",
  "encryption_key",
  "signing_key",
  "password1",
  "sftpPassword",
  "X-Amz-Security-Token",
];

/** How a name and its value are written; `…` before and after stand for what has to stay. */
const FORMS: readonly (readonly [name: string, before: (name: string) => string, after: string])[] = [
  ["environment", (name) => `${name}=`, ""],
  ["environment, then another", (name) => `A=1 ${name}=`, " B=2"],
  ["export", (name) => `export ${name}='`, "'"],
  ["an assignment in Python", (name) => `${name} = "`, '"'],
  ["an item of os.environ", (name) => `os.environ["${name}"] = "`, '"'],
  ["YAML", (name) => `user: ada\n${name}: `, "\nhost: db"],
  ["a list in YAML", (name) => `- name: ${name}\n  value: `, "\n"],
  ["JSON", (name) => `{"${name}": "`, '", "port": 5432}'],
  ["compact JSON", (name) => `{"${name}":"`, '","port":5432}'],
  ["JSON inside a string", (name) => `{"body": "{\\"${name}\\": \\"`, '\\", \\"port\\": 5432}"}'],
  ["a pair in JSON", (name) => `[{"name": "${name}", "value": "`, '"}]'],
  ["a dict in Python", (name) => `{'${name}': '`, "', 'port': 5432}"],
  ["bytes in Python", (name) => `{b'${name}': b'`, "'}"],
  ["a tuple in Python", (name) => `[('user', 'ada'), ('${name}', '`, "')]"],
  ["a keyword argument", (name) => `connect(host='db', ${name}='`, "', port=1)"],
  ["a wrapped value", (name) => `Settings(${name}=SecretStr('`, "'))"],
  ["an option", (name) => `tool --${name} `, " --verbose"],
  ["an option with a sign", (name) => `tool --${name}=`, " --verbose"],
  ["a list of arguments", (name) => `['tool', '--${name}', '`, "', '--verbose']"],
  ["a header", (name) => `${name}: `, "\r\nAccept: */*"],
  ["a query", (name) => `https://api.example.com/v1?a=1&${name}=`, "&b=2"],
  ["a connection string", (name) => `Server=db;Database=etl;${name}=`, ";Encrypt=yes"],
  ["text for URLs", (name) => `body=%7B%22${name}%22%3A%22`, "%22%7D"],
  ["a form for URLs", (name) => `a%3D1%26${name}%3D`, "%26b%3D2"],
  ["XML", (name) => `<${name}>`, `</x>`],
  ["a colour code", (name) => `\u001b[32m${name}=`, "\u001b[0m"],
];

describe("values after the name of a secret", () => {
  test.each(FORMS)("in %s", (form, before, after) => {
    const random = seededRandom(20261130);
    // What a form cannot hold is encoded there.
    const signs = /URL|query/.test(form) ? "_-" : "+/_.!~*@#";
    for (const name of NAMES) {
      for (let round = 0; round < 5; round += 1) {
        const secret = password(random, 12 + Math.floor(random() * 20), signs);
        const text = `${before(name)}${secret}${after}`;
        const clean = redact.text(text);
        expect(clean).toBe(`${before(name)}${MARK}${after}`);
        expect(redact.text(clean)).toBe(clean);
      }
    }
  });

  test("with signs that end other values", () => {
    for (const [text, clean] of [
      ["PGPASSWORD=a,b;c&d next", `PGPASSWORD=${MARK} next`],
      [`PGPASSWORD='it is: "x", y' psql`, `PGPASSWORD='${MARK}' psql`],
      ["MYSQL_PWD=hunter2)", `MYSQL_PWD=${MARK})`],
      ["Config(user=ada, password=hunter2, port=1)", `Config(user=ada, password=${MARK}, port=1)`],
    ] as const)
      expect(redact.text(text)).toBe(clean);
  });

  test("of any length", () => {
    const long = "Ab1 ".repeat(20_000);
    expect(redact.text(`password="${long}" next`)).toBe(`password="${MARK}" next`);
    expect(redact.text(`password="${long}`)).toBe(`password="${MARK}`);
    expect(redact.text(`password=${"Ab1-".repeat(20_000)} next`)).toBe(`password=${MARK} next`);
  });

  test("in headers with a scheme, cookies, SQL, .netrc and curl", () => {
    const random = seededRandom(5);
    const secret = () => randomText(random, 32, "ABCDEFabcdef0123456789");
    for (const [before, after] of [
      ["Authorization: Token ", ""],
      ["authorization: token ", "\nAccept: x"],
      ["{'Authorization': 'ApiKey ", "'}"],
      ['{"Authorization": "GenieKey ', '"}'],
      ['curl -H "Authorization: SSWS ', '" https://x.okta.com'],
      ["Proxy-Authorization: Negotiate ", ""],
      ["X-Vault-Token: ", ""],
      ["Cookie: session=", ""],
      ["Set-Cookie: sid=", "; Path=/; HttpOnly"],
      ["{'Cookie': 'a=b; session=", "'}"],
      ["CREATE ROLE etl WITH PASSWORD '", "'"],
      ["CREATE USER etl IDENTIFIED BY '", "'"],
      ["machine api.example.com login ada password ", ""],
      ["curl -u ada:", " https://example.com"],
      ["curl --user 'ada:", "' https://example.com"],
      ["https://acct.blob.core.windows.net/c/f?sv=2022-11-02&sr=b&sig=", "%3D&se=2027-01-01"],
      ["https://s3.amazonaws.com/b/k?X-Amz-Date=20261130T000000Z&X-Amz-Signature=", ""],
      ["SharedAccessSignature sr=x&sig=", "&se=1"],
    ] as const) {
      const planted = secret();
      expect(redact.text(`${before}${planted}${after}`)).not.toContain(planted);
    }
  });

  test("are kept where they are no values", () => {
    for (const text of [
      "password: None",
      "password=None)",
      "Invalid password: authentication failed",
      "token: expired",
      "Unexpected token: 'abc1234'",
      "secret not found",
      "api_key: str | None = None",
      "password=password",
      "token=self.token",
      "self._api_key = api_key",
      "api_key=os.environ['X']",
      "getpass.getpass('Password: ')",
      `password: \${DB_PASSWORD}`,
      "password: {{ prefect.blocks.secret.db }}",
      "PASSWORD=$DB_PASSWORD",
      "token: <your token>",
      "password=********",
      "PWD=/opt/prefect/flows",
      "secretName: db-credentials",
      "secretKeyRef: {name: db, key: password}",
      "token_type: bearer, expires_in: 3600",
      "max_tokens=4096, prompt_tokens: 512",
      "next_page_token=abc123def456",
      "task_key: my_task-1234abcd",
      "cache_key='5f0c3a9e1b7d4e2f8a6c0d9b3e5f7a1c'",
      "idempotency_key=scheduled 0198f0b0 2026-11-22",
      "private_key=/run/secrets/key.pem",
      "GOOGLE_APPLICATION_CREDENTIALS=/var/secrets/google/key.json",
      "credentials loaded from ~/.aws/credentials",
      "KeyError: 'token'",
      "the --password option is required",
      "identified by its name",
      'required: ["password", "token", "api_key"]',
      '{"password": {"title": "Password", "type": "string", "format": "password"}}',
      "Token: '#d0d0d0'",
      "signature: (x: int, y: str) -> None",
    ])
      expect(redact.text(text)).toBe(text);
  });
});

describe("fields of objects with the name of a secret", () => {
  test("are replaced in parameters, environments, pairs, arguments, defaults and lists", () => {
    const random = seededRandom(11);
    const secret = () => password(random, 20, "+/_-");
    const planted = Array.from({ length: 9 }, secret);
    const [a, b, c, d, e, f, g, h, i] = planted;
    const value = {
      parameters: { password: a, nested: [{ apiKey: b }], limit: 3 },
      job_variables: { env: { PGPASSWORD: c, PWD: "/opt", PATH: "/usr/bin" }, command: ["tool", "--token", d, "-v"] },
      containers: [
        {
          env: [
            { name: "DB_PASSWORD", value: e },
            { name: "REGION", value: "eu" },
          ],
        },
      ],
      schema: { properties: { password: { type: "string", title: "Password", default: f } } },
      secrets: { db: g },
      passwords: [h],
      headers: { Authorization: `Token ${i}` },
      pin: 1234,
      db_password: 4711,
    };
    const clean = redact.object(value);
    expect(clean).toEqual({
      parameters: { password: MARK, nested: [{ apiKey: MARK }], limit: 3 },
      job_variables: {
        env: { PGPASSWORD: MARK, PWD: "/opt", PATH: "/usr/bin" },
        command: ["tool", "--token", MARK, "-v"],
      },
      containers: [
        {
          env: [
            { name: "DB_PASSWORD", value: MARK },
            { name: "REGION", value: "eu" },
          ],
        },
      ],
      schema: { properties: { password: { type: "string", title: "Password", default: MARK } } },
      secrets: { db: MARK },
      passwords: [MARK],
      headers: { Authorization: `Token ${MARK}` },
      pin: 1234,
      db_password: MARK as never,
    } as never);
    expect(redact.object(clean)).toBe(clean);
  });

  test("are kept when they refer to a secret, describe one or are empty", () => {
    const value = {
      password: null,
      token: "",
      secret: "my-secret",
      credentials: { $ref: { block_document_id: "612820e4" } },
      valueFrom: { secretKeyRef: { name: "db", key: "password" } },
      api_key: "{{ prefect.blocks.secret.api-key }}",
      properties: { token: { type: "string", title: "Token", description: "the token of the service" } },
      required: ["password", "token"],
      secretName: "tls-1a2b3c",
      max_tokens: 4096,
      enable_token: true,
    };
    expect(redact.object(value)).toBe(value);
  });

  test("of a private JSON web key are replaced, those of a public one are kept", () => {
    const random = seededRandom(3);
    const member = () => randomText(random, 43, "ABCDEFabcdef0123456789_-");
    const [x, d] = [member(), member()];
    expect(redact.object({ kty: "EC", crv: "P-256", x, d })).toEqual({
      kty: "EC",
      crv: "P-256",
      x,
      d: "[redacted:private-key]",
    });
    expect(redact.text(`{"kty":"EC","crv":"P-256","x":"${x}","d":"${d}"}`)).not.toContain(d);
  });
});

describe("names", () => {
  test("of secrets are recognized by their words", () => {
    expect(NAMES.filter((name) => classOfName(name) === null)).toEqual([]);
  });

  test("of other things are not", () => {
    const others =
      "username monkey author keyboard_layout region X-Team key cache_key task_key dynamic_key idempotency_key concurrency_key storage_key secretName secret_arn token_url tokens max_tokens passed bypass compass PWD OLDPWD prefect.resource.id page_token next_page_token password_file access_key_id signature_version cookie_domain keys".split(
        " ",
      );
    expect(others.filter((name) => classOfName(name) !== null)).toEqual([]);
  });

  test("of fields of blocks and headers are recognized more widely", () => {
    for (const name of [
      "password",
      "apiKey",
      "x-api-key",
      "AWS_SECRET_ACCESS_KEY",
      "Authorization",
      "connection_string",
    ])
      expect(isSecretName(name)).toBe(true);
    for (const name of ["username", "monkey", "author", "keyboard_layout", "region", "X-Team"])
      expect(isSecretName(name)).toBe(false);
  });
});

/** Secrets where people write them: configuration files, command lines, connection strings, manifests, headers, sentences. */
import { describe, expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { seededRandom } from "../../support/random.ts";
import { password, randomText } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });

/** Where the secret is: between the two texts, which stay as they are. */
type Place = readonly [name: string, before: string, after: string];

const FILES: readonly Place[] = [
  ["a block of YAML", "db:\n  password: |\n    ", "\n  host: db"],
  ["a folded block of YAML", "token: >-\n  ", "\nhost: db"],
  ["a block of YAML in JSON", '{"yaml": "password: |\\n  ', '\\nhost: db\\n"}'],
  ["a here-document of Terraform", "db_password = <<EOT\n", "\nEOT\n"],
  ["a text of several lines in TOML", 'password = """\n', '\n"""\n'],
  ["an output of Terraform", '{"db_password":{"type":"string","value":"', '"}}'],
  ["a sensitive output of Terraform", '{"dsn":{"sensitive":true,"type":"string","value":"', '"}}'],
  ["a pair in JSON, value first", '{"value":"', '","name":"DB_PASSWORD"}'],
  ["a pair in YAML, value first", "- value: ", "\n  name: DB_PASSWORD"],
  ["a variable of Ansible", "ansible_become_pass=", "\n"],
  [".netrc", "machine api.example.com\n  login ada\n  password ", "\n"],
  [".netrc, password first", "machine h password ", " login ada"],
  [".pgpass", "db.internal:5432:prefect:etl:", "\n"],
  [".pgpass for every server", "*:*:*:etl:", ""],
  [".npmrc", "//registry.example.com/:_authToken=", "\n"],
  ["a session", "session_id=", "; Path=/"],
  ["a session of Java in a URL", "https://x.example.com/a;jsessionid=", ""],
  ["other languages", "senha: ", "\nhost: db"],
  ["other languages with accents", "contraseña=", ""],
  ["a plain pass", "user=ada pass=", " host=db"],
  ["a private key of which only a name tells", "private key: ", ""],
];

const COMMANDS: readonly Place[] = [
  ["mysql", "mysql -u root -p", " db"],
  ["sshpass", "sshpass -p '", "' ssh host"],
  ["docker login", "docker login -u ada -p ", " registry.example.com"],
  ["docker run", "docker run -e DB_PASSWORD=", " -e A=b image"],
  ["redis-cli", "redis-cli -h cache -a ", " ping"],
  ["mongosh", "mongosh --username ada -p ", ""],
  ["a list of arguments", '["mongosh", "-u", "ada", "-p", "', '"]'],
  ["ldapsearch", "ldapsearch -D cn=admin -w ", " -b dc=x"],
  ["zip", "zip -P ", " a.zip b"],
  ["7z", "7z x -p", " a.7z"],
  ["smbclient", "smbclient //srv/share -U ada%", " -c ls"],
  ["openssl", "openssl enc -aes-256-cbc -pass pass:", " -in x"],
  ["keytool", "keytool -storepass ", " -list"],
  ["kubectl", "kubectl create secret generic db --from-literal=dsn=", " -n x"],
  ["az", "az login --service-principal -u app -p ", " --tenant t"],
  ["a program inside another", "docker exec db mysql -u root -p", " db"],
];

const CONNECTIONS: readonly Place[] = [
  ["without a scheme", "connecting to etl:", "@db.internal:5432/prefect"],
  ["an address", "dsn etl:", "@10.0.0.3:5432"],
  ["Go's driver for MySQL", "root:", "@tcp(127.0.0.1:3306)/db"],
  ["Oracle", "sqlplus scott/", "@//db:1521/xe"],
  ["Oracle in JDBC", "jdbc:oracle:thin:scott/", "@h:1521:xe"],
  ["ODBC", "Driver={ODBC Driver 18 for SQL Server};UID=etl;PWD={", "};Encrypt=yes"],
  ["ODBC without braces", "UID=token;PWD=", ""],
  ["ADO", "Server=tcp:x;User ID=etl;Pwd=", ";Encrypt=yes"],
  ["JDBC with fields", "jdbc:sqlserver://h:1433;user=etl;password=", ";encrypt=true"],
  ["JDBC with parameters", "jdbc:snowflake://x.snowflakecomputing.com/?user=etl&password=", ""],
  ["escaped slashes", '{"u":"postgres:\\/\\/etl:', '@h\\/x"}'],
  ["an escaped sign", '{"u":"postgres://etl:', '\\u0040h/x"}'],
  ["InfluxDB", "http://influx:8086/query?u=etl&p=", "&db=x"],
];

const CODE: readonly Place[] = [
  ["a header in a list of bytes", "[(b'authorization', b'ApiKey ", "')]"],
  ["a pair of arguments", "requests.get(url, auth=('etl', '", "'))"],
  ["a class of requests", "HTTPBasicAuth('etl', '", "')"],
  ["a pair of credentials", 'connect(credentials=("etl", "', '"))'],
  ["SQL", "ALTER USER etl PASSWORD '", "'"],
  ["SQL for another user", "SET PASSWORD FOR 'etl' = '", "'"],
  ["a sentence", "the password is ", " now"],
  ["a sentence with quotes", "got password '", "' from the vault"],
  ["a sentence with brackets", "password (", ")"],
  ["a sentence about a token", "using token ", " of the service"],
  ["a table", "| password | ", " |"],
  ["columns", "DB_PASSWORD\t", "\n"],
];

describe.each([
  ["a file", FILES],
  ["a command line", COMMANDS],
  ["a connection string", CONNECTIONS],
  ["code or a sentence", CODE],
])("a secret in %s", (_, places) => {
  test.each(places)("is replaced: %s", (name, before, after) => {
    const random = seededRandom(name.length * 1_000 + before.length);
    for (let round = 0; round < 40; round += 1) {
      const secret = `${password(random, 13 + Math.floor(random() * 12), "")}`;
      const clean = redact.text(`${before}${secret}${after}`);
      expect(clean).not.toContain(secret);
      expect(clean.replace(/\[redacted:[a-z-]+\]/, "")).toBe(before + after);
      expect(redact.text(clean)).toBe(clean);
      const escaped = JSON.stringify({ message: `${before}${secret}${after}` });
      expect(redact.text(escaped)).not.toContain(secret);
    }
  });
});

describe("a passphrase of several words", () => {
  const phrase = "correct horse battery staple";
  test.each([
    ["passphrase: ", ""],
    ["db:\n  password: ", "\n  host: db"],
    ["[db]\npassword = ", "\nuser = etl"],
    ["spring.datasource.password: ", "\n"],
    ["PATH=/bin\nDB_PASSWORD=", "\nHOME=/root"],
    ["docker run -e 'DB_PASSWORD=", "' image"],
    ["mnemonic: ", ""],
    ["seed phrase: ", ""],
    ['{"mnemonic": "', '"}'],
  ])("is replaced as a whole: %j", (before, after) => {
    expect(redact.text(`${before}${phrase}${after}`)).toBe(`${before}[redacted:named-secret]${after}`);
  });

  test.each([
    "password: must be at least 8 characters",
    "Password: authentication failed for user etl",
    "password: Field required",
    "PGPASSWORD=$X psql -h db",
    "password: The password is too short.",
    "passphrase: enter the new one",
  ])("a sentence is kept: %s", (text) => {
    expect(redact.text(text)).toBe(text);
  });
});

describe("a Secret of Kubernetes", () => {
  const random = seededRandom(12);
  const value = () => btoa(randomText(random, 20, "abcdefghijklmnopqrstuvwxyz"));

  test.each([
    ["data after its kind", (a: string, b: string) => `kind: Secret\ndata:\n  user: ${a}\n  dsn: ${b}\ntype: Opaque\n`],
    ["data before its kind", (a: string, b: string) => `data:\n  user: ${a}\n  dsn: |\n    ${b}\nkind: Secret\n`],
    ["plain values", (a: string, b: string) => `  kind: Secret\n  stringData:\n    user: ${a}\n    dsn: "${b}"\n`],
    ["JSON", (a: string, b: string) => `{"kind":"Secret","data":{"user":"${a}","dsn":"${b}"}}`],
    [
      "JSON in a text",
      (a: string, b: string) =>
        `{\\"kind\\": \\"Secret\\", \\"data\\": {\\"user\\": \\"${a}\\", \\"dsn\\": \\"${b}\\"}}`,
    ],
  ])("hides its values, not its keys: %s", (_, write) => {
    const [a, b] = [value(), value()];
    const clean = redact.text(write(a, b));
    expect(clean).not.toContain(a);
    expect(clean).not.toContain(b);
    expect(clean).toContain("user");
    expect(clean).toContain("dsn");
  });

  test("also as an object", () => {
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, data: { ca: value() } };
    expect(redact.object(secret)).toEqual({ ...secret, data: { ca: "[redacted:kubernetes-secret]" } });
    const other = { ...secret, kind: "ConfigMap" };
    expect(redact.object(other)).toBe(other);
  });
});

describe("a text in base64", () => {
  const random = seededRandom(13);
  const secret = password(random, 20, "");
  test.each([
    ["JSON", `{"username":"etl","password":"${secret}"}`],
    ["settings", `DB_HOST=db.internal\nDB_PASSWORD=${secret}\n`],
    ["a URL", `postgresql://etl:${secret}@db.internal:5432/prefect`],
    ["such a text", btoa(`{"username":"etl","password":"${secret}"}`)],
  ])("is replaced when it holds a secret: %s", (_, text) => {
    expect(redact.text(`value ${btoa(text)} end`)).toBe("value [redacted:encoded-secret] end");
  });

  test("is kept when it holds none", () => {
    const text = `value ${btoa('{"username":"etl","host":"db.internal","port":5432}')} end`;
    expect(redact.text(text)).toBe(text);
  });
});

describe("objects", () => {
  test("hide sensitive outputs, the auth of Docker and arguments of commands", () => {
    const random = seededRandom(14);
    const secret = password(random, 20, "");
    expect(
      redact.object({
        outputs: { dsn: { sensitive: true, type: "string", value: secret }, region: { sensitive: false, value: "eu" } },
        auths: { "https://index.docker.io/v1/": { auth: btoa(`ada:${secret}`) } },
        command: ["sshpass", "-p", secret, "ssh", "-p", "2222"],
      }),
    ).toEqual({
      outputs: {
        dsn: { sensitive: true, type: "string", value: "[redacted:sensitive-value]" },
        region: { sensitive: false, value: "eu" },
      },
      auths: { "https://index.docker.io/v1/": { auth: "[redacted:basic-credentials]" } },
      command: ["sshpass", "-p", "[redacted:named-secret]", "ssh", "-p", "2222"],
    });
  });
});

describe("text that resembles these places", () => {
  test.each([
    "mail ada99@example.com or bob:ada99@example.com",
    "image: registry.local/etl:v1.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "git@github.com:org/repo1.git",
    "actions/checkout@v4 and @scope/pkg1@1.2.3",
    "docker run -p 8080:80 -e REGION=eu image",
    "mkdir -p /data/x1 && cp -a a1 b2",
    "ssh -p 2222 host1",
    "docker compose -p project1 up",
    "kubectl create configmap x --from-literal=a=b1",
    "helm install -p x1",
    "passed=12 pass=11 fail=1",
    "pass: 12 tests, fail: 0",
    "kind: ConfigMap\ndata:\n  user: abc123def\n",
    "kind: SecretStore\ndata:\n  user: abc123def\n",
    "secret db-credentials-1 not found",
    "token abc expired, key abc1 is missing",
    "app.py:5432:12:error:E501",
    "https://api.prefect.cloud/api/accounts/x/workspaces/y/webhooks/0198f0b0-4100-4aa1-9d11-2c3d4e5f6071",
    "/opt/prefect/hooks/on_failure_2.py",
    "https://api.example.com/v1?key=daily-report-2026&code=404",
    "session_id=17",
    "mnemonic",
  ])("is kept: %s", (text) => {
    expect(redact.text(text)).toBe(text);
  });
});

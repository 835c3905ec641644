/**
 * Samples of secrets, made from their published forms at run time: no sample is written down, so that scanners report no file here.
 * `{22:w}` stands for 22 characters of the class `w`.
 */

const ALPHABETS: Readonly<Record<string, string>> = {
  /** Letters and digits. */
  a: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
  /** Base64 for URLs. */
  w: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
  /** Base64. */
  b: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
  h: "0123456789abcdef",
  H: "0123456789ABCDEF",
  U: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
  l: "abcdefghijklmnopqrstuvwxyz0123456789",
  d: "0123456789",
};

export function randomText(random: () => number, length: number, alphabet: string): string {
  return Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
}

export function fromTemplate(template: string, random: () => number): string {
  return template.replace(/\{(\d+):(\w)\}/g, (_, length: string, of: string) =>
    randomText(random, Number(length), ALPHABETS[of] ?? ""),
  );
}

const UUID = "{8:h}-{4:h}-4{3:h}-a{3:h}-{12:h}";

/** Kind of the mark, and the form: what is replaced is in « » where it is not the whole. */
export const TOKEN_TEMPLATES: readonly (readonly [kind: string, template: string])[] = [
  ["prefect-api-key", "pnu_{36:a}"],
  ["prefect-api-key", "pnb_{36:a}"],
  ["aws-access-key-id", "AKIA{16:U}"],
  ["aws-access-key-id", "ASIA{16:U}"],
  ["aws-bedrock-key", "ABSK{132:b}="],
  ["google-api-key", "AIza{35:w}"],
  ["google-oauth-token", "GOCSPX-{28:w}"],
  ["google-oauth-token", "ya29.{120:w}"],
  ["google-oauth-token", "1//0{60:w}"],
  ["azure-client-secret", "{3:a}8Q~{34:a}"],
  ["azure-key", "{76:a}AZDO{4:a}"],
  ["azure-key", "{52:a}JQQJ99{26:a}"],
  ["digitalocean-token", "dop_v1_{64:h}"],
  ["digitalocean-token", "doo_v1_{64:h}"],
  ["alibaba-access-key-id", "LTAI{20:a}"],
  ["yandex-key", "AQVN{36:w}"],
  ["cloudflare-origin-key", "v1.0-{24:h}-{146:h}"],
  ["heroku-api-key", "HRKU-AA{58:w}"],
  ["flyio-token", "fo1_{43:w}"],
  ["flyio-token", "fm2_{120:b}=="],
  ["vercel-token", "vcp_{40:a}"],
  ["netlify-token", "nfp_{40:a}"],
  ["render-key", "rnd_{28:a}"],
  ["supabase-key", "sbp_{40:h}"],
  ["supabase-key", "sb_secret_{31:w}"],
  ["planetscale-token", "pscale_tkn_{43:w}"],
  ["planetscale-token", "pscale_pw_{43:w}"],
  ["neon-api-key", "napi_{60:l}"],
  ["mongodb-atlas-key", "mdb_sa_sk_{40:w}"],
  ["clickhouse-key", "4b1d{38:a}"],
  ["databricks-token", "dapi{32:h}"],
  ["databricks-token", "dapi{32:h}-2"],
  ["dbt-cloud-token", "dbtc_{50:w}"],
  ["vault-token", "hvs.{95:w}"],
  ["vault-token", "hvb.{150:w}"],
  ["vault-token", "s.{12:a}7{11:a}"],
  ["terraform-token", "{14:a}.atlasv1.{66:w}"],
  ["pulumi-token", "pul-{40:h}"],
  ["doppler-token", "dp.pt.{43:a}"],
  ["doppler-token", "dp.st.dev.{43:a}"],
  ["infisical-token", `st.${UUID}.{32:h}.{32:h}`],
  ["1password-token", "ops_eyJ{300:b}"],
  ["1password-secret-key", "A3-{6:U}-{6:U}-{5:U}-{5:U}-{5:U}-{5:U}"],
  ["age-secret-key", "AGE-SECRET-KEY-1{58:U}"],
  ["openshift-token", "sha256~{43:w}"],
  ["tailscale-key", "tskey-auth-k{12:a}CNTRL-{32:a}"],
  ["harness-key", "pat.{22:w}.{24:a}.{20:a}"],
  ["infracost-key", "ico-{32:a}"],
  ["scalingo-token", "tk-us-{48:w}"],
  ["github-token", "ghp_{36:a}"],
  ["github-token", "gho_{36:a}"],
  ["github-token", "ghu_{36:a}"],
  ["github-token", "ghs_{36:a}"],
  ["github-token", "ghr_{36:a}"],
  ["github-token", "github_pat_{22:a}_{59:a}"],
  ["gitlab-token", "glpat-{20:w}"],
  ["gitlab-token", "glpat-{27:w}.01.{9:l}"],
  ["gitlab-token", "glrt-{20:w}"],
  ["gitlab-token", "glptt-{40:h}"],
  ["gitlab-token", "GR1348941{20:w}"],
  ["gitlab-token", "_gitlab_session=«{32:l}»"],
  ["bitbucket-token", "ATBB{32:a}"],
  ["atlassian-token", "ATATT3{180:w}"],
  ["atlassian-token", "ATCTT3{180:w}"],
  ["npm-token", "npm_{36:a}"],
  ["pypi-token", "pypi-AgEIcHlwaS5vcmc{70:w}"],
  ["rubygems-token", "rubygems_{48:h}"],
  ["nuget-key", "oy2{43:l}"],
  ["sidekiq-credential", "BUNDLE_GEMS__CONTRIBSYS__COM=«{8:h}:{8:h}»"],
  ["clojars-token", "CLOJARS_{60:l}"],
  ["docker-token", "dckr_pat_{27:w}"],
  ["docker-token", "dckr_oat_{32:w}"],
  ["artifactory-token", "AKCp{69:a}"],
  ["artifactory-token", "cmVmd{59:a}"],
  ["sonar-token", "squ_{40:h}"],
  ["buildkite-token", "bkua_{40:h}"],
  ["circleci-token", "CCIPAT_{22:a}_{40:h}"],
  ["octopus-key", "API-{26:U}"],
  ["postman-key", "PMAK-{24:h}-{34:h}"],
  ["sourcegraph-token", "sgp_{16:h}_{40:h}"],
  ["slack-token", "xoxb-{12:d}-{12:d}-{24:a}"],
  ["slack-token", "xoxp-{12:d}-{12:d}-{12:d}-{32:h}"],
  ["slack-token", "xapp-1-{11:U}-{13:d}-{64:h}"],
  ["slack-token", "xoxe.xoxp-1-{160:U}"],
  ["slack-token", "xoxe-1-{146:U}"],
  ["slack-webhook", "https://hooks.slack.com/services/«T{8:U}/B{8:U}/{24:a}»"],
  ["discord-webhook", "https://discord.com/api/webhooks/«{19:d}/{68:w}»"],
  ["discord-webhook", "https://discordapp.com/api/v10/webhooks/«{19:d}/{68:w}»"],
  ["teams-webhook", `https://acme.webhook.office.com/webhookb2/«${UUID}@${UUID}/IncomingWebhook/{32:h}/${UUID}»`],
  ["zapier-webhook", "https://hooks.zapier.com/hooks/catch/«{7:d}/{7:l}/»"],
  ["ifttt-webhook", "https://maker.ifttt.com/trigger/run_failed/with/key/«{22:w}»"],
  ["telegram-bot-token", "{10:d}«:AA{33:w}»"],
  ["sendgrid-key", "SG.{22:w}.{43:w}"],
  ["mailgun-key", "key-{32:h}"],
  ["mailchimp-key", "{32:h}-us14"],
  ["brevo-key", "xkeysib-{64:h}-{16:a}"],
  ["twilio-key", "SK{32:h}"],
  ["resend-key", "re_{8:a}_{24:a}"],
  ["stripe-key", "sk_live_{24:a}"],
  ["stripe-key", "rk_test_{99:a}"],
  ["stripe-key", "whsec_{32:b}"],
  ["square-token", "EAAA{60:w}"],
  ["square-token", "sq0atp-{22:w}"],
  ["shopify-token", "shpat_{32:h}"],
  ["shopify-token", "shpss_{32:h}"],
  ["braintree-token", ["access_token$production$", "{16:l}$", "{32:h}"].join("")],
  ["flutterwave-key", "FLWSECK_TEST-{32:h}-X"],
  ["easypost-key", "EZAK{54:a}"],
  ["shippo-token", "shippo_live_{40:h}"],
  ["duffel-token", "duffel_live_{43:w}"],
  ["plaid-token", `access-sandbox-${UUID}`],
  ["grafana-token", "glc_{120:b}"],
  ["grafana-token", "glsa_{32:a}_{8:h}"],
  ["grafana-token", "eyJrIjoi{100:b}"],
  ["sentry-token", "sntryu_{64:h}"],
  ["sentry-token", "sntrys_eyJ{160:b}_{43:b}"],
  ["sentry-dsn", "https://«{32:h}»@o{6:d}.ingest.sentry.io/{7:d}"],
  ["newrelic-key", "NRAK-{27:U}"],
  ["newrelic-key", "{36:h}NRAL"],
  ["dynatrace-token", "dt0c01.{24:U}.{64:U}"],
  ["pagerduty-key", "pdus+_0XBPWQQ_{36:w}"],
  ["ai-api-key", "sk-{48:a}"],
  ["ai-api-key", "sk-proj-{120:w}"],
  ["ai-api-key", "sk-ant-api03-{93:w}AA"],
  ["huggingface-token", "hf_{34:a}"],
  ["huggingface-token", "api_org_{34:a}"],
  ["groq-key", "gsk_{52:a}"],
  ["perplexity-key", "pplx-{48:a}"],
  ["replicate-token", "r8_{37:a}"],
  ["xai-key", "xai-{80:a}"],
  ["langsmith-key", "lsv2_pt_{32:h}_{10:h}"],
  ["pinecone-key", "pcsk_{6:a}_{63:a}"],
  ["elevenlabs-key", "sk_{48:h}"],
  ["nvidia-key", "nvapi-{64:w}"],
  ["tavily-key", "tvly-dev-{32:a}"],
  ["fireworks-key", "fw_{24:a}"],
  ["linear-key", "lin_api_{40:a}"],
  ["notion-token", "ntn_{11:d}{35:a}"],
  ["notion-token", "secret_{43:a}"],
  ["figma-token", "figd_{40:w}"],
  ["airtable-token", "pat{14:a}.{64:h}"],
  ["typeform-token", "tfp_{44:a}_{14:a}"],
  ["contentful-token", "CFPAT-{43:w}"],
  ["readme-token", "rdme_{70:l}"],
  ["frameio-token", "fio-u-{64:w}"],
  ["trello-token", "ATTA{72:h}"],
  ["hubspot-token", `pat-na1-${UUID}`],
  ["adobe-client-secret", "p8e-{32:a}"],
  ["mapbox-token", "sk.eyJ{60:a}.{22:a}"],
  ["facebook-token", "EAAM{120:a}"],
  ["dropbox-token", "sl.{135:w}"],
  ["maxmind-key", "{6:a}_{29:a}_mmk"],
  ["settlemint-token", "sm_pat_{16:a}"],
  ["intra42-secret", "s-s4t2ud-{64:h}"],
  ["authress-key", "ext_{12:l}.{4:l}.acc_{16:l}.{64:b}"],
  ["cloudflare-token", "cfut_{40:a}{8:h}"],
  ["defined-networking-key", "dnkey-{26:l}-{52:l}"],
  ["webhook-url", "https://api.prefect.cloud/hooks/«{22:a}aB3»"],
  ["webhook-url", `https://acme.app.n8n.cloud/webhook/«${UUID}»`],
  ["webhook-url", `https://open.feishu.cn/open-apis/bot/v2/hook/«${UUID}»`],
  ["webhook-url", "https://chat.example.com/hooks/«{24:l}a1»"],
  ["webhook-url", "https://hook.«eu1.make.com/{32:l}»"],
  ["webhook-url", `https://hc-ping.com/«${UUID}»`],
  ["webhook-url", `https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=«${UUID}»`],
  ["webhook-url", "https://events.pagerduty.com/integration/«{32:h}»/enqueue"],
  ["webhook-url", "https://uptime.example.com/api/push/«{9:a}7»?status=up"],
  ["url-key", "https://maps.example.com/v1?key=«{30:a}aB3»"],
  ["url-key", "https://app.example.com/callback?state=x&code=«{40:a}aB3»"],
  ["url-key", "https://x.firebaseio.com/a.json?auth=«{40:a}aB3»"],
  ["password-hash", ["$2b$12$", "{53:a}"].join("")],
  ["password-hash", ["$6$rounds=5000$", "{8:a}$", "{86:a}"].join("")],
  ["password-hash", ["$apr1$", "{8:a}$", "{22:a}"].join("")],
  ["password-hash", ["$argon2id$v=19$m=65536,t=3,p=4$", "{22:b}$", "{43:b}"].join("")],
  ["password-hash", ["SCRAM-SHA-256$4096:{24:b}$", "{44:b}:{44:b}"].join("")],
  ["password-hash", ["pbkdf2_sha256$600000$", "{22:a}$", "{43:b}="].join("")],
  ["private-key", "MIIEvQIBADAN{400:b}"],
  ["private-key", "MC4CAQAwBQYDK2V{49:b}"],
  ["jwt", "eyJ{30:w}.eyJ{60:w}.{43:w}"],
  ["jwt", "ZXlKaGJHY2lPaU{160:a}"],
  ["private-key", "LS0tLS1CRUdJTiBS{600:a}="],
];

export interface Sample {
  readonly kind: string;
  /** The text with the secret, as it is usually written. */
  readonly text: string;
  readonly secret: string;
  /** The text as it has to become. */
  readonly clean: string;
}

export function tokenSample([kind, template]: readonly [string, string], random: () => number): Sample {
  const made = fromTemplate(template, random);
  const [before, secret, after] = /^(.*)«(.*)»(.*)$/s.exec(made)?.slice(1) ?? ["", made, ""];
  return {
    kind,
    text: `${before}${secret}${after}`,
    secret: secret ?? "",
    clean: `${before}[redacted:${kind}]${after}`,
  };
}

/** PEM, in lines of 64 characters. */
export function privateKey(random: () => number, label: string, lines: number): string {
  const body = Array.from({ length: lines }, () => randomText(random, 64, ALPHABETS.b ?? ""));
  const edge = (word: string) => `-----${word} ${label}-----`;
  return [edge("BEGIN"), ...body, `${randomText(random, 21, ALPHABETS.b ?? "")}Q==`, edge("END")].join("\n");
}

/** A password as people and generators make them: letters, digits and signs, at least one of each of `required`. */
export function password(random: () => number, length: number, signs: string): string {
  const text = randomText(random, length - 3, `${ALPHABETS.a}${signs}`);
  return `${randomText(random, 1, "abcdefgh")}${text}${randomText(random, 1, "23456789")}${randomText(random, 1, "XYZ")}`;
}

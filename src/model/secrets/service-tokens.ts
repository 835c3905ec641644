/** Kinds of tokens of services: messages, payments, monitoring, language models, documents. See `infrastructure-tokens.ts`. */
import { AFTER, tokenKind as kind, RANDOM, RUN, type TokenKind, UUID, WORD } from "./token-kind.ts";

const URL_PARAMETERS = "key auth code k ticket samlresponse"
  .split(" ")
  .map((name) => `?${name}= &${name}=`)
  .join(" ");

export const SERVICE_TOKENS: readonly TokenKind[] = [
  // Messages and mail. Of a webhook's URL only the secret part is replaced.
  kind(
    "slack-token",
    "xoxa- xoxb- xoxp- xoxr- xoxs- xoxo- xoxc- xoxd- xoxe- xwfp-",
    "x(?:ox[a-z]|wfp)-(?:[A-Za-z0-9-]|%2[BbFf]){8,}",
  ),
  kind("slack-token", "xoxe.xox", "xoxe\\.xox[a-z]-[A-Za-z0-9-]{8,}"),
  kind("slack-token", "xapp-", "xapp-[A-Za-z0-9-]{20,}", WORD),
  kind(
    "slack-webhook",
    "hooks.slack.com/services/ hooks.slack.com/workflows/ hooks.slack.com/triggers/",
    "[A-Za-z0-9/_+-]{8,}",
    AFTER,
  ),
  kind(
    "discord-webhook",
    "/webhooks/",
    "(?<=discord(?:app)?\\.com\\/api\\/(?:v\\d{1,2}\\/)?webhooks\\/)\\d{5,25}\\/[A-Za-z0-9_-]{20,}",
    AFTER,
  ),
  kind("teams-webhook", ".webhook.office.com/webhookb2/", "[A-Za-z0-9@/-]{20,}", AFTER),
  kind("zapier-webhook", "hooks.zapier.com/hooks/catch/", "[A-Za-z0-9/]{6,}", AFTER),
  kind(
    "ifttt-webhook",
    "/with/key/",
    "(?<=maker\\.ifttt\\.com\\/trigger\\/[A-Za-z0-9_-]{1,64}\\/(?:json\\/)?with\\/key\\/)[A-Za-z0-9_-]{10,}",
    AFTER,
  ),
  kind("telegram-bot-token", ":AA", "(?<=(?<![0-9])[0-9]{8,10}):AA[A-Za-z0-9_-]{32,}"),
  kind("sendgrid-key", "SG.", "SG\\.(?:[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{16,}|[A-Za-z0-9=_.-]{66,})", WORD),
  kind("mailgun-key", "^key-", "key-[0-9a-f]{32}(?![0-9A-Za-z])", WORD),
  kind("mailchimp-key", "-us1 -us2 -us3 -us4 -us5 -us6 -us7 -us8 -us9", "[0-9a-f]{32}-us\\d{1,2}(?![0-9A-Za-z])", {
    before: 32,
    ...WORD,
  }),
  kind("brevo-key", "xkeysib- xsmtpsib-", "x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
  kind(
    "twilio-key",
    "^sk0 ^sk1 ^sk2 ^sk3 ^sk4 ^sk5 ^sk6 ^sk7 ^sk8 ^sk9 ^ska ^skb ^skc ^skd ^ske ^skf",
    "SK[0-9A-Fa-f]{32}(?![0-9A-Za-z])",
    WORD,
  ),
  kind("resend-key", "^re_", "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}", WORD),

  // Payments and shops.
  kind(
    "stripe-key",
    "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_",
    "[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}",
    WORD,
  ),
  kind("stripe-key", "whsec_", "whsec_[A-Za-z0-9+/]{20,}={0,2}"),
  kind("square-token", "EAAA sq0atp- sq0csp-", "(?:EAAA|sq0(?:at|cs)p-)[A-Za-z0-9_-]{22,}", WORD),
  kind("shopify-token", "shpat_ shpca_ shppa_ shpss_ shptka_", "shp(?:at|ca|pa|ss|tka)_[A-Fa-f0-9]{32,}"),
  kind("braintree-token", "access_token$", "access_token\\$(?:production|sandbox)\\$[0-9a-z]{16}\\$[0-9a-f]{32}"),
  kind("flutterwave-key", "FLWSECK", "FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?"),
  kind("easypost-key", "EZAK EZTK", "EZ[AT]K[A-Za-z0-9]{54}", WORD),
  kind("shippo-token", "shippo_live_ shippo_test_", "shippo_(?:live|test)_[A-Fa-f0-9]{40}"),
  kind("duffel-token", "duffel_live_ duffel_test_", "duffel_(?:live|test)_[A-Za-z0-9_=-]{40,}"),
  kind(
    "plaid-token",
    "access-sandbox- access-development- access-production-",
    `access-(?:sandbox|development|production)-${UUID}`,
  ),

  // Monitoring.
  kind("grafana-token", "glc_", "glc_[A-Za-z0-9+/]{32,}={0,3}", WORD),
  kind("grafana-token", "glsa_", "glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", WORD),
  kind("grafana-token", "eyJrIjoi", "eyJrIjoi[A-Za-z0-9+/]{50,}={0,3}", WORD),
  kind("sentry-token", "sntrys_ sntryu_", "sntry[su]_[A-Za-z0-9+/=_]{40,}"),
  kind("sentry-dsn", "@o", "[0-9a-f]{32}(?=@o\\d)", { before: 32, ...WORD }),
  kind("newrelic-key", "NRAK- NRII- NRIQ- NRRA-", "NR(?:AK|II|IQ|RA)-[A-Za-z0-9_-]{20,}", WORD),
  kind("newrelic-key", "NRAL", "[0-9A-Fa-f]{36}NRAL(?![A-Za-z0-9])", { before: 36, ...WORD }),
  kind("dynatrace-token", "dt0c01. dt0s01. dt0s02. dt0s16.", "dt0[a-z]\\d{2}\\.[A-Za-z0-9]{24}\\.[A-Za-z0-9]{64}"),
  kind("pagerduty-key", "pdus+ pdeu+", "pd[ue][su]\\+[A-Za-z0-9_+-]{16,}", WORD),

  // Language models.
  kind("ai-api-key", "^sk-", "sk-(?:(?:ant|proj|svcacct|admin|or|None)-[A-Za-z0-9_-]{12,}|[A-Za-z0-9]{20,})", WORD),
  kind("huggingface-token", "hf_", "hf_[A-Za-z0-9]{30,}", WORD),
  kind("huggingface-token", "api_org_", "api_org_[A-Za-z0-9]{30,}", WORD),
  kind("groq-key", "gsk_", "gsk_[A-Za-z0-9]{40,}", WORD),
  kind("perplexity-key", "pplx-", "pplx-[A-Za-z0-9]{40,}", WORD),
  kind("replicate-token", "^r8_", "r8_[A-Za-z0-9]{30,}", WORD),
  kind("xai-key", "xai-", "xai-[A-Za-z0-9]{60,}", WORD),
  kind("langsmith-key", "lsv2_pt_ lsv2_sk_", "lsv2_[ps][tk]_[a-f0-9]{32}_[a-f0-9]{10}"),
  kind("pinecone-key", "pcsk_", "pcsk_[A-Za-z0-9_]{40,}", WORD),
  kind("elevenlabs-key", "^sk_", "sk_[a-f0-9]{48}(?![A-Za-z0-9])", WORD),
  kind("nvidia-key", "nvapi-", "nvapi-[A-Za-z0-9_-]{40,}", WORD),
  kind("tavily-key", "tvly-", "tvly-[A-Za-z0-9_-]{20,}", WORD),
  kind("fireworks-key", "^fw_", "fw_[A-Za-z0-9]{22,}", WORD),

  // Documents, design, work.
  kind("linear-key", "lin_api_ lin_oauth_", "lin_(?:api|oauth)_[A-Za-z0-9_]{32,}"),
  kind("notion-token", "ntn_", "ntn_[0-9]{11}[A-Za-z0-9]{32,}", WORD),
  kind("notion-token", "secret_", "secret_[A-Za-z0-9]{43}(?![A-Za-z0-9])", WORD),
  kind("figma-token", "figd_ figu_ figo_", "fig[duo]_[A-Za-z0-9_-]{38,}", WORD),
  kind("airtable-token", "^pat", "pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}", WORD),
  kind("typeform-token", "tfp_", "tfp_[A-Za-z0-9_.=-]{40,}", WORD),
  kind("contentful-token", "CFPAT-", "CFPAT-[A-Za-z0-9_-]{40,}", WORD),
  kind("readme-token", "rdme_", "rdme_[a-z0-9]{60,}", WORD),
  kind("frameio-token", "fio-u-", "fio-u-[A-Za-z0-9_=-]{60,}", WORD),
  kind("trello-token", "ATTA", "ATTA[0-9a-fA-F]{60,}", WORD),
  kind("hubspot-token", "pat-na pat-eu pat-ap", `pat-(?:na|eu|ap)\\d-${UUID}`, WORD),
  kind("adobe-client-secret", "p8e-", "p8e-[A-Za-z0-9_-]{32,}", WORD),
  kind("mapbox-token", "sk.eyJ", "sk\\.eyJ[A-Za-z0-9_-]{20,}\\.[A-Za-z0-9_-]{20,}", WORD),
  kind("facebook-token", "EAAM EAAC", "EAA[MC][A-Za-z0-9]{80,}", WORD),
  kind("dropbox-token", "^sl.", "sl\\.(?:u\\.)?[A-Za-z0-9_=-]{100,}", WORD),
  kind("maxmind-key", "_mmk", "[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk(?![A-Za-z0-9])", { before: 36, ...WORD }),
  kind("settlemint-token", "sm_aat_ sm_pat_ sm_sat_", "sm_[aps]at_[A-Za-z0-9]{16,}", WORD),
  kind("intra42-secret", "s-s4t2ud- s-s4t2af-", "s-s4t2(?:ud|af)-[a-f0-9]{64}"),
  kind(
    "authress-key",
    "^sc_ ^ext_ scauth_ authress_",
    "(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\\.[A-Za-z0-9]{4,6}\\.acc[_-][A-Za-z0-9-]{10,32}\\.[A-Za-z0-9+/_=-]{30,}",
    WORD,
  ),

  // Addresses that anyone who knows them may call.
  kind(
    "webhook-url",
    "/hooks/ /hook/ /webhook/ /webhook-test/",
    `(?:[a-z0-9_.-]{1,64}/){0,4}(?:${UUID}|${RANDOM}|(?=[a-z]{0,25}\\d)[a-z0-9]{26}(?![a-z0-9]))(?:/[A-Za-z0-9_-]{1,256}){0,4}`,
    AFTER,
  ),
  kind("webhook-url", "//hook.", "(?:[a-z0-9-]{1,40}\\.){1,4}[a-z]{2,10}/[A-Za-z0-9]{20,}", AFTER),
  kind("webhook-url", "hc-ping.com/ nosnch.in/", `(?:${UUID}|[a-f0-9]{10})`, AFTER),
  kind("webhook-url", "webhook/send?key=", UUID, AFTER),
  kind("webhook-url", "/integration/", "[a-f0-9]{32}(?=/enqueue)", AFTER),
  kind("webhook-url", "/api/push/", "(?=[A-Za-z]{0,31}\\d)[A-Za-z0-9]{10,32}(?=\\?)", AFTER),
  kind(
    "url-key",
    URL_PARAMETERS,
    `(?:${RANDOM}|[a-f0-9]{32,}(?![A-Za-z0-9])|AIza[A-Za-z0-9_-]{20,})(?:%3[Dd]|=){0,2}`,
    AFTER,
  ),

  // Hashes of passwords.
  kind("password-hash", "$2a$ $2b$ $2y$", "\\$2[aby]\\$\\d{2}\\$[A-Za-z0-9./]{53}"),
  kind(
    "password-hash",
    "$1$ $5$ $6$ $y$ $apr1$",
    "\\$(?:[156y]|apr1)\\$(?:rounds=\\d{1,9}\\$)?[A-Za-z0-9./]{1,16}\\$[A-Za-z0-9./]{16,86}",
  ),
  kind(
    "password-hash",
    "$argon2",
    "\\$argon2(?:id|i|d)\\$v=\\d{1,3}\\$m=\\d{1,9},t=\\d{1,9},p=\\d{1,9}\\$[A-Za-z0-9+/]{8,}\\$[A-Za-z0-9+/]{16,}",
  ),
  kind(
    "password-hash",
    "SCRAM-SHA-",
    "SCRAM-SHA-(?:1|256)\\$\\d{1,9}:[A-Za-z0-9+/=]{8,64}\\$[A-Za-z0-9+/=]{20,64}:[A-Za-z0-9+/=]{20,64}",
  ),
  kind(
    "password-hash",
    "pbkdf2",
    "pbkdf2(?::sha\\d{1,3}:\\d{1,9}|_sha\\d{1,3}\\$\\d{1,9})\\$[A-Za-z0-9+/]{4,64}\\$[A-Za-z0-9+/=]{20,}",
  ),

  // Of any service.
  kind(
    "private-key",
    "MIIEvQIBADAN MIIEvgIBADAN MIIEvAIBADAN MIIEowIBAAKCAQEA MIIEpAIBAAKCAQEA MIIEogIBAAKCAQEA MIIJQgIBADAN MIIJQwIBADAN MIIJKAIBAAKCAgEA MIIJKQIBAAKCAgEA MIICXAIBAAKBgQ MIICXQIBAAKBgQ MIICdgIBADAN MIICdwIBADAN MC4CAQAwBQYDK2V MHcCAQEE MIGHAgEAMBMGByqGSM49 MIGkAgEB MIG2AgEAMBAGByqGSM49",
    "M[A-Za-z0-9+/]{60,}={0,2}",
    WORD,
  ),
  kind("private-key", "LS0tLS1CRUdJTi", "LS0tLS1CRUdJTi(?!BDRVJUSUZJQ0FURS|BQVUJMSUM)[A-Za-z0-9+/]{20,}={0,2}"),
  kind("jwt", "eyJ", "eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{4,}\\.[A-Za-z0-9_-]*(?:\\.[A-Za-z0-9_-]+){0,2}", RUN),
  kind("jwt", "ZXlK", "ZXlK(?:aGJHY2lPaU|MGVYQWlPaU|cmFXUWlPaU)[A-Za-z0-9+/]{40,}={0,2}", WORD),
];

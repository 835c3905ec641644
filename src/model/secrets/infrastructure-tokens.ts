/**
 * Kinds of tokens of clouds, infrastructure, code hosts and package registries. Services are in `service-tokens.ts`. The forms
 * are facts that vendors publish. Both tables are measured against these lists:
 * https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml
 * https://github.com/secretlint/secretlint/tree/master/packages/%40secretlint/secretlint-rule-preset-recommend
 */
import { AFTER, tokenKind as kind, type TokenKind, UUID, WORD } from "./token-kind.ts";

export const INFRASTRUCTURE_TOKENS: readonly TokenKind[] = [
  kind("prefect-api-key", "pnu_ pnb_ pna_", "pn[uba]_(?:[A-Za-z0-9]{20,}|(?=[A-Za-z]{0,20}\\d)[A-Za-z0-9]{8,})"),

  // Clouds.
  kind("aws-access-key-id", "AKIA ASIA ABIA ACCA", "A(?:KI|SI|BI|CC)A[A-Z0-9]{16}(?![A-Za-z0-9])", WORD),
  kind(
    "aws-bedrock-key",
    "ABSK bedrock-api-key-",
    "(?:ABSK[A-Za-z0-9+/]{80,}|bedrock-api-key-[A-Za-z0-9+/]{20,})={0,2}",
  ),
  kind("google-api-key", "AIza", "AIza[A-Za-z0-9_-]{30,}"),
  kind("google-oauth-token", "GOCSPX- ya29. 1//0", "(?:GOCSPX-|ya29\\.|1//0)[A-Za-z0-9_-]{20,}"),
  kind("azure-client-secret", "Q~", "[A-Za-z0-9_~.]{3}\\dQ~[A-Za-z0-9_~.-]{31,}", { ...WORD, before: 4 }),
  kind("azure-key", "AZDO", "[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}", { ...WORD, before: 76 }),
  kind("azure-key", "JQQJ99", "[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,}", { ...WORD, before: 52 }),
  kind("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", "do[opr]_v1_[A-Fa-f0-9]{40,}"),
  kind("alibaba-access-key-id", "LTAI", "LTAI[A-Za-z0-9]{12,}", WORD),
  kind("yandex-key", "AQVN", "AQVN[A-Za-z0-9_-]{35,}", WORD),
  kind("cloudflare-origin-key", "v1.0-", "v1\\.0-[a-f0-9]{24}-[a-f0-9]{100,}", WORD),
  kind("cloudflare-token", "cfk_ cfut_ cfat_", "cf(?:k|ut|at)_[A-Za-z0-9]{40,}", WORD),
  kind("heroku-api-key", "HRKU-", "HRKU-[A-Za-z0-9_-]{30,}"),
  kind(
    "flyio-token",
    "fo1_ fm1a_ fm1r_ fm2_",
    "(?:fo1_[A-Za-z0-9_-]{40,}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{60,}={0,3})",
    WORD,
  ),
  kind("vercel-token", "vcp_ vci_ vca_ vcr_ vck_", "vc[piark]_[A-Za-z0-9]{20,}", WORD),
  kind("netlify-token", "nfp_ nfc_ nfo_ nfu_", "nf[pcou]_[A-Za-z0-9]{36,}", WORD),
  kind("render-key", "rnd_", "rnd_[A-Za-z0-9]{28,}", WORD),
  kind("supabase-key", "sbp_ sb_secret_", "(?:sbp_(?:v0_)?[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,})", WORD),
  kind("planetscale-token", "pscale_", "pscale_(?:tkn|oauth|pw|app)_[A-Za-z0-9_=.-]{30,}"),
  kind("neon-api-key", "napi_", "napi_[a-z0-9]{40,}", WORD),
  kind("mongodb-atlas-key", "mdb_sa_sk_", "mdb_sa_sk_[A-Za-z0-9_-]{20,}"),
  kind("clickhouse-key", "4b1d", "4b1d[A-Za-z0-9]{38}(?![A-Za-z0-9])", WORD),
  kind("databricks-token", "dapi dose", "d(?:api|ose)[0-9A-Fa-f]{32}(?:-\\d)?", WORD),
  kind("dbt-cloud-token", "dbtc_ dbtu_", "dbt[cu]_[A-Za-z0-9_-]{30,}={0,2}", WORD),

  // Infrastructure.
  kind("vault-token", "hvs. hvb. hvr.", "hv[sbr]\\.[A-Za-z0-9_-]{20,}", WORD),
  kind("vault-token", "^s.", "s\\.(?=[A-Za-z]{0,23}\\d)[A-Za-z0-9]{24}(?![A-Za-z0-9])", WORD),
  kind("terraform-token", ".atlasv1.", "[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_=-]{40,}", { before: 14 }),
  kind("pulumi-token", "pul-", "pul-[a-f0-9]{40}", WORD),
  kind(
    "doppler-token",
    "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.",
    "dp\\.[a-z]{2,5}\\.(?:[a-z0-9_-]{2,35}\\.)?[A-Za-z0-9]{40,}",
    WORD,
  ),
  kind("infisical-token", "st.", `st\\.${UUID}\\.[a-f0-9]{32}\\.[a-f0-9]{32}`, WORD),
  kind("1password-token", "ops_eyJ", "ops_eyJ[A-Za-z0-9+/_-]{80,}={0,3}"),
  kind(
    "1password-secret-key",
    "^A3-",
    "A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
    WORD,
  ),
  kind("age-secret-key", "AGE-SECRET-KEY-", "AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,}"),
  kind("openshift-token", "sha256~", "sha256~[A-Za-z0-9_-]{40,}"),
  kind("tailscale-key", "tskey-", "tskey-[a-z]{2,12}-[A-Za-z0-9]{6,32}-[A-Za-z0-9]{16,}"),
  kind("defined-networking-key", "dnkey-", "dnkey-[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}", WORD),
  kind("harness-key", "^pat. ^sat.", "[ps]at\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9]{24}\\.[A-Za-z0-9]{20}", WORD),
  kind("infracost-key", "ico-", "ico-[A-Za-z0-9]{32}", WORD),
  kind("scalingo-token", "tk-us-", "tk-us-[A-Za-z0-9_-]{40,}", WORD),

  // Code hosts and registries.
  kind("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", "gh[pousr]_[A-Za-z0-9]{16,}"),
  kind("github-token", "github_pat_", "github_pat_[A-Za-z0-9_]{16,}"),
  kind(
    "gitlab-token",
    "glpat- gldt- glrt- glptt- glft- glsoat- glimt- glagent- gloas- glffct- glcbt- glrtr-",
    "gl(?:pat|dt|rt|ptt|ft|soat|imt|agent|oas|ffct|cbt|rtr)-[A-Za-z0-9_-]{16,}(?:\\.[a-z0-9]{2}\\.?[a-z0-9]{2,12})?",
  ),
  kind("gitlab-token", "_gitlab_session=", "[0-9a-z]{32}", AFTER),
  kind("gitlab-token", "GR1348941", "GR1348941[A-Za-z0-9_-]{20,}"),
  kind("bitbucket-token", "ATBB", "ATBB[A-Za-z0-9]{24,}", WORD),
  kind("atlassian-token", "ATATT3 ATCTT3 ATSTT3", "AT[ACS]TT3[A-Za-z0-9_=-]{40,}", WORD),
  kind("npm-token", "npm_", "npm_[A-Za-z0-9]{30,}", WORD),
  kind("pypi-token", "pypi-AgE", "pypi-AgE[A-Za-z0-9_-]{20,}", WORD),
  kind("rubygems-token", "rubygems_", "rubygems_[a-f0-9]{40,}"),
  kind("nuget-key", "oy2", "oy2[a-z0-9]{43}(?![A-Za-z0-9])", WORD),
  kind("sidekiq-credential", "contribsys__com=", "[a-f0-9]{8}:[a-f0-9]{8}(?![A-Za-z0-9])", AFTER),
  kind("clojars-token", "CLOJARS_", "CLOJARS_[A-Za-z0-9]{60}"),
  kind("docker-token", "dckr_pat_ dckr_oat_", "dckr_[po]at_[A-Za-z0-9_-]{20,}"),
  kind("artifactory-token", "AKCp cmVmd", "(?:AKCp[A-Za-z0-9]{60,}|cmVmd[A-Za-z0-9]{59})(?![A-Za-z0-9])", WORD),
  kind("sonar-token", "squ_ sqp_ sqa_", "sq[upa]_[a-f0-9]{40}", WORD),
  kind("buildkite-token", "bkua_ bkct_ bkaj_", "bk(?:ua|ct|aj)_[A-Za-z0-9._-]{30,}", WORD),
  kind("circleci-token", "CCIPAT_ CCIPRJ_", "CCIP(?:AT|RJ)_[A-Za-z0-9]{16,}_[a-f0-9]{30,}"),
  kind("octopus-key", "API-", "API-[A-Z0-9]{25,}", WORD),
  kind("postman-key", "PMAK-", "PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34}"),
  kind("sourcegraph-token", "sgp_", "sgp_(?:[A-Za-z0-9]{5,16}_)?[A-Fa-f0-9]{40}", WORD),
];

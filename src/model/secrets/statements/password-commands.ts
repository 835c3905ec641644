/** Commands whose password has no telling name: by an option, or by its position. */

/** How the password follows: as the next word, as the rest of the same word, or as either. */
type Form = "next" | "attached" | "either";

export interface PasswordCommand {
  readonly names: readonly string[];
  /** Words that must occur in the command, because the option has another meaning without them. */
  readonly needs?: RegExp;
  readonly option: RegExp;
  readonly form: Form;
  /** What precedes the password in its word: `user:`. */
  readonly keep?: RegExp;
  /** Ends the password. */
  readonly until?: RegExp;
  /** One of these is in every text with this command. Without it: one of the names. */
  readonly literals?: readonly string[];
}

type Details = Pick<PasswordCommand, "needs" | "keep" | "until" | "literals">;

const program = (names: string, option: string, form: Form, details: Details = {}): PasswordCommand => ({
  names: names.split(" "),
  option: new RegExp(`^(?:${option})`),
  form,
  ...details,
});

const USER = /^[^:\s/\\]{1,64}:/;
const UPLOAD = /^(?:upload|publish)$/;

export const PROGRAMS: readonly PasswordCommand[] = [
  program("mysql mysqldump mysqladmin mysqlimport mariadb mariadb-dump mydumper myloader", "-p", "attached"),
  program("sshpass", "-p", "either"),
  program("docker podman nerdctl buildah skopeo crane helm oras oc az", "-p", "next", { needs: /^login$/ }),
  program("az", "-p", "next", { needs: /^(?:sql|mysql|postgres)$/ }),
  program("az", "--value", "next", { needs: /^secret$/ }),
  program("aws", "--value", "next", { needs: /^SecureString$/, literals: ["securestring"] }),
  program("gh", "--body|-b", "either", { needs: /^secret$/, literals: ["gh secret"] }),
  program("redis-cli redis-benchmark", "-a", "next"),
  program("mongo mongosh mongodump mongorestore mongoexport mongoimport", "-p", "next"),
  program("beeline hive isql impala-shell rabbitmqadmin ncftp ncftpput ncftpget cypher-shell yt-dlp", "-p", "next"),
  program("cqlsh", "-p", "either"),
  program("sqlcmd bcp osql isql tsql ipmitool", "-P", "either"),
  program("mosquitto_pub mosquitto_sub mosquitto_rr", "-P", "next"),
  program("hydra crackmapexec netexec nxc evil-winrm psexec", "-p", "next"),
  program("ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami", "-w", "either"),
  program("ldappasswd", "-[as]", "next"),
  program("influx glab codecov", "-t", "next"),
  program("netlify", "--auth", "next"),
  program("hadoop", "-value", "next"),
  program("caddy", "--plaintext", "either"),
  program("signtool", "/p", "next"),
  program("knife", "-P", "next"),
  program("reg", "/d", "next", { needs: /pass|pwd|secret|token|key/i, literals: ["reg add"] }),
  program("fly flyctl heroku travis", "[A-Za-z_]\\w{0,64}=", "attached", {
    needs: /^(?:secrets|encrypt)$/,
    literals: ["^fly secrets", "^flyctl secrets", "travis encrypt"],
  }),
  program("security", "-[pwP]", "next", {
    needs: /-(?:keychain|password)$|^import$/,
    literals: ["keychain", "-passwor", "ty impor"],
  }),
  program("kadmin kadmin.local", "-w|-pw", "next"),
  program("plink pscp psftp putty nzsql", "-pw", "next"),
  program("vsql", "-w", "next"),
  program("p4", "-P", "next"),
  program("sqlplus sqlldr exp imp expdp impdp rman", "[A-Za-z][\\w$#]{0,30}/", "attached", { until: /@/ }),
  program("zip unzip", "-P", "next"),
  program("7z 7za 7zr rar unrar", "-h?p", "attached"),
  program("pdftotext pdftoppm pdfinfo pdfimages", "-[uo]pw", "next"),
  program("smbclient rpcclient net smbget", "[^%\\s]{0,64}%", "attached", {
    literals: ["smbclient", "rpcclient", "smbget", "^net "],
  }),
  program("openssl", "pass:", "attached"),
  program("openssl", "-(?:[156]|apr1)", "next", { needs: /^passwd$/ }),
  program("openssl", "-k", "next", { needs: /^enc$/ }),
  program("ssh-keygen", "-[NP]", "next"),
  program("kubectl oc", "--from-literal", "either", { keep: /^[^=\s]{1,128}=/, needs: /^secret$/ }),
  program("cloud", "-k|--key", "either", { needs: /^login$/, literals: ["cloud login"] }),
  program("doctl", "-t", "next", { needs: /^auth$/ }),
  program("airflow", "-p", "next", { needs: /^users$/, literals: ["airflow users"] }),
  program("twine poetry uv hatch flit", "-[pa]", "next", { needs: UPLOAD, literals: ["twine", "publish"] }),
  program("gem", "--key", "either", { needs: /^push$/, literals: ["gem push"] }),
  program("dotnet nuget", "-k|-p", "next", { needs: /^(?:push|add)$/, literals: ["nuget"] }),
  program("npm", "--auth", "next", { literals: ["--auth"] }),
  program("xfreerdp rdesktop mstsc winrs", "[/-]p:", "attached"),
  program("rdesktop", "-p", "next"),
  program("schtasks", "/r?p", "next"),
  program("usermod useradd", "-p", "next"),
  program("snmpwalk snmpget snmpset snmpgetnext snmpbulkwalk snmpbulkget snmptrap", "-c|-A|-X", "either"),
  program("swaks", "-ap", "next"),
  program("sendemail", "-xp", "next"),
  program("http https xh xhs ab", "-a|-A|--auth", "either", {
    keep: USER,
    literals: ["http -a", "https -a", "xh -a", "ab -a", "--auth"],
  }),
  program("etcdctl", "--user", "either", { keep: USER }),
  program("jenkins-cli jenkins-cli.jar", "-auth", "next", { keep: USER }),
  program("http https xh", "-a", "next", { needs: /^(?:bearer|jwt|digest)$/, literals: ["bearer", "^jwt"] }),
  program("curl", "-E|--cert", "either", { keep: /^[^:\s]{2,128}:(?!\\)/ }),
  program("curl", "-[fgiIkLNOsSvj0-9]{0,8}[uU]|--user|--proxy-user", "either", { keep: USER }),
  program("curl", "-b|--cookie", "either", { keep: /^[^=;\s]{1,64}=/ }),
  program("ctr", "-u|--user", "either", { keep: USER }),
  program("crictl skopeo podman", "--(?:src-|dest-)?creds", "either", { keep: USER }),
  program("lftp", "-u", "next", { keep: /^[^,\s]{1,64},/ }),
];

/** Words of a command: `*` is any word but an option, `#` a name of a secret, `!` the secret, `?` a secret that looks random. Options may follow the first word. */
export const POSITIONS: readonly (readonly string[])[] = [
  "net user * ?",
  "net user * ! /*",
  "net use * ? /*",
  "net use * * ? /*",
  "net use * /* ?",
  "rabbitmqctl add_user * !",
  "rabbitmqctl change_password * !",
  "rabbitmqctl authenticate_user * !",
  "htpasswd * * !",
  "htpasswd * ?",
  "mosquitto_passwd * * !",
  "vault login ?",
  "cargo login ?",
  "wandb login ?",
  "ngrok authtoken ?",
  "nuget setapikey ?",
  "vault operator unseal ?",
  "mc admin user add * * ?",
  "bw login * ?",
  "bw unlock ?",
  "snyk auth ?",
  "npm config set # ?",
  "nmcli dev wifi connect * password ?",
  "twilio login * ?",
  "cloudflared service install ?",
  "gcloud auth activate-refresh-token * ?",
  "aws configure set # ?",
  "isql * * ?",
  "rclone obscure !",
  "mc alias set * * * !",
  "mc config host add * * * !",
  "composer config # ?",
  "composer config * * ?",
  "poetry config * ?",
  "poetry config * * ?",
  "wpa_passphrase * !",
  "iwconfig * key ?",
  "openssl passwd ?",
  "ansible-vault encrypt_string !",
  "smbclient * ?",
  "db2 connect to * user * using !",
].map((words) => words.split(" "));

/** `htpasswd` takes a password only with an option that says so. */
export const NEEDS_OPTION: ReadonlyMap<string, RegExp> = new Map([
  ["htpasswd", /^-[a-zA-Z]*b/],
  ["mosquitto_passwd", /^-[a-zA-Z]*b/],
]);

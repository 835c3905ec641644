/** Names of secrets in other scripts, and names with letters that are not in ASCII. */

const PASSWORDS =
  "пароль пароля паролем парола лозинка қупиясөз パスワード パスフレーズ 暗証番号 密码 密碼 口令 비밀번호 암호 hasło hasła lösenord jelszó şifre parolă κωδικός κωδικος סיסמה סיסמא पासवर्ड รหัสผ่าน lykilorð гаслo գաղտնաբառ პაროლი پسورد".split(
    " ",
  );
const PHRASES = ["mật khẩu", "كلمة المرور", "كلمة السر", "رمز عبور", "кодовое слово"];
const TOKENS = "токен секрет トークン シークレット 秘密鍵 令牌 密钥 密鑰 金鑰 토큰".split(" ");

/** In lower case. One of these is in every name that `foreignName` finds. */
export const FOREIGN_WORDS: readonly string[] = [...PASSWORDS, ...PHRASES, ...TOKENS];

/** 1: the name. */
export const FOREIGN_NAME = new RegExp(`(${FOREIGN_WORDS.join("|")})`, "giu");

const TOKEN_WORDS: ReadonlySet<string> = new Set(TOKENS);

/** Of a name that `FOREIGN_NAME` found. */
export function classOfForeign(word: string): "password" | "token" {
  return TOKEN_WORDS.has(word.toLowerCase()) ? "token" : "password";
}

/** Whether the name of a field is, or ends with, such a word; null: it is not. */
export function foreignClass(name: string): "password" | "token" | null {
  const plain = name.toLowerCase().trim();
  const word = FOREIGN_WORDS.find((one) => plain.endsWith(one));
  return word === undefined ? null : classOfForeign(word);
}

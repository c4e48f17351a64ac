/** Splits code into tokens to colour: comments, strings, keywords, numbers. It reads words, not grammar. */

export type CodeLanguage = 'shell' | 'python' | 'typescript' | 'rust' | 'go' | 'json' | 'events' | 'yaml';
export type TokenKind = 'comment' | 'string' | 'variable' | 'key' | 'keyword' | 'number';
export type Token = { kind: TokenKind | null; text: string };

/** Patterns by kind; of two that match at the same place the first wins. */
type Rules = Partial<Record<TokenKind, string>>;

const words = (list: string) => `\\b(?:${list.replaceAll(' ', '|')})\\b`;

const QUOTED = String.raw`"(?:\\.|[^"\\\n])*"`;
const APOSTROPHES = String.raw`'(?:\\.|[^'\\\n])*'`;
const BACKTICKS = '`[^`]*`';
const NUMBER = String.raw`\b\d[\w.]*`;
const SLASHES = String.raw`//.*|/\*[^]*?\*/`;

const RULES: Record<CodeLanguage, Rules> = {
  shell: {
    comment: String.raw`(?<=^|\s)#.*`,
    string: String.raw`"(?:\\.|[^"\\])*"|'[^']*'`,
    variable: String.raw`\$\w+|\$\{[^}]*\}`,
    keyword: String.raw`(?<=^|\s)--?[a-zA-Z][\w-]*|${words('curl if then else fi case esac for in do done while exit')}`,
  },
  python: {
    comment: '#.*',
    string: `[fbr]?(?:"""[^]*?"""|${QUOTED}|${APOSTROPHES})`,
    keyword: words(
      'and as assert async await break class continue def elif else except False finally for from if import in is lambda None not or pass raise return True try while with yield',
    ),
    number: NUMBER,
  },
  typescript: {
    comment: SLASHES,
    string: `${QUOTED}|${APOSTROPHES}|${BACKTICKS}`,
    keyword: words(
      'as async await break case catch class const continue default else export extends false finally for from function if import in instanceof let new null of return switch this throw true try type typeof undefined while',
    ),
    number: NUMBER,
  },
  rust: {
    comment: SLASHES,
    string: String.raw`b?r#"[^]*?"#|b?"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])'`,
    keyword: words(
      'as async await break const continue else enum false fn for if impl in let loop match mod move mut pub ref return self static struct trait true type use where while',
    ),
    number: NUMBER,
  },
  go: {
    comment: SLASHES,
    string: `${QUOTED}|${BACKTICKS}`,
    keyword: words(
      'break case chan const continue default defer else false for func go if import interface map nil package range return select struct switch true type var',
    ),
    number: NUMBER,
  },
  json: {
    key: String.raw`${QUOTED}(?=\s*:)`,
    string: QUOTED,
    keyword: words('true false null'),
    number: `-?${NUMBER}`,
  },
  events: { key: '^(?:event|data|id)(?=:)' },
  yaml: {
    comment: String.raw`(?<=^|\s)#.*`,
    key: String.raw`(?<=^\s*(?:- )*|[{,]\s*)[\w$-]+(?=:(?:\s|$))`,
    variable: String.raw`<[a-z][\w.[\]-]*>|\{\{\w+\}\}`,
    string: `${QUOTED}|${APOSTROPHES}`,
    keyword: words('true false null'),
    number: String.raw`(?<=[\s[])\d[\w.]*(?=[\s,\]}]|$)`,
  },
};

/** What stands out within a string: a shell's variables, a document's references. */
const WITHIN: Partial<Record<CodeLanguage, string>> = { shell: RULES.shell.variable, yaml: RULES.yaml.variable };

export function highlight(code: string, language: CodeLanguage): Token[] {
  const within = WITHIN[language];
  return tokensOf(code, RULES[language]).flatMap((token) =>
    // A shell leaves what stands between apostrophes as it is.
    token.kind === 'string' && within && !(language === 'shell' && token.text.startsWith("'"))
      ? tokensOf(token.text, { variable: within }, 'string')
      : [token],
  );
}

function tokensOf(code: string, rules: Rules, rest: TokenKind | null = null): Token[] {
  const kinds = Object.entries(rules).map(([kind, pattern]) => `(?<${kind}>${pattern})`);
  const tokens: Token[] = [];
  let end = 0;
  for (const match of code.matchAll(new RegExp(kinds.join('|'), 'gm'))) {
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] as TokenKind;
    if (match.index > end) tokens.push({ kind: rest, text: code.slice(end, match.index) });
    tokens.push({ kind, text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < code.length) tokens.push({ kind: rest, text: code.slice(end) });
  return tokens;
}

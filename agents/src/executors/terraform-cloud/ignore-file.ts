/** What never goes along: the repository's history, and what `terraform init` has put there. */
const ALWAYS = ['.git/', '.terraform/'];

interface Pattern {
  matches: RegExp;
  keeps: boolean;
}

/** Which paths an upload leaves out, as `.terraformignore` says: like `.gitignore`, the last pattern that matches decides. */
export function ignoring(ignoreFile: string): (path: string, isDirectory: boolean) => boolean {
  const lines = [...ALWAYS, ...ignoreFile.split(/\r?\n/)].map((line) => line.trim());
  const patterns = lines.filter((line) => line !== '' && !line.startsWith('#')).map(patternOf);
  return (path, isDirectory) => {
    const last = patterns.findLast(({ matches }) => matches.test(isDirectory ? `${path}/` : path));
    return last !== undefined && !last.keeps;
  };
}

function patternOf(line: string): Pattern {
  const keeps = line.startsWith('!');
  const written = keeps ? line.slice(1) : line;
  const anchored = written.startsWith('/') || /\/./.test(written.slice(0, -1));
  const glob = written.replace(/^\//, '').replace(/\/$/, '');
  const body = glob
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => WILDCARDS[part] ?? part.replace(/[.+^$()|[\]\\{}]/g, '\\$&'))
    .join('');
  // A pattern with a slash at its end means directories, which are tested with one.
  return { matches: new RegExp(`${anchored ? '^' : '(^|/)'}${body}${written.endsWith('/') ? '/' : '/?'}$`), keeps };
}

const WILDCARDS: Readonly<Record<string, string>> = { '**/': '(.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };

// The house checks itself: sizes, banned calls, tests that do not run, invariants without a test, paths in the README that do not exist.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** A file over this length has a second thing in it. */
const FILE_LINES_MAX = 400;
const TEST_LINES_MAX = 600;
const README_LINES_MAX = 200;
const INVARIANTS = Array.from({ length: 13 }, (_, i) => `I${i + 1}`);

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file && fs.existsSync(file));
const problems = [];
const sources = tracked.filter((file) => file.endsWith('.ts'));
const isTest = (file) => file.endsWith('.spec.ts') || /(^|\/)test\//.test(file) || file.startsWith('libs/testkit/');

/** Ambient time, chance and output, with what to use instead. */
const BANNED = [
  { pattern: /\bMath\.random\(/, instead: 'Ids.random()' },
  { pattern: /\brandomUUID\(/, instead: 'Ids.next()' },
  { pattern: /\bconsole\.(log|info|warn|error|debug)\(/, instead: 'Log, or Output in the CLI' },
];
/** The shell of the house, where the ambient is let in. */
const MAY_BE_AMBIENT = [/^libs\/runtime\//, /^bench\//, /^cli\//, /^libs\/testkit\//];

/** A spec asserts something itself, or in a suite beside it that several specs share. */
function asserts(file, text) {
  if (/\bexpect\b|fc\.assert/.test(text)) return true;
  return [...text.matchAll(/from '(\.\/[^']+)\.js'/g)].some(([, beside]) => {
    const shared = path.join(path.dirname(file), `${beside}.ts`);
    return fs.existsSync(shared) && /\bexpect\b/.test(fs.readFileSync(shared, 'utf8'));
  });
}

for (const file of sources) {
  const text = fs.readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const limit = isTest(file) ? TEST_LINES_MAX : FILE_LINES_MAX;
  if (lines.length > limit && !file.includes('/migrations/')) problems.push(`${file}: ${lines.length} lines, the limit is ${limit}`);
  lines.forEach((line, i) => {
    if (/\b(it|test|describe)\.(skip|only|todo)\b|\bx(it|describe)\(/.test(line) && !line.includes('tidy-allow')) {
      problems.push(`${file}:${i + 1}: a test that does not run, or holds the others back`);
    }
    if (isTest(file) || MAY_BE_AMBIENT.some((pattern) => pattern.test(file))) return;
    for (const { pattern, instead } of BANNED) {
      if (pattern.test(line)) problems.push(`${file}:${i + 1}: ${pattern.source} is banned here; use ${instead}`);
    }
  });
  if (file.endsWith('.spec.ts') && !asserts(file, text)) problems.push(`${file}: asserts nothing`);
  if (!/^[a-z0-9.-]+$/.test(path.basename(file)) && !file.includes('/migrations/')) problems.push(`${file}: file names are kebab-case`);
}

const tests = sources
  .filter(isTest)
  .map((file) => fs.readFileSync(file, 'utf8'))
  .join('\n');
for (const invariant of INVARIANTS) {
  if (!new RegExp(`\\b${invariant}\\b`).test(tests)) problems.push(`${invariant} is cited by no test`);
}

for (const file of tracked.filter((name) => name.endsWith('.md'))) {
  const text = fs.readFileSync(file, 'utf8');
  if (file === 'README.md' && text.split('\n').length > README_LINES_MAX)
    problems.push(`README.md is longer than ${README_LINES_MAX} lines`);
  for (const [, target] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    if (!fs.existsSync(path.join(path.dirname(file), target))) problems.push(`${file}: names ${target}, which does not exist`);
  }
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(`tidy: ${problems.length} to mend`);
  process.exit(1);
}
console.log(`tidy: ${sources.length} files in order`);

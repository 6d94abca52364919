import tseslint from 'typescript-eslint';

/** Arrows point one way: core ← contracts ← runtime, messaging, persistence ← hosting, testkit ← services, agents, cli. */
const LAYERS = {
  'libs/core': [],
  'libs/contracts': ['core'],
  'libs/runtime': ['core', 'contracts'],
  'libs/messaging': ['core', 'contracts', 'runtime'],
  'libs/persistence': ['core', 'contracts', 'runtime', 'messaging'],
  'libs/hosting': ['core', 'contracts', 'runtime', 'messaging', 'persistence'],
  'libs/testkit': ['core', 'contracts', 'runtime', 'messaging', 'persistence', 'hosting'],
};
const LIBS = ['core', 'contracts', 'runtime', 'messaging', 'persistence', 'hosting', 'testkit'];
const PROGRAMS = ['services/registry', 'services/policy', 'services/scheduler', 'agents', 'cli'];

const forbid = (patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

const layerRules = Object.entries(LAYERS).map(([folder, allowed]) => ({
  files: [`${folder}/src/**/*.ts`],
  rules: forbid([
    {
      group: LIBS.filter((lib) => !allowed.includes(lib)).map((lib) => `@slipway/${lib}`),
      message: `${folder} may import only ${allowed.join(', ') || 'pure packages'}`,
    },
    { group: ['**/services/*/src/**', '**/agents/src/**', '**/cli/src/**'], message: 'libraries do not know the programs that use them' },
    ...(folder === 'libs/core' ? [{ group: ['node:*', '@nestjs/*', '@nats-io/*', '@mikro-orm/*'], message: 'libs/core is pure' }] : []),
  ]),
}));

const programRules = PROGRAMS.map((folder) => ({
  files: [`${folder}/src/**/*.ts`],
  rules: forbid([
    { group: ['@slipway/testkit'], message: 'testkit is for tests' },
    {
      group: PROGRAMS.filter((other) => other !== folder).map((other) => `**/${other}/src/**`),
      message: 'programs meet in contracts only',
    },
    { group: ['@slipway/*/*'], message: 'import a library by its name' },
  ]),
}));

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.slipway/**', 'coverage/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-explicit-any': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['libs/core/src/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'fetch'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'time comes in as an argument' },
        { object: 'Math', property: 'random', message: 'randomness comes in as an argument' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'time comes in as an argument' },
        { selector: 'AwaitExpression', message: 'libs/core is synchronous' },
      ],
    },
  },
  ...layerRules,
  ...programRules,
);

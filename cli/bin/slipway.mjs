#!/usr/bin/env node
// Starts the compiled command, on the Node that comes with the project's dependencies when the one at hand is too old.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import module from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const bundled = path.join(root, 'node_modules', '.bin', 'node');
const major = Number(process.versions.node.split('.')[0]);

function runAgain([program, ...args]) {
  const child = spawn(program, args, { stdio: 'inherit' });
  // The child decides how to end; this parent only passes on what it was told and waits.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}

if (major < 22) {
  if (!fs.existsSync(bundled)) {
    console.error(`slipway needs Node 22.17 or newer and found ${process.version}; run npm run bootstrap in ${root} first.`);
    process.exit(1);
  }
  runAgain([bundled, fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
} else {
  await run();
}

async function run() {
  const main = path.join(root, 'dist', 'cli', 'src', 'main.js');
  if (!fs.existsSync(main)) {
    for (const script of ['bootstrap.mjs', 'build.mjs']) {
      const result = spawnSync(process.execPath, [path.join(root, 'scripts', script)], { stdio: ['ignore', 2, 2] });
      if (result.status !== 0) process.exit(result.status ?? 1);
    }
  }
  // Compiled code is kept between commands.
  module.enableCompileCache?.(path.join(root, 'node_modules', '.cache', 'slipway'));
  await import(main);
}

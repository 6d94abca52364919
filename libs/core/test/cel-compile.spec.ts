import { describe, expect, it } from '@jest/globals';
import {
  CelFailure,
  checkExpression,
  compileExpression,
  evaluateBoolean,
  RESOURCE_NAMES,
  SELECTOR_NAMES,
  SlipwayError,
} from '@slipway/core';
import type { Json, JsonObject } from '@slipway/core';

const resource = {
  identifier: 'par-host-1',
  name: 'par-host-1',
  kind: 'host',
  metadata: { stage: 'production', runs: 'checkout,catalog', region: 'eu' },
  config: { replicas: 3, ratio: 0.5, ports: [80, 443], empty: null },
};

const evaluate = (source: string, activation: JsonObject = { resource }): Json | CelFailure =>
  compileExpression(source).evaluate(activation);

describe('an expression', () => {
  const values: [string, Json][] = [
    ['resource.kind == "host" && resource.metadata.stage == "production"', true],
    ['resource.metadata.runs.contains("checkout")', true],
    ['resource.metadata["region"] in ["eu", "us"]', true],
    ['"region" in resource.metadata', true],
    ['"empty" in resource.config', true],
    ['"toString" in resource.metadata', false],
    ['has(resource.metadata.absent)', false],
    ['has(resource.metadata.absent) && resource.metadata.absent == "x"', false],
    ['resource.metadata.absent == "x" || true', true],
    ['resource.config.replicas + 1', 4],
    ['resource.config.replicas / 2', 1],
    ['resource.config.ratio + 1.5', 2],
    ['resource.config.replicas > 2.5', true],
    ['resource.config.ports[1]', 443],
    ['resource.config.ports.exists(port, port == 443)', true],
    ['resource.config.ports.map(port, port + 1)', [81, 444]],
    ['size(resource.config.ports) + resource.name.size()', 12],
    ['resource.name.matches("^par-host-[0-9]+$")', true],
    ['resource.name.split("-")[0]', 'par'],
    ['"v" + string(resource.config.replicas)', 'v3'],
    ['resource.config.empty == null', true],
    ['resource.kind == "host" ? 1 : 2', 1],
    ['{"a": 1}.a', 1],
    ['"empty" in {"empty": null} && resource.config.ports.all(p, p > 1)', true],
    ['[1, resource.config.replicas]', [1, 3]],
    ['resource.config == resource.config', true],
  ];
  it.each(values)('%s has its value', (source, value) => {
    expect(evaluate(source)).toEqual(value);
  });

  it('that reads what is not there has no value, and says which name is missing', () => {
    expect(evaluate('resource.metadata.sit == "x"')).toMatchObject({ missing: 'resource.metadata.sit' });
    expect(evaluate('environment.name == "x"')).toMatchObject({ missing: 'environment' });
    expect(evaluate('resource.toString == "x"')).toBeInstanceOf(CelFailure);
    expect(evaluate('resource.config.ports[7]')).toBeInstanceOf(CelFailure);
  });

  it('of the wrong types has no value', () => {
    for (const source of [
      'resource.name < 1',
      '!resource.name',
      'resource.name && true',
      '1 / 0',
      'resource.kind.startsWith(1)',
      'resource.kind ? 1 : 2',
    ]) {
      expect(evaluate(source)).toBeInstanceOf(CelFailure);
    }
  });

  it('tells which names it reads, loop variables left out', () => {
    const compiled = compileExpression(
      'resource.config.ports.exists(p, p == version.sequence) && resource.metadata["a.b"] == environment.name',
    );
    expect([...compiled.roots].sort()).toEqual(['environment', 'resource', 'version']);
    expect([...compiled.reads].sort()).toEqual(['environment.name', 'resource.config.ports', 'resource.metadata.a.b', 'version.sequence']);
  });

  it('is yes only when it is true: unknown and other types are errors', () => {
    expect(evaluateBoolean(compileExpression('resource.kind == "host"'), { resource })).toEqual({ value: true });
    expect(evaluateBoolean(compileExpression('resource.absent'), { resource })).toEqual({
      error: 'resource.absent: there is no "resource.absent"',
    });
    expect(evaluateBoolean(compileExpression('"yes"'), {})).toEqual({ error: '"yes": is not true or false but "yes"' });
  });
});

describe('limits of an expression', () => {
  const refused: [string, string, string][] = [
    ['source length', `"${'x'.repeat(5000)}"`, 'core.cel.tooLarge'],
    ['nodes', Array.from({ length: 300 }, (_, i) => `a == ${i}`).join(' || '), 'core.cel.tooLarge'],
    ['bracket depth', `${'('.repeat(40)}1${')'.repeat(40)}`, 'core.cel.tooLarge'],
    ['depth', `a${'.a'.repeat(40)}`, 'core.cel.tooLarge'],
    ['nested loops', 'a.all(x, a.all(y, a.all(z, z == x)))', 'core.cel.tooLarge'],
    ['list literal', `1 in [${Array.from({ length: 250 }, (_, i) => i).join(',')}]`, 'core.cel.tooLarge'],
    ['syntax', 'resource.kind ==', 'core.cel.syntax'],
  ];
  it.each(refused)('%s is checked when it is compiled', (_, source, code) => {
    const error = (() => {
      try {
        compileExpression(source);
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(SlipwayError);
    expect(error).toMatchObject({ code, kind: 'invalid' });
  });

  it('allow two nested loops and a chain of a hundred conditions', () => {
    expect(evaluate('a.all(x, a.exists(y, y == x))', { a: [1, 2] })).toBe(true);
    expect(evaluate(Array.from({ length: 100 }, (_, i) => `a == ${i}`).join(' || '), { a: 99 })).toBe(true);
  });
});

describe('checking an expression', () => {
  it('finds nothing wrong with a right one', () => {
    expect(checkExpression('resource.metadata.anything == "x" && resource.name.lowerAscii().startsWith("a")', RESOURCE_NAMES)).toEqual([]);
    expect(checkExpression('resource.config.ports.exists(p, p == version.sequence)', SELECTOR_NAMES)).toEqual([]);
  });

  it('places a syntax error', () => {
    expect(checkExpression('resource.kind\n  == ) ', RESOURCE_NAMES)).toEqual([expect.objectContaining({ line: 2 })]);
  });

  it('names the nearest right name, field and function', () => {
    expect(checkExpression('resorce.kind == "x"', RESOURCE_NAMES)).toEqual([
      expect.objectContaining({ nearest: 'resource', message: 'there is no "resorce" here; did you mean "resource"?', line: 1 }),
    ]);
    expect(checkExpression('true && resource.metdata.site == "x"', RESOURCE_NAMES)).toEqual([
      expect.objectContaining({ nearest: 'resource.metadata', line: 1 }),
    ]);
    expect(checkExpression('resource.name.startswith("x")', RESOURCE_NAMES)).toEqual([expect.objectContaining({ nearest: 'startsWith' })]);
    expect(checkExpression('environment.name == "x"', RESOURCE_NAMES)).toEqual([
      expect.objectContaining({ message: 'there is no "environment" here; there are: resource' }),
    ]);
  });
});

describe('checking types without data', () => {
  const names = ['resource', 'environment', 'version', 'running', 'now'];
  const messages = (source: string): string[] => checkExpression(source, names, 'boolean').map(({ message }) => message);

  it.each([
    ['environment.name', 'environment.name is text; write what is true or false, like environment.name == …'],
    ['environment.name == 3', 'environment.name == 3: compares text with a number, which are never equal'],
    ['environment.name && true', 'environment.name && true: text stands where true or false must stand'],
    ['!resource.kind', '!resource.kind: text stands where true or false must stand'],
    ['resource.metadata.port > 8000', 'resource.metadata.port > 8000: compares text with a number, which have no order'],
    ['version.sequence.startsWith("1")', 'version.sequence.startsWith("1"): a number stands where text must stand'],
    ['version.tag + 1 == "x"', 'version.tag + 1 == "x": adds text and a number; write string(…) around the one that is not text'],
    ['resource.metadata == "x"', 'resource.metadata == "x": compares a map with text, which are never equal'],
    ['version.tag ? true : false', 'version.tag ? true : false: text stands where true or false must stand'],
  ])('%s is refused', (source, message) => {
    expect(messages(source)).toEqual([message]);
  });
  it.each([
    'resource.config.replicas == 3 && resource.config.zone == "a"',
    'running == null || running.verified',
    'now - version.createdAt > 3600000',
    'resource.metadata.exists(key, key.startsWith("team-"))',
    'resource.config.ports.exists_one(port, port == 443)',
    'has(resource.metadata.tier) ? resource.metadata.tier == "gold" : true',
    'size(version.tag) > 3 && version.tag.split(".")[0] == "1"',
    'resource.metadata["stage"] in ["a", "b"]',
    'environment.metadata == {"tier": "gold"}',
    'timestamp("2026-01-01T00:00:00Z") - timestamp("2025-01-01T00:00:00Z") > duration("1h")',
    'int(resource.metadata.port) > 8000',
  ])('%s is fine', (source) => {
    expect(messages(source)).toEqual([]);
  });
});

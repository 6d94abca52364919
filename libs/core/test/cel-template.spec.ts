import { describe, expect, it } from '@jest/globals';
import { checkTemplate, renderTemplate, SlipwayError, TEMPLATE_NAMES } from '@slipway/core';
import type { Json } from '@slipway/core';

const activation = {
  version: { tag: '1.4.2' },
  variables: { port: 8080, list: [1, 2], nothing: null, flag: true },
  resource: { config: {} },
};

function codeOf(value: Json): { code: string; message: string } {
  try {
    renderTemplate(value, activation);
  } catch (error) {
    if (error instanceof SlipwayError) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: 'none', message: '' };
}

describe('a template', () => {
  it('is rendered deep, and what is no template stays as it is', () => {
    const template = {
      run: ['./install.sh', '{{ version.tag }}'],
      env: { URL: 'http://x:{{ variables.port }}/v{{version.tag}}', N: 3, absent: undefined },
    };
    expect(renderTemplate(template, activation)).toEqual({
      run: ['./install.sh', '1.4.2'],
      env: { URL: 'http://x:8080/v1.4.2', N: 3 },
    });
  });

  it('writes into an address what would change it, encoded', () => {
    const names = { version: { tag: 'a/b?c d&e=ü\ud800' }, variables: { port: 8080 } };
    expect(renderTemplate('http://h/{{ urlEncode(version.tag) }}/{{ variables.port }}', names)).toBe(
      'http://h/a%2Fb%3Fc%20d%26e%3D%C3%BC%EF%BF%BD/8080',
    );
    expect(checkTemplate('{{ urlEncode(version.tag) }}', TEMPLATE_NAMES)).toEqual([]);
    expect(checkTemplate('{{ urlencode(version.tag) }}', TEMPLATE_NAMES)).toMatchObject([{ nearest: 'urlEncode' }]);
  });

  it('that is exactly one expression keeps the type of the value', () => {
    expect(renderTemplate('{{ variables.port }}', activation)).toBe(8080);
    expect(renderTemplate('{{ variables.list }}', activation)).toEqual([1, 2]);
    expect(renderTemplate('{{ variables.nothing }}', activation)).toBeNull();
    expect(renderTemplate(' {{ variables.port }}', activation)).toBe(' 8080');
    expect(renderTemplate('{{ variables.list }}!', activation)).toBe('[1,2]!');
  });

  it('may hold braces in strings and map literals', () => {
    expect(renderTemplate('{{ "}}" }}', activation)).toBe('}}');
    expect(renderTemplate('{{ {"a": {"b": 1}} }}', activation)).toEqual({ a: { b: 1 } });
    expect(renderTemplate('{{ "{{" }} and }}', activation)).toBe('{{ and }}');
  });

  it('that names what does not exist is refused with template and name', () => {
    expect(codeOf({ a: ['http://{{ resource.config.address }}'] })).toEqual({
      code: 'core.template.missingName',
      message: '"http://{{ resource.config.address }}" has no value: there is no "resource.config.address"',
    });
    expect(codeOf('{{ resource.config.ports.map(p, p + 1) }}')).toMatchObject({ code: 'core.template.missingName' });
  });

  it('without a value, without an end, or with null inside text is refused', () => {
    expect(codeOf('{{ 1 / 0 }}').code).toBe('core.template.failed');
    expect(codeOf('x {{ variables.nothing }}').code).toBe('core.template.failed');
    expect(codeOf('{{ version.tag').code).toBe('core.template.unclosed');
    expect(codeOf('{{ version. }}').code).toBe('core.cel.syntax');
  });

  it('is checked with the path of each mistake', () => {
    const issues = checkTemplate(
      { run: ['ok', '{{ version.tga }}'], url: '{{ enviroment.name }}', open: '{{ x' },
      TEMPLATE_NAMES,
      'executor',
    );
    expect(issues).toEqual([
      expect.objectContaining({ path: 'executor.run[1]', nearest: 'version.tag' }),
      expect.objectContaining({ path: 'executor.url', nearest: 'environment' }),
      expect.objectContaining({ path: 'executor.open' }),
    ]);
  });
});

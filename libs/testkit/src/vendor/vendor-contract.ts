import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';

type Schema = Record<string, unknown>;
interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header' | 'body' | 'formData' | 'cookie';
  required?: boolean;
  schema?: Schema;
  type?: string;
  /** False: the values of a list stand in one text, with commas between. */
  explode?: boolean;
  $ref?: string;
}
interface Operation {
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Record<string, { schema?: Schema }>; $ref?: string };
  responses: Record<string, { schema?: Schema; content?: Record<string, { schema?: Schema }>; $ref?: string }>;
}
interface ApiDocument {
  paths: Record<string, Record<string, Operation | Parameter[]>>;
}

interface Route {
  path: string;
  pattern: RegExp;
  literals: number;
}

export interface SeenExchange {
  method: string;
  /** Below the API's base, as the document writes its paths. */
  path: string;
  query: URLSearchParams;
  /** Parsed, when it was JSON. */
  body: unknown;
}

/**
 * A vendor's own API document (OpenAPI 3.0 or Swagger 2.0) as a judge. Requests are judged strictly: method, path, query, and a body without
 * anything the document does not have. Answers are judged by type; a field that the document requires and the answer lacks is a warning
 * only, since the vendors' own examples lack some.
 */
export class VendorContract {
  private read: { document: ApiDocument; routes: Route[] } | undefined;
  private readonly ajv = new Ajv({ strict: false, allErrors: true, logger: false, coerceTypes: false });
  private readonly coercing = new Ajv({ strict: false, logger: false, coerceTypes: 'array' });
  private readonly compiled = new Map<string, ValidateFunction>();

  /** `file`: of vendor-openapi/; read when it is first asked, since the documents are not where the testkit is built to. */
  constructor(private readonly file: string) {
    for (const ajv of [this.ajv, this.coercing]) addFormats.default(ajv);
  }

  private get document(): ApiDocument {
    return this.load().document;
  }

  private get routes(): Route[] {
    return this.load().routes;
  }

  private load(): { document: ApiDocument; routes: Route[] } {
    if (this.read) return this.read;
    const document = JSON.parse(readFileSync(new URL(`../../vendor-openapi/${this.file}`, import.meta.url), 'utf8')) as ApiDocument;
    const routes = Object.keys(document.paths).map((path) => ({
      path,
      pattern: new RegExp(`^${path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]+\}/g, '([^/]+)')}$`),
      literals: path.split('/').filter((part) => !part.startsWith('{')).length,
    }));
    this.read = { document, routes };
    return this.read;
  }

  /** What of this request the document does not know. */
  checkRequest(seen: SeenExchange): string[] {
    const what = `${seen.method} ${seen.path}`;
    const found = this.find(seen);
    if (typeof found === 'string') return [found];
    const { operation, parameters, route } = found;
    const problems: string[] = [];
    const known = parameters.filter((parameter) => parameter.in === 'query');
    for (const name of new Set(seen.query.keys())) {
      const parameter = known.find((candidate) => candidate.name === name);
      if (!parameter) problems.push(`${what}: the document knows no query parameter ${name}`);
      else problems.push(...this.checkText(parameter, seen.query.getAll(name)).map((problem) => `${what}: query ${name} ${problem}`));
    }
    for (const { name, required } of known) if (required && !seen.query.has(name)) problems.push(`${what}: query ${name} is missing`);
    const values = route.pattern.exec(seen.path) ?? [];
    [...route.path.matchAll(/\{([^}]+)\}/g)].forEach(([, name], at) => {
      const parameter = parameters.find((candidate) => candidate.in === 'path' && candidate.name === name);
      const value = decodeURIComponent(values[at + 1] ?? '');
      if (parameter) problems.push(...this.checkText(parameter, [value]).map((problem) => `${what}: path ${name} ${problem}`));
    });
    return [...problems, ...this.checkBody(what, operation, parameters, seen.body)];
  }

  /** What of this answer the document does not allow, and what it would have besides. */
  checkAnswer(seen: Pick<SeenExchange, 'method' | 'path'>, status: number, body: unknown): { problems: string[]; warnings: string[] } {
    const what = `${seen.method} ${seen.path} → ${status}`;
    const found = this.find(seen);
    if (typeof found === 'string') return { problems: [found], warnings: [] };
    const { responses } = found.operation;
    const named = responses[String(status)] ?? responses['default'];
    // Documents leave out most failures.
    if (!named) return { problems: status < 400 ? [`${what}: the document knows no such answer`] : [], warnings: [] };
    const response = this.resolve(named) as Operation['responses'][string];
    const schema = response.schema ?? jsonSchemaOf(response.content);
    if (!schema || body === undefined) return { problems: [], warnings: [] };
    const check = this.compile(schema, 'loose');
    if (check(body)) return { problems: [], warnings: [] };
    const all = check.errors ?? [];
    const say = (error: ErrorObject): string => `${what}: ${error.instancePath} ${error.message ?? ''}`;
    // A union fails as a whole when one of its parts lacks a field.
    const soft = (error: ErrorObject): boolean => ['required', 'anyOf', 'oneOf'].includes(error.keyword);
    return { problems: all.filter((error) => !soft(error)).map(say), warnings: all.filter(soft).map(say) };
  }

  private find({ method, path }: Pick<SeenExchange, 'method' | 'path'>) {
    const matching = this.routes.filter(({ pattern }) => pattern.test(path)).sort((a, b) => b.literals - a.literals);
    for (const route of matching) {
      const item = this.document.paths[route.path] ?? {};
      const operation = item[method.toLowerCase()] as Operation | undefined;
      if (!operation) continue;
      const shared = (item['parameters'] ?? []) as Parameter[];
      const parameters = [...shared, ...(operation.parameters ?? [])].map((parameter) => this.resolve(parameter) as Parameter);
      return { operation, parameters, route };
    }
    return `${method} ${path}: the document knows no such operation`;
  }

  private checkText(parameter: Parameter, values: string[]): string[] {
    const schema = parameter.schema ?? withoutNames(parameter);
    const isList = (this.resolve(schema) as Schema)['type'] === 'array';
    const check = this.compile({ type: 'object', properties: { value: schema } }, 'text');
    const list = parameter.explode === false ? values.flatMap((value) => value.split(',')) : values;
    return check({ value: isList ? list : values.at(-1) })
      ? []
      : (check.errors ?? []).map(({ message }) => `${values.join(',')} ${message ?? ''}`);
  }

  private checkBody(what: string, operation: Operation, parameters: Parameter[], body: unknown): string[] {
    const declared = operation.requestBody && (this.resolve(operation.requestBody) as NonNullable<Operation['requestBody']>);
    const parameter = parameters.find((candidate) => candidate.in === 'body');
    const schema = parameter?.schema ?? jsonSchemaOf(declared?.content);
    const required = parameter?.required ?? declared?.required ?? false;
    if (body === undefined || body === null) return required ? [`${what}: the body is missing`] : [];
    if (!schema) return [`${what}: the document knows no body`];
    const check = this.compile(schema, 'strict');
    return check(body)
      ? []
      : (check.errors ?? []).map((error) => `${what}: body${error.instancePath} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
  }

  private resolve(value: unknown): unknown {
    let at = value as Schema;
    while (typeof at?.['$ref'] === 'string') {
      const parts = at['$ref'].replace(/^#\//, '').split('/');
      at = parts.reduce((node: unknown, part) => (node as Schema)[part.replace(/~1/g, '/').replace(/~0/g, '~')], this.document) as Schema;
    }
    return at;
  }

  private compile(schema: Schema, how: 'strict' | 'loose' | 'text'): ValidateFunction {
    const key = `${how} ${JSON.stringify(schema)}`;
    const known = this.compiled.get(key);
    if (known) return known;
    const definitions: Record<string, Schema> = {};
    const root = this.convert(schema, how === 'strict', definitions);
    const check = (how === 'text' ? this.coercing : this.ajv).compile({ ...root, definitions });
    this.compiled.set(key, check);
    return check;
  }

  /** The document's dialect as JSON Schema; what it references is taken along. `closed`: objects take no fields that are not named. */
  private convert(schema: unknown, closed: boolean, definitions: Record<string, Schema>, composed = false): Schema {
    if (typeof schema !== 'object' || schema === null) return (schema ?? {}) as Schema;
    const source = schema as Schema;
    if (typeof source['$ref'] === 'string') {
      const name = `${source['$ref'].replace(/[^A-Za-z0-9]/g, '_')}${composed ? '_part' : ''}`;
      if (!(name in definitions)) {
        definitions[name] = {};
        definitions[name] = this.convert(this.resolve(source), closed, definitions, composed);
      }
      return { $ref: `#/definitions/${name}` };
    }
    const made: Schema = {};
    for (const [key, value] of Object.entries(source)) {
      if (KEPT.has(key)) made[key] = value;
      else if (key === 'properties') {
        made[key] = Object.fromEntries(
          Object.entries(value as Schema).map(([name, inner]) => [name, this.convert(inner, closed, definitions)]),
        );
      } else if (key === 'items' || key === 'not') made[key] = this.convert(value, closed, definitions);
      else if (key === 'additionalProperties') made[key] = typeof value === 'object' ? this.convert(value, closed, definitions) : value;
      else if (['allOf', 'anyOf', 'oneOf'].includes(key)) {
        made[key] = (value as unknown[]).map((part) => this.convert(part, closed, definitions, key === 'allOf' || composed));
      }
    }
    if (closed && !composed && made['properties'] && !('additionalProperties' in made) && !made['allOf'])
      made['additionalProperties'] = false;
    return source['nullable'] === true ? { anyOf: [made, { type: 'null' }] } : made;
  }
}

const KEPT = new Set([
  'type',
  'enum',
  'format',
  'pattern',
  'required',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'uniqueItems',
]);

const jsonSchemaOf = (content: Record<string, { schema?: Schema }> | undefined): Schema | undefined =>
  Object.entries(content ?? {}).find(([type]) => /json/.test(type))?.[1].schema;

const withoutNames = ({ name: _name, in: _in, required: _required, ...schema }: Parameter): Schema => schema as Schema;

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemCodes } from '@recourse/contracts/http';
import { startTestApi, type TestApi } from '../../test/api-kit.ts';
import { asyncApiPath } from './asyncapi.ts';
import { docsHtml, docsPaths, docsScript, swaggerFolder } from './docs-page.ts';
import { openApiPath } from './openapi.ts';

type Operation = {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
};
type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

let api: TestApi;
let document: Document;
beforeAll(async () => {
  api = await startTestApi({ running: false });
  document = (await api.get('/openapi.json')).json;
});
afterAll(() => api.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

describe('/openapi.json', () => {
  it('has every route of the router, and no other', () => {
    const served = api.api.router.stack.flatMap(({ route }) => {
      if (route === undefined || ['/openapi.json', asyncApiPath, ...docsPaths].includes(route.path))
        return [];
      const methods = new Set(route.stack.map(({ method }) => method));
      return [...methods]
        .filter((method) => method === 'get' || method === 'post')
        .map((method) => `${method} ${openApiPath(route.path)}`);
    });
    const documented = operations().map(({ method, path }) => `${method} ${path}`);
    expect(documented.sort()).toEqual(served.sort());
    expect(documented.length).toBeGreaterThanOrEqual(20);
  });

  it('resolves every reference within itself', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    expect(references.length).toBeGreaterThan(10);
    for (const reference of new Set(references)) {
      const found = reference
        ?.replace(/^#\//, '')
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([reference, found]).toEqual([reference, expect.anything()]);
    }
  });

  it('names each operation once, and every parameter of its path', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = operation.parameters?.filter((it) => it.in === 'path').map(({ name }) => name) ?? [];
      expect(declared).toEqual(inPath);
    }
  });

  it('lists every code of a problem, and each but the general ones with a call that answers it', () => {
    const { description } = (document as unknown as { info: { description: string } }).info;
    const answered = operations()
      .flatMap(({ operation }) => Object.values(operation.responses))
      .map((response) => response.description)
      .join();
    const anywhere = new Set(['method-not-allowed', 'starting']);
    for (const code of Object.keys(problemCodes)) {
      expect(description).toContain(`\`${code}\``);
      if (!anywhere.has(code)) expect(answered).toContain(`\`${code}\``);
    }
  });

  it('describes the body of an order as it is checked', () => {
    const { OrderRequest } = (
      document as unknown as {
        components: { schemas: Record<string, { required: string[]; additionalProperties: boolean }> };
      }
    ).components.schemas;
    expect(OrderRequest?.required).toEqual(['currency', 'country', 'paymentToken', 'lines']);
    expect(OrderRequest?.additionalProperties).toBe(false);
  });
});

describe('/asyncapi.json', () => {
  it('is the document of the messages that docs/ has', async () => {
    const kept = await readFile(new URL('../../docs/asyncapi.json', import.meta.url), 'utf8');
    expect((await api.get(asyncApiPath)).json).toEqual(JSON.parse(kept));
  });
});

describe('/docs', () => {
  it('loads nothing from elsewhere', async () => {
    const css = await readFile(join(swaggerFolder(), 'swagger-ui.css'), 'utf8');
    expect(`${docsHtml}${docsScript}`).not.toMatch(/https?:|\/\//);
    expect(css).not.toMatch(/@import|url\(\s*["']?(?:https?:)?\/\//);
    const { headers } = await api.get('/docs');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
  });

  it('serves all that the page loads', async () => {
    const loaded = [...docsHtml.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1] ?? '');
    expect(loaded).toHaveLength(3);
    for (const path of ['/docs', '/openapi.json', ...loaded]) {
      expect([path, (await api.get(path)).status]).toEqual([path, 200]);
    }
  });
});

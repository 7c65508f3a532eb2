import { Problem, type ProblemCode, problemCodes } from '@recourse/contracts/http';
import { recourseVersion } from '@recourse/contracts/version';
import type { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import type { Route, RouteResponse } from './route.ts';

/** The document of the API, OpenAPI 3.1: made of the routes that are served and the schemas that check. */
export const openApiOf = (routes: readonly Route[]) =>
  createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Recourse',
      version: recourseVersion,
      description: `Runs every order of a shop to a good end.\n\n${errorsDescribed()}`,
    },
    paths: pathsOf(routes),
  });

/** How OpenAPI writes a path of Express: `/orders/{id}`. */
export const openApiPath = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}');

/** What every call may answer. */
const always: readonly ProblemCode[] = ['internal'];

/** What is answered where there is no call: documented once, for all. */
const errorsDescribed = (): string => {
  const rows = Object.entries(problemCodes).map(
    ([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`,
  );
  return [
    'Every error is `application/problem+json` (RFC 9457) with a `code` that stays:',
    '',
    '| code | status | title |',
    '|---|---|---|',
    ...rows,
    '',
    'A path that does not exist answers `not-found`; a method that it does not have, `method-not-allowed` with `Allow`.',
  ].join('\n');
};

const pathsOf = (routes: readonly Route[]): ZodOpenApiPathsObject => {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    const path = openApiPath(route.path);
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  return paths as ZodOpenApiPathsObject;
};

const operationOf = (route: Route): ZodOpenApiOperationObject => {
  const { params, query, headers, body } = route;
  const requestParams = {
    ...(params && { path: params }),
    ...(query && { query }),
    ...(headers && { header: headers }),
  };
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description && { description: route.description }),
    ...(Object.keys(requestParams).length > 0 && { requestParams }),
    ...(body && {
      requestBody: { required: body.required, content: { 'application/json': { schema: body.schema } } },
    }),
    responses: { ...mapValues(route.responses, answerOf), ...problemsOf([...route.problems, ...always]) },
  } as ZodOpenApiOperationObject;
};

const mapValues = <V, W>(record: Readonly<Record<string, V>>, map: (value: V) => W): Record<string, W> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));

const contentOf = (schema: z.ZodType, contentType: string) => ({ content: { [contentType]: { schema } } });

const answerOf = ({ description, schema, contentType = 'application/json' }: RouteResponse) => ({
  description,
  ...(schema && contentOf(schema, contentType)),
});

/** One response a status, naming the codes that it may have. */
const problemsOf = (codes: readonly ProblemCode[]) => {
  const byStatus = Object.groupBy(codes, (code) => problemCodes[code].status);
  return mapValues(byStatus as Record<string, ProblemCode[]>, (list) => ({
    description: list.map((code) => `\`${code}\`: ${problemCodes[code].title}.`).join(' '),
    ...contentOf(Problem, 'application/problem+json'),
  }));
};

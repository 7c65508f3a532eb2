import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Express } from 'express';

const require = createRequire(import.meta.url);

/** `/docs`: the document of the API, shown by Swagger UI. Everything it loads comes from here. */

/** Where npm has put Swagger UI. */
export const swaggerFolder = (): string => join(require.resolve('swagger-ui-dist/package.json'), '..');

const assets = ['swagger-ui.css', 'swagger-ui-bundle.js'] as const;

/** The page. */
export const docsHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Recourse API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** Starts Swagger UI on the page; its validator, which is elsewhere, stays off. */
export const docsScript = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#api',
  validatorUrl: null,
  tryItOutEnabled: true,
});
`;

/** No browser loads anything from elsewhere for this page. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'";

/** The paths that `serveDocs` serves, besides the document itself. */
export const docsPaths: readonly string[] = [
  '/docs',
  '/docs/start.js',
  ...assets.map((name) => `/docs/${name}`),
];

/** Serves the page, its script and Swagger UI. */
export const serveDocs = (app: Express): void => {
  const folder = swaggerFolder();
  app.get('/docs', (_req, res) => {
    res.set('Content-Security-Policy', policy).type('html').send(docsHtml);
  });
  app.get('/docs/start.js', (_req, res) => {
    res.type('text/javascript').send(docsScript);
  });
  for (const name of assets) {
    app.get(`/docs/${name}`, (_req, res) => res.sendFile(name, { root: folder, maxAge: '1 day' }));
  }
};

import type { Express } from 'express';
import { appOf } from './app.ts';
import type { Context } from './deps.ts';
import { processRoutes } from './routes/operations.ts';

/** The HTTP side of a process that takes no orders: whether it lives and is ready, and its metrics. */
export const createProcessApp = (
  context: Pick<Context, 'ready' | 'stopping' | 'metrics' | 'logger'>,
): Express => appOf(context, processRoutes(context));

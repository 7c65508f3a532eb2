import { z } from 'zod';

/** A message as others see it: a CloudEvent 1.0 in structured JSON (https://github.com/cloudevents/spec, v1.0.2). */
export const CloudEvent = z
  .strictObject({
    specversion: z.literal('1.0'),
    id: z.string(),
    type: z.string(),
    /** The stream that holds it. */
    source: z.string(),
    /** The order. */
    subject: z.string(),
    /** RFC 3339, stamped by the log. */
    time: z.string(),
    dataschema: z.string(),
    datacontenttype: z.literal('application/json'),
    /** The revision in its stream, from 0; a command has that of the SagaAdvanced that issued it. */
    sequence: z.string(),
    correlationid: z.string(),
    causationid: z.string(),
    /** W3C trace context, version 00. */
    traceparent: z.string(),
    data: z.unknown(),
  })
  .meta({ id: 'CloudEvent' });
export type CloudEvent = z.infer<typeof CloudEvent>;

/** What `toCloudEvent` needs of a record or a message. */
type Enveloped = {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly stream: string;
  readonly revision: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly correlation: string;
  readonly causation: string;
  readonly data: unknown;
};

const hex = (uuid: string) => uuid.replaceAll('-', '');

/**
 * Wraps a record or a command. The trace is the order: its id is the trace id, and the first half of the message's
 * own id the span id, so that every tool that draws traces draws the order.
 */
export const toCloudEvent = (it: Enveloped): CloudEvent => ({
  specversion: '1.0',
  id: it.id,
  type: it.type,
  source: `/streams/${encodeURIComponent(it.stream)}`,
  subject: it.correlation,
  time: new Date(it.time).toISOString(),
  dataschema: `urn:recourse:${it.type}:${it.version}`,
  datacontenttype: 'application/json',
  sequence: String(it.revision),
  correlationid: it.correlation,
  causationid: it.causation,
  traceparent: `00-${hex(it.correlation)}-${hex(it.id).slice(0, 16)}-01`,
  data: it.data,
});

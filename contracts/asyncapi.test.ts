import { readFileSync } from 'node:fs';
import specs from '@asyncapi/specs';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { asyncApiFile, asyncApiText } from '../test/golden/asyncapi.ts';
import { type AnswerType, answered, answerSchema, Foreign } from './answers.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { commandData } from './commands.ts';
import { answerExamples, commandExamples } from './examples.ts';
import { registry, topics } from './registry.ts';

type Example = { readonly headers: object; readonly payload: object };
type MessageObject = {
  readonly headers?: object;
  readonly payload: object;
  readonly examples?: readonly Example[];
};

/** As a reader gets it. */
const document = JSON.parse(JSON.stringify(asyncApiDocument({ version: '1.2.3', prefix: 'shop.' }))) as {
  readonly channels: Readonly<Record<string, { readonly address: string; readonly messages: object }>>;
  readonly operations: Readonly<
    Record<
      string,
      { readonly action: string; readonly channel: object; readonly messages: readonly object[] }
    >
  >;
  readonly components: {
    readonly messages: Readonly<Record<string, MessageObject>>;
    readonly schemas: Readonly<Record<string, object>>;
  };
};

const messages = Object.values(document.components.messages);

/** A validator of one schema of the document. */
const validatorOf = (schema: object) => {
  const ajv = new Ajv({ strict: false, formats: { uuid: /^[0-9a-f-]{36}$/, 'date-time': true } });
  return ajv.compile({ allOf: [schema], components: document.components });
};

describe('the document of the messages', () => {
  it('is AsyncAPI 3.0, as its official schema has it', () => {
    const ajv = new Ajv({ strict: false, logger: false, validateFormats: false });
    // The validator knows draft 7 itself, and wants no second one.
    const official = specs.schemas['3.0.0'] as { readonly definitions: Readonly<Record<string, object>> };
    const { 'http://json-schema.org/draft-07/schema': _, ...definitions } = official.definitions;
    const valid = ajv.compile({ ...official, definitions });
    expect([valid(document), valid.errors]).toEqual([true, null]);
    const broken = { ...document, operations: { publish: { action: 'shout', channel: {} } } };
    expect(valid(broken)).toBe(false);
  });

  it('is the one that docs/ has; `npm run asyncapi` writes it anew', () => {
    expect(readFileSync(asyncApiFile, 'utf8')).toBe(asyncApiText());
  });

  it('refers to nothing that is not there', () => {
    const references = new Set(
      [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((it) => it[1]!),
    );
    expect(references.size).toBeGreaterThan(100);
    for (const reference of references) {
      const found = reference
        .replace(/^#\//, '')
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([reference, found]).toEqual([reference, expect.anything()]);
    }
  });

  it('has every topic, with its prefix, and every type that is carried', () => {
    const addresses = Object.values(document.channels).map(({ address }) => address);
    expect(addresses.sort()).toEqual([...topics.map((it) => `shop.${it}`), 'shop.{topic}.dlq'].sort());
    const carried = [...registry].filter(([, { topic }]) => topic !== null).map(([type]) => type);
    const answers = [...answered.keys()].map((type) => `${type}Answer`);
    expect(Object.keys(document.components.messages).sort()).toEqual(
      [...carried, ...answers, 'Poison'].sort(),
    );
    const onChannels = new Set(Object.values(document.channels).flatMap((it) => Object.keys(it.messages)));
    expect([...onChannels].sort()).toEqual(Object.keys(document.components.messages).sort());
  });

  it('says who publishes and who consumes, each with all that the topic carries', () => {
    const said = Object.values(document.operations).map(({ action, channel, messages: carried }) => {
      const id = (channel as { $ref: string }).$ref.split('/').at(-1)!;
      expect(carried).toHaveLength(Object.keys(document.channels[id]!.messages).length);
      return `${action} ${id}`;
    });
    expect(said.filter((it) => it.startsWith('send'))).toHaveLength(topics.length - 4);
    for (const it of ['shipping', 'payment', 'inventory', 'order']) {
      expect(said).toContain(`send ${it}Commands`);
      expect(said).toContain(`receive ${it}Commands`);
      expect(said.includes(`receive ${it}Replies`)).toBe(Foreign.options.includes(it as Foreign));
      expect(said).not.toContain(`send ${it}Replies`);
    }
  });

  it('gives examples that are what it describes, and what is accepted', () => {
    let shown = 0;
    for (const { headers, payload, examples = [] } of messages)
      for (const example of examples) {
        shown += 1;
        for (const [schema, value] of [
          [headers!, example.headers],
          [payload, example.payload],
        ] as const) {
          const valid = validatorOf(schema);
          expect([valid(value), valid.errors, value]).toEqual([true, null, value]);
        }
      }
    expect(shown).toBe(Object.keys(commandExamples).length + Object.keys(answerExamples).length);
    for (const [type, data] of Object.entries(answerExamples))
      expect(answerSchema(type as AnswerType).parse(data)).toEqual(data);
    for (const [type, data] of Object.entries(commandExamples))
      expect(commandData[type as keyof typeof commandData].parse(data)).toEqual(data);
  });

  it('does not let others say what only Recourse says, and marks what is personal', () => {
    const { OrderShipped, OrderShippedAnswer } = document.components.schemas as Record<
      string,
      { readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
    >;
    expect(Object.keys(OrderShipped!.properties)).toContain('late');
    expect(Object.keys(OrderShippedAnswer!.properties)).toEqual(['commandId', 'shipmentId']);
    expect(OrderShippedAnswer!.properties.shipmentId!['x-personal']).toBe(true);
  });
});

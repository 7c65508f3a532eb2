import { type AnswerEvent, type AnswerType, answered, answerSchema } from '@recourse/contracts/answers';
import type { CommandName } from '@recourse/contracts/commands';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import { addressee, registered } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import { PermanentError } from '@recourse/infra/errors';
import type { ReplyMessage } from '@recourse/infra/ports/broker';

/** A command that a saga issued. */
export type Issued = { readonly id: CommandId; readonly type: CommandName; readonly data: unknown };

/** An answer of somebody else's program, read and validated by itself; whether it fits is yet to be seen. */
export type Answer = {
  readonly orderId: OrderId;
  readonly commandId: CommandId;
  readonly event: AnswerEvent;
};

/**
 * Reads an answer as it came. Throws `PermanentError` where it is none that this participant can give: another type,
 * a version that this build does not know, or data that its schema refuses. The error never says a value.
 */
export const readAnswer = ({ topic, key, data: said }: ReplyMessage): Answer => {
  const { type, version } = said;
  const participant = topic.slice(0, -'.replies'.length);
  const command = answered.get(type);
  if (command === undefined || addressee[command] !== participant)
    throw new PermanentError(`${shown(type)} is no answer of ${participant}`);
  const present = registered(type).version;
  if (version < 1 || version > present)
    throw new PermanentError(
      `${type} of version ${version} is not known: ce_dataschema must end in :${present}, or in an older version`,
    );
  const read = schemaOf(type as AnswerType).safeParse(upcast(type, version, said.data));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new PermanentError(`${type}: ${issue?.path.join('.') || 'data'}: ${issue?.message}`);
  }
  const event = { type, data: read.data } as AnswerEvent;
  return { orderId: key, commandId: event.data.commandId, event };
};

const schemas = new Map<AnswerType, ReturnType<typeof answerSchema>>();

/** Made once a type: answers come by the thousand. */
const schemaOf = (type: AnswerType) => {
  const schema = schemas.get(type) ?? answerSchema(type);
  schemas.set(type, schema);
  return schema;
};

/** What somebody else calls it, as far as it can stand in a line. */
const shown = (type: string): string => JSON.stringify(type.slice(0, 100));

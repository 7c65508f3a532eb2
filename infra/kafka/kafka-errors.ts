/** How the library words that it could not ask or was not answered, behind `SASL … authentication failed: `. */
const unanswered =
  / failed: (Closed connection$|Connection timeout$|Connection error: |Not connected$|Request \S+\(.*\) timed out$)/;

/**
 * Whether a connection broke, or nobody answered, while we said who we are. The library calls that, too, a failed
 * authentication, and keeps the words alone of what it was. `Connection closed by the server` stays a refusal: so brokers
 * before 1.0 answer wrong credentials, and with later ones the library does not say it.
 */
export const isUnansweredLogin = (error: Error): boolean =>
  error.name === 'KafkaJSSASLAuthenticationError' && unanswered.test(error.message);

/** The code of Kafka's protocol behind what the client library rejected with (`MESSAGE_TOO_LARGE`), where there is one. */
export const kafkaCode = (error: unknown): string | undefined => {
  for (let it = error, depth = 0; it instanceof Error && depth < 5; it = it.cause, depth += 1) {
    const { type } = it as { type?: unknown };
    if (typeof type === 'string') return type;
    if (it.name === 'KafkaJSSASLAuthenticationError' && !isUnansweredLogin(it))
      return 'SASL_AUTHENTICATION_FAILED';
  }
  return undefined;
};

/** What is to be done about what does not heal by itself. */
const advice: Readonly<Record<string, string>> = {
  MESSAGE_TOO_LARGE: 'raise max.message.bytes of the topic',
  RECORD_LIST_TOO_LARGE: 'raise max.message.bytes of the topic',
  UNKNOWN_TOPIC_OR_PARTITION: 'run `recourse topics`',
  INVALID_TOPIC_EXCEPTION: 'check KAFKA_TOPIC_PREFIX',
  TOPIC_AUTHORIZATION_FAILED:
    'allow this user to describe and write the topic (docs/deploy.md lists the ACLs)',
  CLUSTER_AUTHORIZATION_FAILED: 'allow this user idempotent writes (docs/deploy.md lists the ACLs)',
  SASL_AUTHENTICATION_FAILED: 'check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
};

/** What is to be done where the connection itself does not come about, by the words of its error. */
const connectionAdvice: readonly (readonly [RegExp, string])[] = [
  [/certificate/i, 'check KAFKA_TLS_CA_FILE, and the names in the certificate of the brokers'],
  [/secure TLS|SSL routines|wrong version number/i, 'check KAFKA_TLS: it seems that no TLS is spoken there'],
  [/Closed connection/i, 'it listens there and hangs up: check KAFKA_TLS and KAFKA_SASL_MECHANISM'],
];

/** Whether the brokers show a certificate that is not trusted, or is not theirs. */
export const isOfCertificate = (error: unknown): boolean =>
  error instanceof Error && /certificate/i.test(error.message);

/** What the client library rejected with, in a line for people: what happened and, where it does not heal, what to do. */
export const describeKafkaError = (error: unknown): string => {
  const code = kafkaCode(error);
  const message = error instanceof Error ? error.message : String(error);
  const words = code === undefined ? message : `${message} (${code})`;
  const what =
    code === undefined ? connectionAdvice.find(([words]) => words.test(message))?.[1] : advice[code];
  return what === undefined ? words : `${words}: ${what}`;
};

/** Whether only a person can heal it. */
export const isForPeople = (error: unknown): boolean => (kafkaCode(error) ?? '') in advice;

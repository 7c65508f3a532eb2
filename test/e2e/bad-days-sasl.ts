import { execFile } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { classPath, jarsThere, kafkaJars } from '../stack/jars.ts';
import { findPrograms } from '../stack/programs.ts';
import type { Stack } from '../stack/stack.ts';

/** A broker of a test's own that asks who we are: over SASL, with TLS and without. */

const exec = promisify(execFile);

/** The one user that it knows. */
export const name = 'shop';
/** Stands in every password, right or wrong: it must never be read anywhere. */
export const canary = 'canaryhG7q2';
export const right = `${canary}-right`;

/** Makes a certificate authority and what the broker shows; resolves with the authority's file. */
export const certificates = async (folder: string): Promise<string> => {
  const [caKey, ca, key, request, certificate, extensions] = [
    'ca.key',
    'ca.pem',
    'kafka.key',
    'kafka.csr',
    'kafka.crt',
    'san.ext',
  ].map((file) => join(folder, file)) as [string, string, string, string, string, string];
  const openssl = (...args: string[]) => exec('openssl', args);
  const newKey = ['-newkey', 'rsa:2048', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    '/CN=A test of Recourse',
    '-keyout',
    caKey,
    '-out',
    ca,
  );
  await openssl('req', ...newKey, '-subj', '/CN=127.0.0.1', '-keyout', key, '-out', request);
  await writeFile(extensions, 'subjectAltName=IP:127.0.0.1\n');
  await openssl(
    'x509',
    '-req',
    '-days',
    '2',
    '-in',
    request,
    '-CA',
    ca,
    '-CAkey',
    caKey,
    '-CAcreateserial',
    '-extfile',
    extensions,
    '-out',
    certificate,
  );
  const both = await Promise.all([key, certificate].map((file) => readFile(file, 'utf8')));
  await writeFile(join(folder, 'kafka.pem'), both.join(''));
  return ca;
};

const protocols = ['PLAINTEXT', 'SASL_PLAINTEXT', 'SASL_SSL'];

/** Two listeners more, over SASL, one of them over TLS. What stands later in the file counts. */
export const listenWithSasl = async ({ folder, kafka }: Stack, plainPort: number, tlsPort: number) => {
  const file = join(folder, 'kafka', 'server.properties');
  const [, controller] = /(CONTROLLER:\/\/\S+)/.exec(await readFile(file, 'utf8'))!;
  const ours = `PLAINTEXT://127.0.0.1:${kafka.port},SASL_PLAINTEXT://127.0.0.1:${plainPort},SASL_SSL://127.0.0.1:${tlsPort}`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const jaas = ['sasl_plaintext', 'sasl_ssl'].flatMap((listener) => [
    `listener.name.${listener}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${name}="${right}";`,
    `listener.name.${listener}.scram-sha-256.sasl.jaas.config=${scram}`,
    `listener.name.${listener}.scram-sha-512.sasl.jaas.config=${scram}`,
  ]);
  const lines = [
    `listeners=${ours},${controller}`,
    `advertised.listeners=${ours}`,
    `listener.security.protocol.map=CONTROLLER:PLAINTEXT,${protocols.map((it) => `${it}:${it}`).join(',')}`,
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${join(folder, 'kafka.pem')}`,
    ...jaas,
  ];
  await appendFile(file, `${lines.join('\n')}\n`);
};

/** Tells the broker the user's password for SCRAM. */
export const addScramUser = async ({ environment }: Stack) => {
  const { java, mvn } = await findPrograms(jarsThere());
  const jars = await kafkaJars(mvn, () => {});
  // A request may alter a user once.
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'])
    await exec(java, [
      ...['-XX:TieredStopAtLevel=1', '-cp', classPath(jars), 'kafka.admin.ConfigCommand'],
      ...['--bootstrap-server', environment.KAFKA_BROKERS, '--alter'],
      ...['--add-config', `${mechanism}=[password=${right}]`],
      ...['--entity-type', 'users', '--entity-name', name],
    ]);
};

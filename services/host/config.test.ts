import { describe, expect, it } from '@jest/globals';
import { StartError } from '@recourse/infra/errors';
import { Command } from 'commander';
import { addSettingOptions } from './commands/options.ts';
import { type Flags, isLoopback, readConfig, type SettingName, settingNames, settingsNow } from './config.ts';
import { type Setting, settings } from './settings.ts';

const complaintOf = (flags: Flags, environment: Record<string, string> = {}): string => {
  try {
    readConfig(flags, environment);
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
  return 'no complaint';
};

describe('settings', () => {
  it('all have a default that they allow', () => {
    const config = readConfig({}, {});
    expect(config).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      dataDir: './data',
      allowUnauthenticated: false,
      askDelaysMs: [1_000, 2_000, 5_000, 10_000, 20_000],
      retryDelaysMs: [1_000, 5_000, 20_000, 60_000],
      demoStock: true,
      logFormat: 'auto',
      waitSecondsMax: 60,
    });
    expect(config.carrierCountries).toContain('United Kingdom');
    expect(Object.keys(config)).toEqual(settingNames);
  });

  it('come from flags before the environment before defaults, and say which', () => {
    const flags = { port: '4000' };
    const environment = { PORT: '5000', SLOW_MS: '7', HOST: '', RECOURSE_UNHEARD_OF: 'x' };
    expect(readConfig(flags, environment)).toMatchObject({ port: 4000, slowMs: 7, host: '127.0.0.1' });
    const sources = new Map(settingsNow(flags, environment).map(({ name, source }) => [name, source]));
    expect([sources.get('port'), sources.get('slowMs'), sources.get('host')]).toEqual([
      'flag',
      'environment',
      'default',
    ]);
  });

  it('are each named as its flag, so that the flag reaches them', () => {
    const command = addSettingOptions(new Command());
    expect(command.options.map((option) => option.attributeName())).toEqual(settingNames);
  });

  it('take a switch without a value as true', () => {
    expect(readConfig({ allowUnauthenticated: true, host: '0.0.0.0' }, {}).allowUnauthenticated).toBe(true);
  });

  it('let the carrier serve all countries, or those named', () => {
    expect(readConfig({ carrierCountries: '*' }, {}).carrierCountries).toEqual(['*']);
    expect(readConfig({ carrierCountries: 'France, EIRE' }, {}).carrierCountries).toEqual(['France', 'EIRE']);
  });

  it('let an EventStoreDB be a cluster of several nodes', () => {
    for (const url of [
      'esdb://a:2113',
      'esdb://u:p@a:1,b:2,c:3?tls=true',
      'kurrentdb+discover://u:p@dns:2113/?tls=false',
    ])
      expect(readConfig({ eventstoreUrl: url }, {}).eventstoreUrl).toBe(url);
  });

  const bad: Record<SettingName, readonly string[]> = {
    port: ['abc', '-1', '65536', '3000.5', '3e3', ' 3000'],
    host: ['not a host', 'http://127.0.0.1', '-x'],
    dataDir: ['x'.repeat(5_000)],
    allowUnauthenticated: ['yes', '1'],
    openOrdersMax: ['0', '-5', 'many', '1000001'],
    sagaVersion: ['0', '3', 'v2', '2.0', '-1'],
    sagaRampPercent: ['-1', '101', '10%', '0.5'],
    orderDeadlineMs: ['999', '5 min'],
    askDelaysMs: ['1,x', ',', '0', '1,,2', '3600001', Array(21).fill('1').join(',')],
    callMsMax: ['0', '60001'],
    gatewayLatencyMs: ['-1', '1.5'],
    carrierLatencyMs: ['fast'],
    slowMs: ['600001'],
    carrierCountries: ['France,,Spain', 'x'.repeat(65)],
    demoStock: ['no'],
    logLevel: ['loud'],
    logFormat: ['xml'],
    shutdownMsMax: ['99'],
    retryDelaysMs: ['soon'],
    waitSecondsMax: ['0', '601'],
    role: ['everything', 'api,,relay', 'api relay'],
    foreign: ['order', 'inventory', 'shipping;payment'],
    development: ['yes'],
    startWaitMsMax: ['-1', 'soon'],
    kafkaBrokers: ['localhost', 'kafka://localhost:9092', 'a:1,,b:2'],
    kafkaTopicPrefix: ['shop/', 'x'.repeat(101)],
    kafkaPartitions: ['0', '1001'],
    kafkaReplicationFactor: ['0', '11'],
    kafkaTls: ['on'],
    kafkaTlsCaFile: ['x'.repeat(5_000)],
    kafkaSaslMechanism: ['gssapi'],
    kafkaSaslUsername: ['x'.repeat(256)],
    kafkaSaslPassword: ['x'.repeat(1_001)],
    postgresUrl: ['localhost:5432', 'http://localhost/db'],
    postgresSchema: ['Shop', '1st', 'a-b', 'x'.repeat(41)],
    postgresConnectionsMax: ['1', '201'],
    eventstoreUrl: ['localhost:2113', 'http://localhost:2113', 'esdb://?tls=true', 'esdb://a b:2113'],
    relayShards: ['0', '257'],
  };

  it.each(
    Object.entries(bad).flatMap(([name, texts]) => texts.map((text) => [name, text.slice(0, 30), text])),
  )(
    '%s cannot be "%s": the complaint names variable, flag, what was given and what is allowed',
    (name, _, text) => {
      const { variable, allowed, secret }: Setting = settings[name as SettingName];
      const flag = `--${variable.toLowerCase().replaceAll('_', '-')}`;
      const byEnvironment = complaintOf({}, { [variable]: text });
      const byFlag = complaintOf({ [name]: text });
      for (const complaint of [byEnvironment, byFlag]) {
        if (secret === true) expect(complaint).not.toContain(text.slice(0, 20));
        else expect(complaint).toContain(`${variable} (${flag}) is "${text.slice(0, 200)}`);
        expect(complaint).toContain(`it must be ${allowed}.`);
        expect(complaint.split('\n')).toHaveLength(1);
      }
      expect(byEnvironment).toContain('in the environment');
      expect(byFlag).toContain(`by ${flag}`);
    },
  );

  it('are complained about together, a line each', () => {
    expect(complaintOf({ port: 'x' }, { LOG_LEVEL: 'loud' }).split('\n')).toHaveLength(2);
  });
});

describe('an address that others could reach', () => {
  it.each(['0.0.0.0', '::', '192.168.1.5', 'shop.example', '128.0.0.1'])(
    '%s is refused without a flag',
    (host) => {
      expect(complaintOf({ host })).toContain('--allow-unauthenticated');
      expect(readConfig({ host }, { ALLOW_UNAUTHENTICATED: 'true' }).host).toBe(host);
    },
  );

  it.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'])(
    '%s is none',
    (host) => {
      expect(isLoopback(host)).toBe(true);
      expect(readConfig({ host }, {}).host).toBe(host);
    },
  );
});

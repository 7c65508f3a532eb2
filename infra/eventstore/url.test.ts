import { describe, expect, it } from '@jest/globals';
import { StartError } from '../errors.ts';
import { clientSettings } from './url.ts';

describe('the connection string of EventStoreDB', () => {
  it('names one server, or a cluster by a name or by its members, old or new', () => {
    const endpoint = { address: 'es.example', port: 2113 };
    const connectionName = 'recourse';
    expect(clientSettings('esdb://es.example')).toMatchObject({
      connection: { endpoint, connectionName },
      channel: { insecure: false },
      credentials: undefined,
      ignored: [],
    });
    expect(clientSettings('kurrentdb://es.example:2113/?tls=false').channel).toEqual({ insecure: true });
    expect(clientSettings('kurrentdb+discover://es.example').connection).toEqual({
      discover: endpoint,
      connectionName,
    });
    expect(clientSettings('esdb://es.example,b:4').connection).toMatchObject({
      endpoints: [endpoint, { address: 'b', port: 4 }],
    });
  });

  it('holds name and password, percent-encoded, and options in any writing', () => {
    const url =
      'esdb://shop:a%3Ab%40c%2F@h:1?Keep_Alive-Interval=20000&connectionname=x&nodePreference=leader&colour=red';
    expect(clientSettings(url)).toEqual({
      connection: { endpoint: { address: 'h', port: 1 }, connectionName: 'x', keepAliveInterval: 20_000 },
      channel: { insecure: false },
      credentials: { username: 'shop', password: 'a:b@c/' },
      ignored: ['colour'],
    });
  });

  it.each([
    ['http://s3cret:s3cret@h', 'it must be esdb://'],
    ['esdb://s3cret:s3%cret@h', 'two hexadecimal digits'],
    ['esdb://u:s3cret@h:99999', 'each host'],
    ['esdb://u:s3cret@h:1:2', 'each host'],
    ['esdb://u:s3cret@h?nodePreference=follower', 'nodePreference must be leader: what was just written'],
    ['esdb://u:s3cret@h?throwOnAppendFailure=false', 'throwOnAppendFailure must be true'],
    ['esdb://u:s3cret@h?tlsVerifyCert=false', 'name the certificate in tlsCAFile'],
    ['esdb://u:s3cret@h?keepAliveInterval=often', 'keepAliveInterval must be a whole number'],
    ['esdb://u:s3cret@h?tlsCAFile=/no/such/file', 'the file of tlsCAFile cannot be read: ENOENT'],
  ])('is refused: %s', (url, says) => {
    const refused = (() => {
      try {
        return clientSettings(url);
      } catch (error) {
        return error as StartError;
      }
    })();
    expect(refused).toBeInstanceOf(StartError);
    expect((refused as StartError).message).toContain('EVENTSTORE_URL cannot be used');
    expect((refused as StartError).message).toContain(says);
    expect((refused as StartError).message).not.toContain('s3');
  });
});

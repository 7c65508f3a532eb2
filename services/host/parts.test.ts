import { describe, expect, it } from '@jest/globals';
import { type Closing, closeAll, composed, together } from './parts.ts';

/** Parts of which some cannot be closed, and what was done with them. */
const parts = () => {
  const closed: string[] = [];
  return {
    closed,
    sound: (name: string) => async () => {
      await null;
      closed.push(name);
    },
    failing: (name: string) => async () => {
      await null;
      closed.push(name);
      throw new Error(`${name} cannot be closed`);
    },
  };
};

describe('closing', () => {
  it('closes the last opened first, each also where others could not be closed, and tells the first failure', async () => {
    const { closed, sound, failing } = parts();
    const throwing = () => {
      throw new Error('never');
    };
    const closing: Closing = [sound('log'), throwing, failing('broker'), sound('api')];
    await expect(closeAll(closing)).rejects.toThrow('broker cannot be closed');
    expect(closed).toEqual(['api', 'broker', 'log']);
    await closeAll(closing);
    expect(closed).toHaveLength(3);
  });

  it('goes on after what is closed together when all of it has ended', async () => {
    const { closed, sound, failing } = parts();
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      closed.push('broker');
    };
    const closing: Closing = [sound('log'), together([failing('http'), slow])];
    await expect(closeAll(closing)).rejects.toThrow('http cannot be closed');
    expect(closed).toEqual(['http', 'broker', 'log']);
  });

  it('tells why a composition failed, and not what could not be closed then', async () => {
    const { closed, sound, failing } = parts();
    const composing = composed(async (closing) => {
      closing.push(sound('log'), failing('broker'));
      throw new Error('no port');
    });
    await expect(composing).rejects.toThrow('no port');
    expect(closed).toEqual(['broker', 'log']);
  });
});
